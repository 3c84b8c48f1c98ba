"""Simulated worlds as sources."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, final

import numpy as np
from pydantic import Field

from streammtl.clock import Clock
from streammtl.component import OneOf
from streammtl.errors import SourceError
from streammtl.sources.base import Readers, Source, check_partitions
from streammtl.types import Position, Records
from streammtl.worlds.base import TrueDrift, World, WorldRecords


@final
class SimulatorSource(Source):
    """The stream of a simulated world, as fast as it is read; the values are JSON documents as bytes.

    It has one partition, called by the kind of the world; an offset counts the records from 0. To resume, the world
    is simulated again from its beginning and what was read is dropped.

    >>> from streammtl.component import members
    >>> for kind, world in members("worlds").items():
    ...     source = SimulatorSource.Config(world={"kind": kind, "events": 10}, max_poll_records=3).build()
    ...     source.open({})
    ...     records = source.poll(timeout_s=0.0)
    ...     source.close()
    ...     assert len(records) == 3 and records.partitions == (kind,)
    """

    class Config(Source.Config):
        """Settings of a simulated world as a source."""

        kind: Literal["simulator"] = "simulator"
        world: Annotated[World.Config, OneOf("worlds")] = Field(description="The world: its kind and its settings.")

    def __init__(self, config: SimulatorSource.Config, base: Path, clock: Clock) -> None:
        self._max_poll_records = config.max_poll_records
        self._n_events = config.world.events
        #: The world itself: knows its true drifts and the best possible predictions.
        self.world = config.world.build()
        self._partition = str(config.world.model_dump(include={"kind"})["kind"])
        self._batches: Iterator[WorldRecords] | None = None

    def open(self, position: Position) -> None:
        """Begin the simulation, and go on to the position."""
        self.close()
        check_partitions(position, (self._partition,))
        self._batches = self.world.records()
        self._values: list[bytes] = []
        self._n_events_read = 0
        self._next_offset = 0
        target = position.get(self._partition, 0)
        while self._next_offset < target:
            if not self._values and not self._read_batch():
                found = self._next_offset
                self.close()
                raise SourceError(
                    f"the world {self._partition} ends after {found} records, but the position to resume from is "
                    f"{target}: it had more events, or other settings, when the position was taken"
                )
            self._take(target - self._next_offset)

    def poll(self, timeout_s: float) -> Records | None:
        """The next records; never waits."""
        assert self._batches is not None, "open the source first"
        while len(self._values) < self._max_poll_records and self._read_batch():
            pass
        if not self._values:
            return None
        start = self._next_offset
        values = self._take(self._max_poll_records)
        offset_N = np.arange(start, self._next_offset)
        return Records(values, (self._partition,), np.zeros(len(values), np.int32), offset_N)

    def progress(self) -> float | None:
        """Share of the world's events that were simulated; how many records they make is not known before."""
        return None if self._batches is None else min(1.0, self._n_events_read / self._n_events)

    def drifts(self, readers: Readers) -> tuple[TrueDrift, ...]:
        """Those of the world."""
        return self.world.drifts()

    def close(self) -> None:
        """End the simulation."""
        self._batches = None

    def _read_batch(self) -> bool:
        assert self._batches is not None
        batch = next(self._batches, None)
        if batch is None:
            return False
        self._values += batch.value_N
        self._n_events_read += len(batch.event_ids)
        return True

    def _take(self, n: int) -> list[bytes]:
        taken, self._values = self._values[:n], self._values[n:]
        self._next_offset += len(taken)
        return taken
