from __future__ import annotations

import importlib.util
import logging
from pathlib import Path
from types import ModuleType

import pytest

from streammtl.compiling import compiled


def module_at(path: Path) -> ModuleType:
    plan = importlib.util.spec_from_file_location("loops_of_a_test", path)
    assert plan is not None
    assert plan.loader is not None
    module = importlib.util.module_from_spec(plan)
    plan.loader.exec_module(module)
    return module


def test_compiling_is_announced_once_and_not_where_it_was_done_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "loops_of_a_test.py"
    path.write_text("def one(n):\n    return n + 1\n\ndef two(n):\n    return n + 2\n")
    said = []
    for _ in range(2):
        module = module_at(path)
        with caplog.at_level(logging.INFO, logger="streammtl.compiling"):
            caplog.clear()
            one, two = compiled("the loops of a test", module.one, module.two)
            assert (one(1), two(1)) == (2, 3)
        said.append([record.getMessage() for record in caplog.records])
    assert said == [["compiling the loops of a test, once on this machine: some seconds"], []]
