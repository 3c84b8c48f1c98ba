from __future__ import annotations

import importlib
import logging
import sys
from pathlib import Path

import pytest

from streammtl.compiling import compiled
from tests.logged import logged


def test_compiling_is_announced_once_and_not_where_it_was_done_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)  # what was compiled is read again by the name of the module
    (tmp_path / "loops_of_a_test.py").write_text("def one(n):\n    return n + 1\n\ndef two(n):\n    return n + 2\n")
    said = []
    for _ in range(2):
        monkeypatch.delitem(sys.modules, "loops_of_a_test", raising=False)
        module = importlib.import_module("loops_of_a_test")
        with caplog.at_level(logging.INFO, logger="streammtl.compiling"):
            caplog.clear()
            one, two = compiled("the loops of a test", module.one, module.two)
            assert (one(1), two(1)) == (2, 3)
        said.append(logged(caplog, "streammtl.compiling"))
    assert said == [["compiling the loops of a test, once on this machine: some seconds"], []]
