"""Going back to exactly the checkpoint that a commit names."""

from __future__ import annotations

from pathlib import Path

import pytest

from streammtl.checkpoint import Checkpoints
from streammtl.errors import CheckpointDamagedError, CheckpointError


def checkpoints_in(folder: Path) -> Checkpoints:
    return Checkpoints(Checkpoints.Config(path=folder), {"seed": 0})


def test_newer_ones_were_never_committed_and_go(tmp_path: Path) -> None:
    with checkpoints_in(tmp_path) as checkpoints:
        for number in (0, 5, 9):
            checkpoints.save({"n": number}, number)
        state, path = checkpoints.load_number(5)
        assert state == {"n": 5}
        assert path.name == "checkpoint-000000000005"
        assert checkpoints.numbers() == [0, 5]
        checkpoints.save({"n": 8}, 8)  # not refused as older than 9


def test_one_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with checkpoints_in(tmp_path) as checkpoints:
        checkpoints.save({}, 3)
        with pytest.raises(CheckpointError, match=r"names checkpoint 7, but .* holds 3: restore it, or start anew"):
            checkpoints.load_number(7)
        assert checkpoints.numbers() == [3]


def test_a_damaged_one_is_refused_and_none_is_removed(tmp_path: Path) -> None:
    with checkpoints_in(tmp_path) as checkpoints:
        for number in (1, 2):
            path = checkpoints.save({"n": number}, number)
        damaged = tmp_path / "checkpoint-000000000001"
        for file in damaged.iterdir():
            file.write_bytes(b"")
        with pytest.raises(CheckpointDamagedError):
            checkpoints.load_number(1)
        assert checkpoints.numbers() == [1, 2]
        assert path.exists()
