"""Heavy packages are imported where they are used, not by looking around."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

#: Each costs tenths of a second or more to import.
HEAVY = ("torch", "numba", "river", "pyarrow", "pandas", "scipy", "sklearn")

SITUATIONS = {
    "the package": "import streammtl",
    "every family": "from streammtl.component import FAMILIES, members\nfor family in FAMILIES: members(family)",
    "streammtl --help": """
import contextlib, io
from streammtl.run.cli import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main(["--help"])
""",
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_nothing_heavy_is_imported_by(situation: str) -> None:
    report = f"\nimport json, sys\nprint(json.dumps([name for name in {HEAVY} if name in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", SITUATIONS[situation] + report], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == []
