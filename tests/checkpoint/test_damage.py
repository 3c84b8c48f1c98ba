from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from streammtl.checkpoint import Checkpoints, read_checkpoint
from streammtl.errors import CheckpointDamagedError
from tests.checkpoint.states import small_state
from tests.logged import logged

FILES = ("arrays.safetensors", "state.json", "SHA256SUMS")


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip_first_bit(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(bytes([content[0] ^ 1]) + content[1:])


def flip_last_bit(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 128]))


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def add_another(path: Path) -> None:
    (path.parent / "model.pkl").write_bytes(b"")


DAMAGES: tuple[Callable[[Path], None], ...] = (
    truncate,
    lengthen,
    empty,
    flip_first_bit,
    flip_last_bit,
    Path.unlink,
    replace_by_folder,
    add_another,
)


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    opened = Checkpoints(Checkpoints.Config(path=tmp_path), {"seed": 0})
    for number in (1, 2, 3):
        opened.save(small_state(number), number)
    return opened


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_newest_is_named_and_the_one_before_it_is_loaded(
    checkpoints: Checkpoints, name: str, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    damage(checkpoints.path / "checkpoint-000000000003" / name)
    with caplog.at_level(logging.WARNING):
        latest = checkpoints.load_latest()
    checkpoints.close()
    assert latest is not None
    assert latest[0]["step"] == 2
    assert latest[1].name == "checkpoint-000000000002"
    (message,) = logged(caplog, "streammtl.checkpoint")
    assert "checkpoint-000000000003" in message
    assert "model.pkl" in message or damage is not add_another


def test_every_flipped_bit_is_found(checkpoints: Checkpoints) -> None:
    folder = checkpoints.path / "checkpoint-000000000003"
    checkpoints.close()
    for name in FILES:
        content = (folder / name).read_bytes()
        for index in range(len(content)):
            changed = bytearray(content)
            changed[index] ^= 1 << index % 8
            (folder / name).write_bytes(changed)
            with pytest.raises(CheckpointDamagedError):
                read_checkpoint(folder)
        (folder / name).write_bytes(content)
    assert read_checkpoint(folder).number == 3


def test_if_all_are_damaged_that_is_an_error_that_says_so(checkpoints: Checkpoints) -> None:
    for number in (1, 2, 3):
        empty(checkpoints.path / f"checkpoint-{number:012}" / "state.json")
    with pytest.raises(CheckpointDamagedError, match=r"no checkpoint in .* can be used: .*0003.*0002.*0001"):
        checkpoints.load_latest()
    checkpoints.close()


def test_the_next_save_replaces_the_damaged_ones(tmp_path: Path) -> None:
    with Checkpoints(Checkpoints.Config(path=tmp_path, keep=2), {}) as checkpoints:
        for number in (10, 20):
            checkpoints.save(small_state(number), number)
        empty(tmp_path / "checkpoint-000000000020" / "state.json")
        checkpoints.load_latest()
        checkpoints.save(small_state(15), 15)
        assert checkpoints.numbers() == [10, 15]


def test_a_damaged_one_of_the_same_number_is_replaced(tmp_path: Path) -> None:
    with Checkpoints(Checkpoints.Config(path=tmp_path, keep=1), {}) as checkpoints:
        path = checkpoints.save(small_state(10), 10)
        (path / "state.json").unlink()
        with pytest.raises(CheckpointDamagedError):
            checkpoints.load_latest()
        checkpoints.save(small_state(10), 10)
        assert checkpoints.load(path)["step"] == 10
