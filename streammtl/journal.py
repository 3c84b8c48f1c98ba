"""The journal: in which order the records of several partitions were taken.

Where a source has several partitions, the order in which it merged them depends on when they arrived, and what is
learned depends on the order. So what a poll returned is written here before anything about it is published: after a
crash the source follows the journal from the checkpoint on, and gives the same records in the same order.

Append-only segments of frames (`streammtl.journal_format`), `segment-000000000123`, each named by the number of the
record with which it begins. An appended frame outlasts a killed process; with `fsync` also a loss of power. A frame
that was torn at the end is cut off on opening.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, final

import numpy as np
from pydantic import Field

from streammtl.component import Settings
from streammtl.errors import CheckpointDamagedError, CheckpointError
from streammtl.journal_format import FRAME, Runs, joined, names_frame, read_frames, runs_frame, whole_bytes
from streammtl.types import Records

_log = logging.getLogger(__name__)

_NAME = re.compile(r"segment-(\d{12,})")


@final
class Journal:
    """The journal of one run, in a folder of its own.

    `since` comes first: it says from which record on the run goes on. Then `append` for every poll, before it is
    learned from, and `cut` after every checkpoint.

    >>> import tempfile
    >>> records = Records([b"x"] * 3, ("a:0", "a:1"), np.array([0, 0, 1], np.int32), np.array([5, 6, 0]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Journal(Path(folder)) as journal:
    ...         journal.since(0).n_records, journal.append(records)
    ...     with Journal(Path(folder)) as journal:
    ...         journal.since(1).starts()
    (0, None)
    {'a:0': 6, 'a:1': 0}
    """

    class Config(Settings):
        """Settings of the journal of the order of records."""

        keep: Literal["checkpoints", "all"] = Field(
            default="checkpoints",
            description="Segments go with the checkpoints that need them, or all stay: for replays from the beginning.",
        )
        fsync: bool = Field(
            default=False,
            description="Wait after every poll until the disk has it: the order then outlasts a loss of power, too.",
        )

    def __init__(self, folder: Path, config: Config | None = None) -> None:
        self._config = config or self.Config()
        self.path = folder
        self._file: int | None = None
        self._names: tuple[str, ...] | None = None  # of the partitions, as the open segment has them
        self._number = 0  # the record that the next `append` begins with
        self._end = 0  # the record after the last one that is in the journal
        self._ahead = Runs.none()  # what was there when the run began and was not appended again yet
        self._ahead_number = 0  # of the first record of `_ahead`
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CheckpointError(f"cannot make the journal's folder {folder}: {error.strerror}") from error

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def since(self, number: int) -> Runs:
        """The order from record `number` on, which the source has to follow; the run goes on from there.

        What a crash tore off at the end is cut away. Raises `CheckpointError` when the journal begins later, and
        `CheckpointDamagedError` when a part of it cannot be read.
        """
        self.close()
        segments = _segments(self.path)
        if segments:
            _cut_torn_end(segments[-1][1])
        entries = list(_entries(segments, number))
        self._end = entries[-1][0] + entries[-1][1].n_records if entries else number
        entries = [(first, runs) for first, runs in entries if first + runs.n_records > number]
        if entries and entries[0][0] > number:
            raise CheckpointError(
                f"the journal in {self.path} begins at record {entries[0][0]}, but the run goes on at {number}: its "
                "older segments are gone. Go on from a newer checkpoint"
            )
        if segments and self._end < number:
            _log.warning(
                "the journal in %s ends at record %d, before %d: a loss of power?", self.path, self._end, number
            )
        self._end = max(self._end, number)
        runs = _concatenated(entries, number)
        self._number = self._ahead_number = number
        self._ahead = runs
        self._begin_segment()
        return runs

    def append(self, records: Records) -> None:
        """Write down what a poll returned. What the journal has already, after a restart, is only compared.

        Raises `CheckpointError` when it cannot be written, or when the records are not those that the journal says.
        """
        assert self._file is not None, "ask for `since` first"
        runs = Runs.of(records)
        n_known = min(len(records), max(0, self._end - self._number))
        if n_known:
            self._compare(runs.between(0, n_known))
            runs = runs.between(n_known, len(records))
        if len(records) > n_known:
            names = b"" if runs.partitions == self._names else names_frame(runs.partitions)
            self._write(names + runs_frame(self._number + n_known, runs))
            self._names = runs.partitions
            self._end = self._number + len(records)
        self._number += len(records)

    def cut(self, number: int) -> None:
        """Remove what no checkpoint needs: the segments that end at or before record `number`, the oldest one's.

        Called after a checkpoint: what follows goes into a new segment. With `keep: all` none is removed.
        """
        self._begin_segment()
        if self._config.keep == "all":
            return
        for (_, path), (end, _) in pairwise(_segments(self.path)):
            if end <= number:
                try:
                    path.unlink()
                except OSError as error:
                    _log.warning("the old segment %s is still there: %s", path, error.strerror)

    def close(self) -> None:
        """Let go of the file. May be called twice."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _compare(self, runs: Runs) -> None:
        start = self._number - self._ahead_number
        if runs != self._ahead.between(start, start + runs.n_records):
            raise CheckpointError(
                f"the records {self._number} to {self._number + runs.n_records - 1} are not those that the journal in "
                f"{self.path} says: the source did not follow it"
            )
        if self._number + runs.n_records >= self._end:
            self._ahead = Runs.none()

    def _begin_segment(self) -> None:
        """Go on in a segment that begins at the end; the same one, when it has no record yet."""
        self.close()
        path = self.path / f"segment-{self._end:012}"
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            if self._config.fsync:
                _sync_folder(self.path)
        except OSError as error:
            raise CheckpointError(f"cannot write the journal {path}: {error.strerror}") from error
        self._names = None

    def _write(self, frames: bytes) -> None:
        assert self._file is not None
        start = os.lseek(self._file, 0, os.SEEK_CUR)
        try:
            rest = memoryview(frames)
            while rest:
                rest = rest[os.write(self._file, rest) :]
            if self._config.fsync:
                os.fsync(self._file)
        except OSError as error:
            # Half a frame must not stand before the next one.
            os.ftruncate(self._file, start)
            os.lseek(self._file, start, os.SEEK_SET)
            raise CheckpointError(f"cannot write the journal in {self.path}: {error.strerror}") from error


def read_journal(folder: Path, number: int = 0) -> Runs:
    """The whole order from record `number` on, without changing anything: for a replay, also beside a daemon.

    Raises `CheckpointError` when the journal begins later: it was not kept from the beginning.
    """
    segments = _segments(folder)
    if not segments:
        raise CheckpointError(f"there is no journal in {folder}")
    entries = list(_entries(segments, number))
    begin = entries[0][0] if entries else segments[0][0]
    if begin > number:
        raise CheckpointError(
            f"the journal in {folder} begins at record {begin}, not at {number}: older segments went with the "
            "checkpoints that needed them. Keep them with journal.keep: all"
        )
    return _concatenated(entries, number)


def _segments(folder: Path) -> list[tuple[int, Path]]:
    """The number of the first record and the path of each segment, oldest first."""
    try:
        found = [(match, entry) for entry in folder.iterdir() if (match := _NAME.fullmatch(entry.name))]
    except OSError as error:
        raise CheckpointError(f"cannot read the journal's folder {folder}: {error.strerror}") from error
    return sorted((int(match[1]), entry) for match, entry in found)


def _entries(segments: list[tuple[int, Path]], number: int) -> Iterator[tuple[int, Runs]]:
    """The number of the first record and the runs of each poll, beginning with the segment that has record `number`."""
    expected: int | None = None
    for i, (_, path) in enumerate(segments):
        if i + 1 < len(segments) and segments[i + 1][0] <= number:
            continue
        content = path.read_bytes()
        for first, runs in read_frames(content):
            if expected is not None and first != expected:
                raise CheckpointDamagedError(
                    f"the journal {path} has record {first} where {expected} is due: a segment is missing"
                )
            expected = first + runs.n_records
            yield first, runs
        n_bytes = whole_bytes(content)
        if n_bytes < len(content) and i + 1 < len(segments):
            raise CheckpointDamagedError(
                f"the journal {path} is damaged at byte {n_bytes}; its order cannot be followed"
            )


def _cut_torn_end(path: Path) -> None:
    content = path.read_bytes()
    end = whole_bytes(content)
    if end == len(content):
        return
    length = FRAME.unpack_from(content, end)[0] if end + FRAME.size <= len(content) else 0
    if 0 < length < len(content) - end - FRAME.size:
        raise CheckpointDamagedError(
            f"the journal {path} is damaged at byte {end}, and more follows: the order of the records is not known "
            "from there on. Restore the file, or remove it to take them in the order in which they come"
        )
    _log.warning("the journal %s was torn by a crash: its last %d bytes are cut off", path, len(content) - end)
    os.truncate(path, end)


def _concatenated(entries: list[tuple[int, Runs]], number: int) -> Runs:
    """All runs from record `number` on."""
    if not entries:
        return Runs.none()
    several = joined([runs.between(number - first, runs.n_records) for first, runs in entries])
    whole = Runs(
        several[0].partitions,
        np.concatenate([runs.partition_R for runs in several]),
        np.concatenate([runs.first_R for runs in several]),
        np.concatenate([runs.n_R for runs in several]),
    )
    return joined([whole])[0]


def _sync_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


__all__ = ["Journal", "Runs", "read_journal"]
