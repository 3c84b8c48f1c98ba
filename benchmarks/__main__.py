"""Runs the named benchmarks one after the other, or all of them: `python -m benchmarks [NAME ...]`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

#: Not a measurement by itself, or one of many minutes with a folder for its results.
LEFT_OUT = {"__init__", "__main__", "recorded", "streams", "learner_peers", "kafka_echo"}


def names() -> list[str]:
    """The benchmarks, in alphabetical order."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in LEFT_OUT)


def main() -> int:
    """Run the named benchmarks, or all; the number that failed."""
    n_failed = 0
    for name in sys.argv[1:] or names():
        print(f"== {name}", flush=True)
        n_failed += subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode != 0
    return n_failed


if __name__ == "__main__":
    sys.exit(main())
