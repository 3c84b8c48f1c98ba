"""A fault at every step of saving: whatever happens, the newest loadable checkpoint is the old one or the new one."""

from __future__ import annotations

import errno
import logging
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from streammtl.checkpoint import Checkpoints
from streammtl.errors import CheckpointError
from tests.checkpoint.states import small_state


@pytest.fixture(autouse=True)
def without_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """`fsync` helps against a loss of power, which no test here brings about; its place among the steps is tested."""
    monkeypatch.setattr(os, "fsync", lambda file: None)


#: What is saved upon what: the first, one that pushes out an older one, and one of a number that is there already.
SCENES = {"first": ([], 3), "next": ([1, 2], 3), "same number": ([1, 3], 3)}


def prepare(path: Path, scene: str) -> None:
    with Checkpoints(Checkpoints.Config(path=path, keep=2), {}) as checkpoints:
        for number in SCENES[scene][0]:
            checkpoints.save(small_state(number), number)


def save(path: Path, scene: str, announce: Callable[[str], None] | None) -> None:
    with Checkpoints(Checkpoints.Config(path=path, keep=2), {}, announce=announce) as checkpoints:
        checkpoints.save(small_state(100), SCENES[scene][1])


def steps_of(path: Path, scene: str) -> list[str]:
    """The steps of a save without a fault; `path` is then free again."""
    prepare(path, scene)
    steps: list[str] = []
    save(path, scene, steps.append)
    shutil.rmtree(path)
    return steps


def check_old_or_new(path: Path, scene: str, is_new_expected: bool | None = None) -> None:
    with Checkpoints(Checkpoints.Config(path=path, keep=2), {}) as checkpoints:
        latest = checkpoints.load_latest()
        old = max(SCENES[scene][0], default=None)
        assert (latest[0]["step"] if latest else None) in (old, 100)
        if is_new_expected is not None:
            assert (latest is not None and latest[0]["step"] == 100) == is_new_expected
        leftovers = [entry.name for entry in path.iterdir() if not entry.name.startswith("checkpoint-")]
        assert leftovers == ["lock"]
        checkpoints.save(small_state(101), 4)
        latest = checkpoints.load_latest()
        assert latest is not None
        assert latest[0]["step"] == 101


def raising(step: str, error: BaseException) -> Callable[[str], None]:
    """Raise once, at the first announcement of `step`."""
    errors = [error]

    def announce(announced: str) -> None:
        if announced == step and errors:
            raise errors.pop()

    return announce


@pytest.mark.parametrize("scene", SCENES)
def test_a_full_disk_at_any_step_leaves_the_old_or_the_new_and_no_litter(
    tmp_path: Path, scene: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "checkpoints"
    for step in steps_of(path, scene):
        prepare(path, scene)
        caplog.clear()
        complaint = ""
        try:
            save(path, scene, raising(step, OSError(errno.ENOSPC, "No space left on device")))
        except CheckpointError as error:
            complaint = str(error)
        saved = not complaint  # then what failed was the removal of older ones: a warning
        assert "No space left on device" in (caplog.text if saved else complaint)
        assert saved or f"{path}/checkpoint-000000000003" in complaint
        litter = [entry.name for entry in path.iterdir() if entry.name.startswith(".")]
        assert saved or not litter
        check_old_or_new(path, scene, is_new_expected=True if saved else None)
        shutil.rmtree(path)


@pytest.mark.parametrize("scene", SCENES)
def test_an_interrupt_at_any_step_leaves_the_old_or_the_new(tmp_path: Path, scene: str) -> None:
    path = tmp_path / "checkpoints"
    for step in steps_of(path, scene):
        prepare(path, scene)
        with pytest.raises(KeyboardInterrupt):
            save(path, scene, raising(step, KeyboardInterrupt()))
        check_old_or_new(path, scene)
        shutil.rmtree(path)


KILL_AT_EVERY_STEP = """
import os, sys
from pathlib import Path
from tests.checkpoint.test_faults import prepare, save, steps_of

os.fsync = lambda file: None
root, scene = Path(sys.argv[1]), sys.argv[2]
steps = steps_of(root / "checkpoints", scene)
for index, step in enumerate(steps):
    path = root / f"{index:03} {step}" / "checkpoints"
    path.parent.mkdir()
    prepare(path, scene)
    child = os.fork()
    if child == 0:
        save(path, scene, lambda announced: os._exit(9) if announced == step else None)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9, step
"""


@pytest.mark.parametrize("scene", SCENES)
def test_a_kill_at_any_step_leaves_the_old_or_the_new(tmp_path: Path, scene: str) -> None:
    subprocess.run([sys.executable, "-c", KILL_AT_EVERY_STEP, tmp_path, scene], check=True, env=_one_thread())
    folders = sorted(tmp_path.iterdir())
    assert len(folders) >= 20
    steps = [folder.name.partition(" ")[2] for folder in folders]
    renamed = steps.index("after rename .writing-000000000003 to checkpoint-000000000003")
    for index, folder in enumerate(folders):
        check_old_or_new(folder / "checkpoints", scene, is_new_expected=index >= renamed)


def _one_thread() -> dict[str, str]:
    return dict(os.environ) | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def test_everything_is_on_the_disk_before_it_gets_its_name(tmp_path: Path) -> None:
    steps = steps_of(tmp_path / "checkpoints", "next")
    rename = steps.index("before rename .writing-000000000003 to checkpoint-000000000003")
    for name in ("arrays.safetensors", "state.json", "SHA256SUMS"):
        written, synced = steps.index(f"after write {name}"), steps.index(f"after fsync {name}")
        assert written < synced < steps.index("before fsync .writing-000000000003") < rename
    assert steps.index("after fsync .writing-000000000003") < rename
    assert rename < steps.index("after fsync checkpoints") < steps.index("before remove arrays.safetensors")


def test_a_disk_that_is_really_too_small_leaves_the_old_one(tmp_path: Path) -> None:
    with Checkpoints(Checkpoints.Config(path=tmp_path), {}) as checkpoints:
        checkpoints.save(small_state(1), 1)
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
        try:
            with pytest.raises(CheckpointError, match="File too large"):
                checkpoints.save(small_state(2), 2)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, handler)
        assert sorted(entry.name for entry in tmp_path.iterdir()) == ["checkpoint-000000000001", "lock"]
        checkpoints.save(small_state(2), 2)
        assert checkpoints.numbers() == [1, 2]


def test_a_folder_that_vanished_is_an_error_that_names_it(tmp_path: Path) -> None:
    with Checkpoints(Checkpoints.Config(path=tmp_path / "gone"), {}) as checkpoints:
        shutil.rmtree(tmp_path / "gone")
        with pytest.raises(CheckpointError, match="gone: No such file or directory"):
            checkpoints.save(small_state(), 1)
        with pytest.raises(CheckpointError, match="gone: No such file or directory"):
            checkpoints.load_latest()


def test_a_folder_that_cannot_be_made_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match=r"cannot open the checkpoint folder .*file/inside: Not a directory"):
        Checkpoints(Checkpoints.Config(path=tmp_path / "file" / "inside"), {})


def test_a_read_only_disk_at_the_opening_is_an_error(tmp_path: Path) -> None:
    (tmp_path / ".writing-000000000001").mkdir()
    announce = raising("before remove .writing-000000000001", OSError(errno.EROFS, "Read-only file system"))
    with pytest.raises(CheckpointError, match=r"cannot tidy up .*: Read-only file system"):
        Checkpoints(Checkpoints.Config(path=tmp_path), {}, announce=announce)
    with Checkpoints(Checkpoints.Config(path=tmp_path), {}):
        assert [entry.name for entry in tmp_path.iterdir()] == ["lock"]


def test_a_state_that_cannot_be_written_leaves_everything_as_it_was(tmp_path: Path) -> None:
    with Checkpoints(Checkpoints.Config(path=tmp_path), {}) as checkpoints:
        checkpoints.save(small_state(1), 1)
        with pytest.raises(CheckpointError, match=r"state\['bad'\]"):
            checkpoints.save({"bad": (1,)}, 2)
        assert checkpoints.numbers() == [1]


def test_older_ones_that_cannot_be_removed_are_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    prepare(tmp_path, "next")
    announce = raising(
        "before rename checkpoint-000000000001 to .removing-000000000001", OSError(errno.EIO, "I/O error")
    )
    with caplog.at_level(logging.WARNING):
        save(tmp_path, "next", announce)
    assert "older checkpoints in" in caplog.text


def test_a_damaged_one_that_cannot_be_removed_does_not_stop_later_saves(tmp_path: Path) -> None:
    prepare(tmp_path, "next")
    (tmp_path / "checkpoint-000000000002" / "state.json").unlink()
    announce = raising(
        "before rename checkpoint-000000000002 to .removing-000000000002", OSError(errno.EIO, "I/O error")
    )
    with Checkpoints(Checkpoints.Config(path=tmp_path, keep=1), {}, announce=announce) as checkpoints:
        checkpoints.load_latest()
        checkpoints.save(small_state(1), 1)
        checkpoints.save(small_state(1), 1)
        assert checkpoints.numbers() == [1]
