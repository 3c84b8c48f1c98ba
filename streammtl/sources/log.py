"""Topics of the embedded log."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NoReturn, final

import numpy as np
from pydantic import Field, model_validator

from streammtl.clock import Clock
from streammtl.errors import SourceError
from streammtl.log.embedded import MAX_SEQUENCE, EmbeddedLog, LogRecords
from streammtl.sources._topics import EventsAndLabels, check_one_of, roles_by_topic
from streammtl.sources.base import Source, check_partitions
from streammtl.types import Position, Records, Role


@final
class LogSource(Source):
    """Records of one topic, or of a topic of events and a topic of labels, in the order in which they were appended.

    A partition is called `<topic>:<partition>`. Records that were trimmed before they could be read are an error,
    never a silent gap.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "log.db"
    ...     with EmbeddedLog(path) as log:
    ...         log.create_topic("events")
    ...         _ = log.append("events", [(None, b'{"a": 1}'), (None, b'{"a": 2}')], timestamp_s=0.0)
    ...     source = LogSource.Config(path=path, topic="events", follow=False).build()
    ...     source.open({"events:0": 1})
    ...     records = source.poll(timeout_s=0.0)
    ...     source.close()
    >>> records.values, records.partitions, records.offset_N.tolist()
    ((b'{"a": 2}',), ('events:0',), [1])
    """

    class Config(Source.Config):
        """Settings of the embedded log as a source."""

        kind: Literal["log"] = "log"
        path: Path = Field(description="The log's file. A relative path starts at the current folder.")
        topic: str | None = Field(
            default=None, min_length=1, description="The topic, where events and labels share one."
        )
        topics: EventsAndLabels | None = Field(default=None, description="The topics of events and of labels.")
        follow: bool = Field(
            default=True,
            description="Wait for more at the end (true), or end where the log ends when it is opened (false).",
        )
        poll_interval_s: float = Field(
            default=0.05, gt=0.0, le=60.0, description="Seconds between two looks at the end of the log, with follow."
        )

        @model_validator(mode="after")
        def _check_topics(self) -> LogSource.Config:
            check_one_of(self.topic, self.topics)
            return self

    def __init__(self, config: LogSource.Config, base: Path, clock: Clock) -> None:
        self._config = config
        self._path = base / config.path
        self._clock = clock
        self._role_by_topic = roles_by_topic(config.topic, config.topics)
        self._topics = tuple(self._role_by_topic)
        self._log: EmbeddedLog | None = None
        self._n_records: int | None = None
        self._after = 0  # the sequence up to which everything was read
        self._until = 0
        self._partitions: tuple[str, ...] = ()
        self._roles: tuple[Role, ...] = ()
        self._next_offsets: list[int] = []  # by partition

    def open(self, position: Position) -> None:
        """Find the place in the log's order from which nothing of the position's rest is missing."""
        self.close()
        log = EmbeddedLog(self._path, create=False, clock=self._clock)
        try:
            self._start(log, position)
        except BaseException:
            log.close()
            raise
        self._log = log

    def poll(self, timeout_s: float) -> Records | None:
        """The next records in sequence order; with `follow`, waits up to `timeout_s` for some."""
        assert self._log is not None, "open the source first"
        deadline_s = self._clock.monotonic() + timeout_s
        while True:
            found = self._log.read(self._topics, self._after, self._config.max_poll_records, self._until)
            if len(found):
                self._after = found.sequences[-1]
                records = self._new_records(found)
                if len(records):
                    return records
                continue
            self._check_nothing_was_trimmed(self._log)
            if not self._config.follow:
                return None
            left_s = deadline_s - self._clock.monotonic()
            if left_s <= 0.0:
                return self._new_records(found)
            self._clock.sleep(min(left_s, self._config.poll_interval_s))

    @property
    def n_records(self) -> int | None:
        """Without `follow`: how many records the topics hold; otherwise, and before `open`, None."""
        return self._n_records

    def close(self) -> None:
        """Let go of the log."""
        if self._log is not None:
            self._log.close()
            self._log = None

    def _start(self, log: EmbeddedLog, position: Position) -> None:
        held = [(topic, p, r) for topic in self._topics for p, r in enumerate(log.ranges(topic))]
        self._partitions = tuple(f"{topic}:{p}" for topic, p, _ in held)
        self._roles = tuple(self._role_by_topic[topic] for topic, _, _ in held)
        check_partitions(position, self._partitions)
        # A partition that the position does not name was empty when it was taken: its first record is due.
        self._next_offsets = [
            position.get(f"{topic}:{p}", 0) if position else held_range.first_offset for topic, p, held_range in held
        ]
        starts = [
            log.sequence_at(topic, p, offset) for (topic, p, _), offset in zip(held, self._next_offsets, strict=True)
        ]
        self._after = min(starts) - 1
        self._until = MAX_SEQUENCE
        if not self._config.follow:
            self._until = log.end_sequence()
            self._n_records = sum(r.end_offset - r.first_offset for _, _, r in held)

    def _new_records(self, found: LogRecords) -> Records:
        """The records that the position did not count yet; checks that none between them is missing."""
        partition_N = np.array(found.partitions, np.int32)
        offset_N = np.array(found.offsets, np.int64)
        new_N = np.ones(len(found), np.bool_)
        for p, next_offset in enumerate(self._next_offsets):
            of_p = np.flatnonzero(partition_N == p)
            if not len(of_p):
                continue
            new_N[of_p] = offset_N[of_p] >= next_offset
            of_p = of_p[new_N[of_p]]
            if not len(of_p):
                continue
            first = int(offset_N[of_p[0]])
            if first != next_offset:
                self._refuse_gap(p, first)
            self._next_offsets[p] = int(offset_N[of_p[-1]]) + 1
        if new_N.all():
            return Records(found.values, self._partitions, partition_N, offset_N, self._roles)
        rows = np.flatnonzero(new_N)
        values = [found.values[i] for i in rows.tolist()]
        return Records(values, self._partitions, partition_N[rows], offset_N[rows], self._roles)

    def _check_nothing_was_trimmed(self, log: EmbeddedLog) -> None:
        """A gap shows at the record after it; at the end of the log there is none."""
        held = [held_range for topic in self._topics for held_range in log.ranges(topic)]
        for p, (held_range, next_offset) in enumerate(zip(held, self._next_offsets, strict=True)):
            if held_range.first_offset > next_offset:
                self._refuse_gap(p, held_range.first_offset)

    def _refuse_gap(self, p: int, first_offset: int) -> NoReturn:
        raise SourceError(
            f"the offsets {self._next_offsets[p]} to {first_offset - 1} of {self._partitions[p]} of the log "
            f"{self._path} were trimmed before they were read. Keep records until every reader has passed them"
        )
