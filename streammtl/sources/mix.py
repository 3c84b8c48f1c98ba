"""Several sources at once, in fixed parts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self, final

import numpy as np
from pydantic import Field, model_validator

from streammtl.clock import Clock
from streammtl.component import OneOf
from streammtl.errors import SourceError
from streammtl.sources._several import Part, inner_source, mean_progress, open_parts, sum_of
from streammtl.sources.base import Source
from streammtl.types import Position, Records, Role


@final
class MixSource(Source):
    """The records of several sources taken in turn, as many of each as its part says.

    The next record is that of the source for which (records taken + 1) / part is smallest, the first of equals: an
    order that depends on the numbers taken alone. A source that has ended is left out from then on. All of them must
    give their records in the same form (JSON, or rows).

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in "ab":
    ...         _ = (Path(folder) / name).write_text(f'"{name}"\\n' * 3)
    ...     parts = [{"kind": "jsonl", "path": str(Path(folder) / name)} for name in "ab"]
    ...     source = MixSource.Config(sources=parts, parts=(2, 1)).build()
    ...     source.open({})
    ...     records = source.poll(timeout_s=0.0)
    ...     source.close()
    >>> b" ".join(records.values)
    b'"a" "a" "b" "a" "b" "b"'
    """

    class Config(Source.Config):
        """Settings of sources that are mixed."""

        kind: Literal["mix"] = "mix"
        sources: tuple[Annotated[Source.Config, OneOf("sources")], ...] = Field(
            min_length=2, description="The sources; each must begin at offset 0."
        )
        parts: tuple[Annotated[int, Field(ge=1)], ...] | None = Field(
            default=None, description="How many records of each source come for those of the others; null: equal parts."
        )

        @model_validator(mode="after")
        def _check_parts(self) -> Self:
            if self.parts is not None and len(self.parts) != len(self.sources):
                raise ValueError(f"{len(self.sources)} sources have {len(self.parts)} parts: give each its own")
            return self

    def __init__(self, config: MixSource.Config, base: Path, clock: Clock) -> None:
        self._parts = [Part(inner_source(s, base, clock), number) for number, s in enumerate(config.sources)]
        self._partitions: tuple[str, ...] = ()
        self._roles: tuple[Role, ...] = ()
        self._max_poll_records = config.max_poll_records
        self._clock = clock
        shares = config.parts or (1,) * len(self._parts)
        self._buffers = [_Buffer(part, share) for part, share in zip(self._parts, shares, strict=True)]

    def open(self, position: Position) -> None:
        """Open all of them."""
        self._partitions, self._roles = open_parts(self._parts, position)
        for number, buffer in enumerate(self._buffers):
            prefix = f"{number}/"
            buffer.open(sum(offset for name, offset in position.items() if name.startswith(prefix)))

    def poll(self, timeout_s: float) -> Records | None:
        """The next records; ends where all sources have ended."""
        deadline_s = self._clock.monotonic() + timeout_s
        values: list[Any] = []
        offsets: list[int] = []
        partitions: list[int] = []
        lenient = False
        while len(values) < self._max_poll_records:
            # Only a source that has ended may be passed over: one that is late is waited for.
            waiting = [buffer for buffer in self._buffers if buffer.is_empty and not buffer.has_ended]
            for buffer in waiting:
                buffer.fill(max(0.0, deadline_s - self._clock.monotonic()) if not values else 0.0)
            ready = [buffer for buffer in self._buffers if not buffer.is_empty]
            if not ready or any(buffer.is_empty and not buffer.has_ended for buffer in self._buffers):
                break
            _check_forms(ready)
            lenient = ready[0].lenient
            while len(values) < self._max_poll_records and all(not buffer.is_empty for buffer in ready):
                partition, offset, value = min(ready, key=_Buffer.due).take()
                partitions.append(partition)
                offsets.append(offset)
                values.append(value)
        if not values and all(buffer.has_ended and buffer.is_empty for buffer in self._buffers):
            return None
        partition_N, offset_N = np.array(partitions, np.int32), np.array(offsets, np.int64)
        return Records(values, self._partitions, partition_N, offset_N, self._roles, lenient)

    @property
    def n_records(self) -> int | None:
        """As many as all have, where all can tell."""
        return sum_of([part.source.n_records for part in self._parts])

    def progress(self) -> float | None:
        """The mean over the sources."""
        return mean_progress([part.source for part in self._parts])

    def close(self) -> None:
        """Close all of them."""
        for part in self._parts:
            part.source.close()


@final
class _Buffer:
    """What one of the sources has given and nobody has taken yet."""

    def __init__(self, part: Part, share: int) -> None:
        self._part = part
        self._share = share
        self.open(0)

    def open(self, n_taken: int) -> None:
        """Begin with an open source of which so many records were taken already."""
        self._n_taken = n_taken
        self.has_ended = False
        self.lenient = False
        self.form: type[Any] = bytes
        self._partitions: list[int] = []
        self._offsets: list[int] = []
        self._values: Sequence[Any] = []
        self._at = 0

    def due(self) -> float:
        """When the next record is due: the smallest number comes first."""
        return (self._n_taken + 1) / self._share

    @property
    def is_empty(self) -> bool:
        """Is there nothing left to take?"""
        return self._at == len(self._values)

    def fill(self, timeout_s: float) -> None:
        """Ask the source for more."""
        records = self._part.poll(timeout_s)
        if records is None:
            self.has_ended = True
            return
        self.lenient = records.lenient
        self.form = bytes if len(records) and isinstance(records.values[0], bytes) else dict
        self._partitions = (records.partition_N + self._part.first_partition).tolist()
        self._offsets = records.offset_N.tolist()
        self._values, self._at = records.values, 0

    def take(self) -> tuple[int, int, Any]:
        """The partition, the offset and the value of the next record."""
        at = self._at
        self._at += 1
        self._n_taken += 1
        return self._partitions[at], self._offsets[at], self._values[at]


def _check_forms(buffers: list[_Buffer]) -> None:
    forms = {(buffer.form, buffer.lenient) for buffer in buffers}
    if len(forms) > 1:
        raise SourceError(
            "mix: the sources give their records in different forms (JSON documents, rows of CSV or Parquet files); "
            "write them all as JSON lines, or as files of one format"
        )
