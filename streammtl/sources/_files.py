"""What the sources that read files share: one file or several, one after the other, each its own partition."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import numpy as np
from pydantic import Field, field_validator

from streammtl.clock import Clock
from streammtl.errors import SourceError
from streammtl.sources.base import Source, check_partitions
from streammtl.types import Ints, Position, Records

Values: TypeAlias = Sequence[bytes] | Sequence[Mapping[str, Any]]

_SKIP_RECORDS = 10_000  # passed over at once: bounds the memory that resuming takes


class RecordFile(ABC):
    """The records of one file in their order. Offsets count from 0, those that are skipped as blank included."""

    @abstractmethod
    def take(self, n: int) -> tuple[Values, Ints]:
        """The records among the next `n` offsets and their offsets; no offset at all only at the end.

        Fewer before a failure, which the next call raises.
        """

    @property
    @abstractmethod
    def next_offset(self) -> int:
        """The offset of the next record that `take` would give."""

    @property
    @abstractmethod
    def share_read(self) -> float:
        """Share of the file that was read, 0 to 1."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the file. May be called twice."""

    def skip(self, n: int) -> None:
        """Pass over the next `n` offsets, or as many as there are."""
        end = self.next_offset + n
        while self.next_offset < end:
            before = self.next_offset
            self.take(min(_SKIP_RECORDS, end - before))
            if self.next_offset == before:
                return


@dataclass(slots=True)
class _Queued:
    """A file that is not finished; opened when its turn comes, or when the position is inside it."""

    partition: int
    path: Path
    file: RecordFile | None


class FilesSource(Source):
    """Reads files one after the other. A subclass says how one file is read."""

    #: True: values may be text that stands for numbers (see `Records.lenient`).
    lenient: ClassVar[bool] = False

    class Config(Source.Config):
        """Settings of every source that reads files."""

        path: Path | tuple[Path, ...] = Field(
            description="The file, or a list of files that are read one after the other in this order. Relative paths "
            "start at the current folder. Each file is a partition called by its name without folders."
        )

        @field_validator("path")
        @classmethod
        def _check_names(cls, path: Path | tuple[Path, ...]) -> Path | tuple[Path, ...]:
            names = [p.name for p in _listed(path)]
            if not names:
                raise ValueError("name at least one file")
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(
                    f"two files are called {twice[0]!r}; names without folders must differ, they are the partitions"
                )
            return path

    def __init__(self, config: FilesSource.Config, base: Path, clock: Clock) -> None:
        self._max_poll_records = config.max_poll_records
        self.paths = tuple(base / path for path in _listed(config.path))
        self.partitions = tuple(path.name for path in self.paths)
        self._queue: deque[_Queued] | None = None

    @abstractmethod
    def open_file(self, path: Path) -> RecordFile:
        """Open one file at its first record. Raises `SourceError`."""

    def open(self, position: Position) -> None:
        """Look at every file, and pass over what the position says was read.

        That takes the time of reading it: compressed and quoted text cannot be entered in the middle.
        """
        self.close()
        check_partitions(position, self.partitions)
        queue: deque[_Queued] = deque()
        try:
            for partition, path in enumerate(self.paths):
                file = self.open_file(path)
                queue.append(_Queued(partition, path, file))
                offset = position.get(path.name, 0)
                file.skip(offset)
                if file.next_offset < offset:
                    raise SourceError(
                        f"{path} has {file.next_offset} records, but the position to resume from is {offset}: it is "
                        "shorter than it was. Restore the file, or start without the checkpoint"
                    )
                if offset == 0:  # that it can be opened is known; many files are not held open at once
                    file.close()
                    queue[-1].file = None
            self._size_bytes_F = [path.stat().st_size for path in self.paths]
        except BaseException:
            _close_all(queue)
            raise
        self._queue = queue

    def poll(self, timeout_s: float) -> Records | None:
        """The next records, of one file; never waits."""
        assert self._queue is not None, "open the source first"
        while self._queue:
            queued = self._queue[0]
            if queued.file is None:
                queued.file = self.open_file(queued.path)
            before = queued.file.next_offset
            values, offset_N = queued.file.take(self._max_poll_records)
            if len(values):
                partition_N = np.full(len(values), queued.partition, np.int32)
                return Records(values, self.partitions, partition_N, offset_N, lenient=self.lenient)
            if queued.file.next_offset == before:
                queued.file.close()
                self._queue.popleft()
        return None

    def progress(self) -> float | None:
        """Share of the files' bytes that were read."""
        if self._queue is None:
            return None
        total = sum(self._size_bytes_F)
        left = sum(
            self._size_bytes_F[queued.partition] * (1.0 if queued.file is None else 1.0 - queued.file.share_read)
            for queued in self._queue
        )
        return 1.0 - left / total if total else 1.0

    def close(self) -> None:
        """Let go of the files."""
        _close_all(self._queue or ())
        self._queue = None


def _listed(path: Path | tuple[Path, ...]) -> tuple[Path, ...]:
    return (path,) if isinstance(path, Path) else path


def _close_all(queue: Sequence[_Queued] | deque[_Queued]) -> None:
    for queued in queue:
        if queued.file is not None:
            queued.file.close()
