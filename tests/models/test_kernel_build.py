"""A compiled kernel is kept, and found again; it is the same kernel however it came about."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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


def learn(home: Path) -> tuple[str, str]:
    """Digest and log of a process with this home folder."""
    environment = {**os.environ, "HOME": str(home)}
    done = subprocess.run([sys.executable, "-c", LEARN], env=environment, capture_output=True, text=True, check=True)
    log, _, digest = done.stdout.rpartition("digest ")
    return digest.strip(), log


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A home folder in which a process has compiled; its digest and log."""
    home = tmp_path_factory.mktemp("home")
    return home, *learn(home)


@pytest.mark.slow
def test_a_kernel_is_the_same_compiled_read_again_or_compiled_in_memory(
    kept: tuple[Path, str, str], tmp_path: Path
) -> None:
    home, first, log = kept
    assert "compiling the kernel" in log
    again, log = learn(home)
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
    kept = [path.name.split("_")[1] for path in (tmp_path / ".cache/streammtl/kernels").glob("*.py")]
    assert sorted(kept) == ["kernel", "passes"]


@pytest.mark.slow
def test_a_damaged_kept_kernel_is_replaced(kept: tuple[Path, str, str], tmp_path: Path) -> None:
    home, first, _ = kept
    own = shutil.copytree(home, tmp_path / "home")
    folder = own / ".cache/streammtl/kernels"
    for file in folder.glob("__pycache__/streammtl_kernel_*.nb*"):
        file.write_bytes(b"damaged")
    again, log = learn(own)
    assert "cannot be kept" in log
    assert again == first
    again, log = learn(own)
    assert "compiling the kernel" in log
    assert again == first
