"""Nothing but its one module reads the clock, the environment or global randomness, or unpickles."""

from __future__ import annotations

import ast
import re

import pytest

from tests.project.source_tree import modules

#: Expressions `a.b`, as patterns, with the only places (files, or folders) that may have them.
CONFINED_EXPRESSIONS: dict[str, tuple[str, ...]] = {
    r"os\.(environ|getenv|putenv)": (
        "streammtl/config.py",
        "streammtl/kafka/security.py",
        "streammtl/compare/process.py",  # sets the number of threads of its own process
    ),
    r"time\.(time|time_ns|monotonic|perf_counter|sleep)": ("streammtl/clock.py",),
    r"(datetime\.)?(datetime|date)\.(now|utcnow|today)": ("streammtl/clock.py",),
    # The class may be named as a type anywhere; making one is for streammtl.seeds, and for data of tests.
    r"(np|numpy)\.random\.(?!Generator$)\w+": ("streammtl/seeds.py", "streammtl/testing/"),
    r"(np|numpy)\.random\.(?!Generator$|default_rng$)\w+": ("streammtl/seeds.py",),
    r"torch\.(manual_seed|seed|load|save|set_rng_state|random)": (),
}


@pytest.mark.parametrize("pattern", sorted(CONFINED_EXPRESSIONS))
def test_it_is_used_in_its_place_only(pattern: str) -> None:
    wrong = []
    for module in modules().values():
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.Attribute) or not re.fullmatch(pattern, ast.unparse(node)):
                continue
            if not module.place.startswith(CONFINED_EXPRESSIONS[pattern] or "nowhere"):
                wrong.append(f"{module.place}:{node.lineno} {ast.unparse(node)}")
    assert not wrong


def test_nothing_allows_numpy_to_unpickle() -> None:
    wrong = [
        f"{module.place}:{node.value.lineno}"
        for module in modules().values()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle" and ast.unparse(node.value) != "False"
    ]
    assert not wrong
