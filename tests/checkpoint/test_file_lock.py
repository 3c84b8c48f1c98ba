from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from streammtl.checkpoint import Checkpoints
from streammtl.errors import CheckpointError

HOLD = """
import sys
from streammtl.checkpoint import Checkpoints
checkpoints = Checkpoints(Checkpoints.Config(path=sys.argv[1]), {})
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the folder."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_process_is_refused_and_told_who_holds_the_folder(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    with pytest.raises(CheckpointError, match=f"{tmp_path} is held by process {holder.pid}"):
        Checkpoints(Checkpoints.Config(path=tmp_path), {})


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_holder_that_is_killed_lets_go(tmp_path: Path, holder: subprocess.Popen[str], number: signal.Signals) -> None:
    holder.send_signal(number)
    holder.wait()
    Checkpoints(Checkpoints.Config(path=tmp_path), {}).close()


def test_a_holder_that_ends_lets_go(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    assert holder.stdin is not None
    holder.stdin.close()
    assert holder.wait() == 0
    Checkpoints(Checkpoints.Config(path=tmp_path), {}).close()


def test_the_same_process_is_refused_too(tmp_path: Path) -> None:
    with Checkpoints(Checkpoints.Config(path=tmp_path), {}) as checkpoints:
        with pytest.raises(CheckpointError, match="held by this process already"):
            Checkpoints(Checkpoints.Config(path=tmp_path), {})
        checkpoints.save({}, 1)  # the refused one left the lock alone
    Checkpoints(Checkpoints.Config(path=tmp_path), {}).close()


def test_litter_is_not_removed_while_another_holds_the_folder(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    (tmp_path / ".writing-000000000001").mkdir()
    with pytest.raises(CheckpointError):
        Checkpoints(Checkpoints.Config(path=tmp_path), {})
    assert (tmp_path / ".writing-000000000001").exists()
