"""A compiled kernel is kept, and found again; it is the same kernel however it came about."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

#: Learns from a small stream and prints a digest of all outputs, and what was logged.
LEARN = """
import hashlib, logging, sys
import numpy as np
logging.basicConfig(stream=sys.stdout, format="%(message)s", level=logging.INFO)
from streammtl.models.mlp import Mlp
from streammtl.testing.models import LAYOUT, example_ops, example_tasks
model = Mlp.Config(hidden=(13,)).build(LAYOUT, example_tasks())
outputs = model.advance(example_ops(300), np.ones(4)).outputs_PO
print("digest", hashlib.sha256(outputs.tobytes()).hexdigest())
"""


def learn(home: Path) -> tuple[str, str]:
    """Digest and log of a process with this home folder."""
    environment = {**os.environ, "HOME": str(home)}
    done = subprocess.run([sys.executable, "-c", LEARN], env=environment, capture_output=True, text=True, check=True)
    log, _, digest = done.stdout.rpartition("digest ")
    return digest.strip(), log


@pytest.mark.slow
def test_a_kernel_is_the_same_compiled_read_again_or_compiled_in_memory(tmp_path: Path) -> None:
    first, log = learn(tmp_path)
    assert "compiling the kernel" in log
    again, log = learn(tmp_path)
    assert log == ""
    assert again == first
    no_folder = tmp_path / "file"
    no_folder.touch()
    in_memory, log = learn(no_folder)
    assert "cannot be kept" in log
    assert in_memory == first


@pytest.mark.slow
def test_processes_may_compile_the_same_kernel_at_the_same_time(tmp_path: Path) -> None:
    environment = {**os.environ, "HOME": str(tmp_path)}
    running = [
        subprocess.Popen([sys.executable, "-c", LEARN], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    digests = {process.communicate()[0].rpartition("digest ")[2] for process in running}
    assert [process.returncode for process in running] == [0, 0]
    assert len(digests) == 1
    assert len(list((tmp_path / ".cache/streammtl/kernels").glob("*.py"))) == 1


@pytest.mark.slow
def test_a_damaged_kept_kernel_is_replaced(tmp_path: Path) -> None:
    first, _ = learn(tmp_path)
    folder = tmp_path / ".cache/streammtl/kernels"
    for kept in folder.glob("__pycache__/*.nb*"):
        kept.write_bytes(b"damaged")
    again, log = learn(tmp_path)
    assert "cannot be kept" in log
    assert again == first
    again, log = learn(tmp_path)
    assert "compiling the kernel" in log
    assert again == first
