"""A compiled kernel is kept, and found again; it is the same kernel however it came about."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from streammtl.models._kernel_build import _build, build_passes, cache_folder
from tests.logged import logged

#: Learns from a small stream and prints a digest of all outputs, and what was logged.
LEARN = """
import hashlib, logging, sys
import numpy as np
logging.basicConfig(stream=sys.stdout, format="%(message)s", level=logging.INFO)
from streammtl.models._experts import NetworkExpert
from streammtl.models.mlp import Mlp
from streammtl.models.optimizers import Sgd
from streammtl.testing.models import LAYOUT, example_ops, example_tasks
model = Mlp.Config(hidden=(13,), experts=(NetworkExpert(optimizer=Sgd()),)).build(LAYOUT, example_tasks())
outputs = model.advance(example_ops(300), np.ones(4)).outputs_PO
print("digest", hashlib.sha256(outputs.tobytes()).hexdigest())
"""


def start(home: Path) -> subprocess.Popen[str]:
    """A process with this home folder."""
    environment = {**os.environ, "HOME": str(home)}
    return subprocess.Popen([sys.executable, "-c", LEARN], env=environment, stdout=subprocess.PIPE, text=True)


def learned(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Its digest and log."""
    log, _, digest = process.communicate()[0].rpartition("digest ")
    assert process.returncode == 0
    return digest.strip(), log


def with_passes(home: Path) -> Path:
    """The folder of its kernels; in it, what serves every architecture, so that only the kernel has to be compiled."""
    build_passes()
    kernels = home / ".cache/streammtl/kernels"
    for found in [*cache_folder().glob("streammtl_passes_*"), *cache_folder().glob("__pycache__/streammtl_passes_*")]:
        place = kernels / found.relative_to(cache_folder())
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(found, place)
    return kernels


@pytest.mark.slow
def test_a_kernel_is_the_same_compiled_by_one_of_two_processes_read_again_or_compiled_in_memory(
    tmp_path: Path,
) -> None:
    kernels = with_passes(tmp_path)
    (first, log), (second, other_log) = map(learned, [start(tmp_path) for _ in range(2)])
    assert second == first
    assert (log + other_log).count("compiling the kernel") == 1
    (kept,) = kernels.glob("streammtl_kernel_*.py")
    again, log = learned(start(tmp_path))
    assert log == ""
    assert again == first
    kept.unlink()
    kept.mkdir()  # no file can be written there
    in_memory, log = learned(start(tmp_path))
    assert "cannot be kept" in log
    assert in_memory == first


#: What is kept, and how, does not depend on what it is; this compiles in no time.
def doubles(is_cached: bool) -> str:
    return f"from numba import njit\n\n\n@njit('i8(i8)', cache={is_cached})\ndef double(n):\n    return 2 * n\n"


def build_doubles(caplog: pytest.LogCaptureFixture) -> str:
    """Compile it or read it again; the log."""
    caplog.clear()
    with caplog.at_level(logging.INFO):
        module: Any = _build("doubles", "the double", doubles)
    assert module.double(4) == 8
    return "\n".join(logged(caplog, "streammtl.models"))


def test_without_a_home_folder_it_is_compiled_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    no_folder = tmp_path / "file"
    no_folder.touch()
    monkeypatch.setenv("HOME", str(no_folder))
    assert "cannot be kept" in build_doubles(caplog)


def test_what_was_kept_and_is_damaged_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "compiling the double" in build_doubles(caplog)
    assert build_doubles(caplog) == ""
    for file in (tmp_path / ".cache/streammtl/kernels/__pycache__").glob("streammtl_doubles_*.nb*"):
        file.write_bytes(b"damaged")
    assert "cannot be kept" in build_doubles(caplog)
    assert "compiling the double" in build_doubles(caplog)
    assert build_doubles(caplog) == ""
