"""The part of requirements.lock that a running streammtl needs, with its hashes, on standard output.

    python deploy/runtime_lock.py --extra confluent --without torch > runtime.lock

What belongs to what is read from the lock's own comments (`# via`). `--without torch` leaves out torch and what only
torch needs (gigabytes of CUDA libraries): the default model does not use it; `shared_bottom` does. `--tool hatchling`
gives what a development tool needs in place of all that. Standard library only.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def normal(name: str) -> str:
    """A distribution's name as indexes spell it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def entries() -> dict[str, list[str]]:
    """The lock's entries by name; a distribution may have several, for different platforms."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    found: dict[str, list[str]] = {}
    for entry in re.split(r"\n(?=[A-Za-z0-9])", text)[1:]:
        found.setdefault(normal(entry.partition("==")[0]), []).append(entry.rstrip("\n") + "\n")
    return found


def parents(entry: str) -> set[str]:
    """Who needs the distribution, as the comments say."""
    comments = [line.strip().removeprefix("#").strip() for line in entry.split("\n") if line.strip().startswith("#")]
    names = " ".join(comments).removeprefix("via").split()
    return {normal(re.sub(r"\[.*\]", "", name)) for name in names if not name.startswith("(")}


def closure(roots: set[str], locked: dict[str, list[str]], without: set[str]) -> list[str]:
    """The names of the roots and of all that they need."""
    needs: dict[str, set[str]] = {}
    for name, group in locked.items():
        for entry in group:
            for parent in parents(entry):
                needs.setdefault(parent, set()).add(name)
    reached: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name not in reached and name not in without and name in locked:
            reached.add(name)
            waiting += needs.get(name, set())
    return sorted(reached)


def main(arguments: list[str] | None = None) -> None:
    """Print the part of the lock."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--extra", action="append", default=[], help="an extra of streammtl (repeatable)")
    parser.add_argument("--without", action="append", default=[], help="leave out this distribution (repeatable)")
    parser.add_argument("--tool", action="append", default=[], help="only what this tool needs (repeatable)")
    options = parser.parse_args(arguments)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = list(project["dependencies"])
    for extra in options.extra:
        wanted += project["optional-dependencies"][extra]
    roots = {normal(re.split(r"[\s\[<>=!~;]", text)[0]) for text in options.tool or wanted}
    locked = entries()
    for name in closure(roots, locked, {normal(name) for name in options.without}):
        sys.stdout.writelines(locked[name])


if __name__ == "__main__":
    main()
