"""Checkpoints: the whole state in one folder per moment, written so that a crash at any step loses none.

A new checkpoint is written under another name, every file and the folder are flushed to the disk (fsync), and only then
does it get its name (`checkpoint-000000000123`) in one rename, which is flushed too. Until then the older ones are
untouched; afterwards all but the newest few are removed. What a crash left half-done is cleared at the next opening.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import final

from pydantic import Field

from streammtl.checkpoint_format import Checkpoint, Configuration, fingerprint, pack, read_checkpoint
from streammtl.clock import Clock, SystemClock
from streammtl.component import Settings
from streammtl.digest import digest
from streammtl.durable import Disk
from streammtl.errors import CheckpointDamagedError, CheckpointError, ConfigError
from streammtl.file_lock import FileLock
from streammtl.types import State

_log = logging.getLogger(__name__)

# Names of folders in the works. A `_REPLACED` one comes back when its successor never got its name.
_WRITING, _REPLACED, _REMOVING = ".writing-", ".replaced-", ".removing-"


@final
class Checkpoints:
    """The checkpoints of one run, in a folder that no other process can use meanwhile.

    `configuration` is the part of the run's configuration that shapes the state, as JSON values and without secrets:
    it is stored, and a checkpoint written under another one is refused. Relative paths are taken from `base`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Checkpoints(Checkpoints.Config(path=folder), {"seed": 0}) as checkpoints:
    ...         path = checkpoints.save({"step": 7}, number=7)
    ...         state, where = checkpoints.load_latest()
    >>> state, where.name
    ({'step': 7}, 'checkpoint-000000000007')
    """

    class Config(Settings):
        """Settings of checkpoints."""

        path: Path | None = Field(default=None, description="Folder of the checkpoints; null: none are written.")
        every_records: int = Field(
            default=100_000, ge=1, description="A checkpoint is due after so many records, or after `every_s`."
        )
        every_s: float = Field(
            default=30.0, gt=0, description="A checkpoint is due after so many seconds in which a record came."
        )
        keep: int = Field(default=3, ge=1, le=1000, description="How many of the newest checkpoints are kept.")

    def __init__(
        self,
        config: Config,
        configuration: Configuration,
        base: Path = Path(),
        clock: Clock | None = None,
        announce: Callable[[str], None] | None = None,
    ) -> None:
        if config.path is None:
            raise ConfigError("checkpoint.path is null: name a folder for the checkpoints")
        self._config = config
        self._configuration = configuration
        self._clock = clock or SystemClock()
        self._disk = Disk(announce) if announce else Disk()
        self._damaged: set[int] = set()  # found so by load_latest; the next save removes them
        self._number = 0  # of the last attempt to save, or of the checkpoint that was loaded
        self._time_s = self._clock.monotonic()
        self.path = base / config.path
        try:
            self._make_folder()
            self._lock = FileLock(self.path / "lock")
        except OSError as error:
            raise CheckpointError(_cannot("open the checkpoint folder", self.path, error)) from error
        try:
            self._tidy()
        except OSError as error:
            self.close()
            raise CheckpointError(_cannot("tidy up the checkpoint folder", self.path, error)) from error

    def __enter__(self) -> Checkpoints:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Let others have the folder. May be called twice."""
        self._lock.release()

    def numbers(self) -> list[int]:
        """The numbers of the checkpoints that are there, oldest first, sound or not."""
        try:
            found = [re.fullmatch(r"checkpoint-(\d{12,})", entry.name) for entry in self.path.iterdir()]
        except OSError as error:
            raise CheckpointError(_cannot("read the checkpoint folder", self.path, error)) from error
        return sorted(int(match[1]) for match in found if match)

    def require_empty(self) -> None:
        """Raise `CheckpointError` if there are checkpoints: for a run that starts anew, which would mix with them."""
        if numbers := self.numbers():
            raise CheckpointError(
                f"{self.path} holds checkpoint {numbers[-1]} of an earlier run: resume it, or use another folder"
            )

    def is_due(self, n_records: int) -> bool:
        """Whether a run that has taken `n_records` records since its stream began should save now."""
        n_new = n_records - self._number
        elapsed_s = self._clock.monotonic() - self._time_s
        return n_new >= self._config.every_records or (n_new > 0 and elapsed_s >= self._config.every_s)

    def save(self, state: State, number: int) -> Path:
        """Write a checkpoint and return its folder; when it returns, the checkpoint outlasts a loss of power.

        `number` says how many records the run has taken and never goes back; the same one again replaces the
        checkpoint. Nothing of `state` is kept.
        Raises `CheckpointError` when it cannot be written; the earlier ones are then as they were.
        """
        self._number, self._time_s = number, self._clock.monotonic()
        files = pack(state, number, self._configuration)
        target, writing = self._folder("checkpoint-", number), self._folder(_WRITING, number)
        try:
            self._require_newest(number)
            self._tidy()
            self._disk.make_folder(writing)
            for name, content in files.items():
                self._disk.write(writing / name, content)
            self._disk.sync_folder(writing)
            if target.exists():
                self._disk.rename(target, self._folder(_REPLACED, number))
            self._disk.rename(writing, target)
            self._disk.sync_folder(self.path)
        except BaseException as error:
            self._tidy_after(error)
            if isinstance(error, OSError):
                raise CheckpointError(_cannot("write the checkpoint", target, error)) from error
            raise
        self._remove_old(number)
        return target

    def load_latest(self) -> tuple[State, Path] | None:
        """The newest sound checkpoint's state and folder; None when there is no checkpoint.

        Each damaged one on the way is a warning in the log. Raises `CheckpointDamagedError` when all are damaged, and
        `CheckpointMismatchError` when the newest sound one belongs to another configuration.
        """
        failures = []
        for number in reversed(self.numbers()):
            path = self._folder("checkpoint-", number)
            try:
                checkpoint = read_checkpoint(path)
            except CheckpointDamagedError as error:
                _log.warning("%s; going back to the one before it", error)
                self._damaged.add(number)
                failures.append(str(error))
                continue
            checkpoint.require_configuration(self._configuration)
            self._number = number
            return checkpoint.state, path
        if failures:
            raise CheckpointDamagedError(
                f"no checkpoint in {self.path} can be used: {'; '.join(failures)}. To start anew, use another folder"
            )
        return None

    def load_number(self, number: int) -> tuple[State, Path]:
        """The state and folder of exactly the checkpoint `number`; newer ones, which never counted, are removed.

        Raises `CheckpointError` when it is not there, and else what `load` raises: going back further than a commit
        would repeat what was committed.
        """
        numbers = self.numbers()
        path = self._folder("checkpoint-", number)
        if number not in numbers:
            there = f"holds {', '.join(map(str, numbers))}" if numbers else "is empty"
            raise CheckpointError(
                f"the last committed transaction names checkpoint {number}, but {self.path} {there}: restore it, or "
                "start anew with another sink.transactional_id"
            )
        state = self.load(path)
        newer = [other for other in numbers if other > number]
        try:
            for other in reversed(newer):
                _log.warning("checkpoint %d was never committed and is removed: going back to %d", other, number)
                self._disk.rename(self._folder("checkpoint-", other), self._folder(_REMOVING, other))
            self._tidy()
        except OSError as error:
            raise CheckpointError(_cannot("tidy up the checkpoint folder", self.path, error)) from error
        self._number = number
        return state, path

    def load(self, path: Path) -> State:
        """The state of the checkpoint in this folder, wherever it lies; raises as `load_latest` does."""
        checkpoint = read_checkpoint(path)
        checkpoint.require_configuration(self._configuration)
        return checkpoint.state

    def _make_folder(self) -> None:
        missing = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        self.path.mkdir(parents=True, exist_ok=True)
        for folder in missing:
            self._disk.sync_folder(folder.parent)

    def _folder(self, prefix: str, number: int) -> Path:
        return self.path / f"{prefix}{number:012}"

    def _require_newest(self, number: int) -> None:
        if number < 0:
            raise CheckpointError(f"a checkpoint's number is at least 0, not {number}")
        newer = [other for other in self.numbers() if other > number and other not in self._damaged]
        if newer:
            raise CheckpointError(
                f"checkpoint {number} would be older than {newer[-1]}, which is in {self.path} already and seems to "
                "be another run's: resume that one, or use another folder"
            )

    def _remove_old(self, number: int) -> None:
        """Keep the newest up to `number`; what lies beyond it is damaged."""
        try:
            numbers = self.numbers()
            kept = [other for other in numbers if other <= number][-self._config.keep :]
            for other in numbers:
                if other not in kept:
                    # Under another name first: one with half of its files gone would look damaged.
                    self._disk.rename(self._folder("checkpoint-", other), self._folder(_REMOVING, other))
            self._tidy()
            self._damaged.clear()
        except (OSError, CheckpointError) as error:
            _log.warning("older checkpoints in %s are still there: %s", self.path, error)

    def _tidy(self) -> None:
        """Remove what was left half-done."""
        for entry in sorted(self.path.iterdir()):
            if entry.name.startswith(_REPLACED):
                successor = self.path / entry.name.replace(_REPLACED, "checkpoint-")
                removing = self.path / entry.name.replace(_REPLACED, _REMOVING)
                self._disk.rename(entry, removing if successor.exists() else successor)
        for entry in sorted(self.path.iterdir()):
            if entry.name.startswith((_WRITING, _REMOVING)):
                self._disk.remove(entry)

    def _tidy_after(self, error: BaseException) -> None:
        try:
            self._tidy()
        except OSError as second:
            _log.warning("%s, after %r", _cannot("tidy up", self.path, second), error)


def _cannot(do: str, path: Path, error: OSError) -> str:
    return f"cannot {do} {path}: {error.strerror or error}"


__all__ = ["Checkpoint", "Checkpoints", "Configuration", "digest", "fingerprint", "read_checkpoint"]
