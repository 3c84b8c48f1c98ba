"""Topics of Kafka."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NoReturn, Self, final

import numpy as np
from pydantic import Field, model_validator

from streammtl.clock import Clock
from streammtl.errors import SourceError, SourceUnavailableError
from streammtl.journal import Runs
from streammtl.kafka.consumer import (
    Consumer,
    ConsumerFailedError,
    Isolation,
    OffsetGoneError,
    Reading,
    Topic,
    TopicPartition,
    identity_of,
    make_consumer,
)
from streammtl.kafka.settings import KafkaConnection
from streammtl.sources._kafka_reader import Ahead, KafkaReader, nothing
from streammtl.sources._merge import Ordered
from streammtl.sources._topics import EventsAndLabels, check_one_of, roles_by_topic
from streammtl.sources.base import Lag, Source, check_partitions
from streammtl.types import Position, Records

_log = logging.getLogger(__name__)

_STALLED_S = 5.0  # how long records that are known to be there may take to come
_MAX_FAILURES = 5  # of the client library one after the other, without a record between them


@final
class KafkaSource(Source):
    """Records of one topic, or of a topic of events and a topic of labels.

    A partition is called `<topic>:<partition>`. Within a partition the order is that of the offsets; across partitions
    it is by the records' timestamps, then events before labels, then by partition, among the partitions that have
    records. One that has none is waited for at most `merge_wait_s`; where it may hold the events of labels that have
    come, until the broker says that it ends there. So the order depends on when records came: the journal keeps it.

    Positions are those of the checkpoint. The broker is told of them under `group`, for dashboards of the lag only.

    >>> config = KafkaSource.Config(connection={"servers": "localhost:9092"}, topic="payments")
    >>> config.build().needs_journal
    True
    """

    class Config(Source.Config):
        """Settings of Kafka as a source."""

        kind: Literal["kafka"] = "kafka"
        connection: KafkaConnection = Field(description="The cluster, the client library, and our identity.")
        topic: str | None = Field(
            default=None, min_length=1, description="The topic, where events and labels share one."
        )
        topics: EventsAndLabels | None = Field(default=None, description="The topics of events and of labels.")
        follow: bool = Field(
            default=True,
            description="Wait for more at the end (true), or end where the topics end when they are opened (false).",
        )
        group: str | None = Field(
            default="streammtl",
            min_length=1,
            description="Consumer group under which positions are committed, for dashboards only; null: none are.",
        )
        isolation: Isolation = Field(
            default="read_committed",
            description="Only records of finished transactions, or also of open and aborted ones (read_uncommitted).",
        )
        merge_wait_s: float = Field(
            default=0.05,
            ge=0.0,
            le=60.0,
            description="How long records of other partitions wait for one that was read to its end, since then, for "
            "records that are written just now. Events that were written before their labels are never passed over.",
        )
        when_offset_is_gone: Literal["stop", "earliest", "latest"] = Field(
            default="stop",
            description="When records were removed before they were read: stop, go on with the first that is there, or "
            "with those to come. What is passed over is counted.",
        )
        new_partitions: Literal["stop", "follow"] = Field(
            default="stop",
            description="When a topic gets more partitions: stop, because keys move to others then and their order is "
            "lost, or read them too, from their beginning.",
        )
        topics_check_s: float = Field(
            default=30.0, ge=0.1, le=3600.0, description="Seconds between two looks at what the topics are."
        )

        @model_validator(mode="after")
        def _check_topics(self) -> Self:
            check_one_of(self.topic, self.topics)
            return self

    def __init__(self, config: KafkaSource.Config, base: Path, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._role_by_topic = roles_by_topic(config.topic, config.topics)
        self._consumer: Consumer | None = None
        self._is_open = False
        self._is_away = False  # no broker has answered when one was needed
        self._expected: dict[str, str] = {}  # the identity of the topics that the position belongs to
        self._n_skipped = 0
        self._ready, self._at = nothing(), 0  # ordered records, and how many of them were given

    @property
    def needs_journal(self) -> bool:
        """True."""
        return True

    @property
    def n_skipped(self) -> int:
        """Offsets that were passed over under `when_offset_is_gone`."""
        return self._n_skipped

    def expect(self, identity: Mapping[str, str]) -> None:
        """The ids of the topics that the position belongs to, and how many partitions they had."""
        self._expected = dict(identity)

    def identity(self) -> dict[str, str]:
        """Id and number of partitions by topic."""
        return dict(self._expected)

    def open(self, position: Position) -> None:
        """Look at the topics, and find the position in them.

        Raises `SourceUnavailableError` when no broker answers; it may then be called again.
        """
        self.close()
        self._position = dict(position)  # of what was given
        self._until: dict[TopicPartition, int] | None = None  # without `follow`: the ends, as of opening
        self._first: dict[TopicPartition, int] = {}
        self._ahead: Ahead | None = None
        self._n_followed = 0  # records that were given of `_ahead`
        self._n_failures = 0
        self._last_timestamp_ms = -1
        self._connect()
        self._is_open = True

    def follow(self, runs: Runs, *, end: bool = False) -> None:
        """Give the records of `runs` first, then go on freely, or end."""
        assert self._is_open, "open the source first"
        unknown = sorted(runs.starts().keys() - set(self._reader.names))
        if unknown:
            raise SourceError(
                f"the journal has records of {', '.join(unknown)}, which the topics do not have: it is the journal of "
                "another run"
            )
        self._ahead, self._n_followed = Ahead(runs, end), 0
        self._reader.follow(self._ahead)

    def poll(self, timeout_s: float) -> Records | None:
        """The next records; waits up to `timeout_s` for some.

        Raises `SourceUnavailableError` as long as no broker answers, without losing or repeating anything. What was
        fetched before waits meanwhile: who is told that there is trouble shall not be told otherwise in between.
        """
        assert self._is_open, "open the source first"
        try:
            if self._is_away:
                self._require_reachable()
            records = self._poll(timeout_s)
        except SourceUnavailableError:
            self._is_away = True
            raise
        self._is_away = False
        return records

    def _poll(self, timeout_s: float) -> Records | None:
        # What is known to be there is waited for, whatever the time-out: without `follow`, nothing is no answer.
        deadline_s = self._clock.monotonic() + (timeout_s if self._config.follow else max(timeout_s, _STALLED_S))
        while self._at == len(self._ready):
            if self._consumer is None:
                self._connect()
            if self._reader.has_ended:
                return None
            left_s = max(0.0, deadline_s - self._clock.monotonic())
            self._ready, self._at = self._read(left_s), 0
            if left_s == 0.0 and len(self._ready) == 0:
                self._require_reachable()
                break
        return self._give()

    def commit(self, position: Position) -> None:
        """Tell the group's offsets to a broker that answers."""
        if self._consumer is None or self._config.group is None:
            return
        try:
            self._consumer.require_reachable()
        except (SourceUnavailableError, ConsumerFailedError) as error:
            _log.warning("the offsets of group %s were not committed: %s", self._config.group, error)
            return
        by_name = dict(zip(self._reader.names, self._reader.partitions, strict=True))
        self._consumer.commit({by_name[name]: offset for name, offset in position.items() if name in by_name})

    def lag(self) -> Lag | None:
        """Behind the ends as the broker last told them, and by the clock behind the last record that was given."""
        if self._consumer is None:
            return None
        ends = self._ends | self._consumer.end_offsets(self._reader.partitions)
        nexts = zip(self._reader.partitions, self._next_P.tolist(), strict=True)
        n_records = sum(max(0, ends[partition] - next_offset) for partition, next_offset in nexts)
        if n_records == 0 or self._last_timestamp_ms < 0:
            return Lag(n_records, 0.0)
        return Lag(n_records, max(0.0, self._clock.now() - self._last_timestamp_ms / 1000.0))

    def progress(self) -> float | None:
        """Without `follow`: the share of the offsets that was given."""
        if self._consumer is None or self._until is None:
            return None
        total = sum(end - self._first[partition] for partition, end in self._until.items())
        left = sum(max(0, end - int(n)) for end, n in zip(self._until.values(), self._next_P, strict=True))
        is_done = self._at == len(self._ready) and self._reader.has_ended
        return 1.0 if is_done or total == 0 else 1.0 - left / total

    def close(self) -> None:
        """Let go of the connection."""
        self._disconnect()
        self._is_open = False

    def _connect(self) -> None:
        """Make a consumer, and begin after what was given; what had come beyond that is read again."""
        config = self._config
        reading = Reading(config.group or "streammtl", config.isolation, config.max_poll_records, config.topics_check_s)
        try:
            consumer = make_consumer(config.connection, reading)
            try:
                self._begin(consumer)
            except BaseException:
                consumer.close()
                raise
        except ConsumerFailedError as error:
            self._fail(error)
        self._consumer = consumer

    def _begin(self, consumer: Consumer) -> None:
        config = self._config
        topics = consumer.topics(self._role_by_topic)
        for name, topic in topics.items():
            self._check_topic(name, topic)
        partitions = [TopicPartition(name, p) for name, topic in topics.items() for p in range(topic.n_partitions)]
        check_partitions(self._position, [str(partition) for partition in partitions])
        held = consumer.first_and_end_offsets(partitions)
        starts = {partition: self._start(partition, *held[partition]) for partition in partitions}
        if not config.follow and self._until is None:
            self._until = {partition: held[partition][1] for partition in partitions}
            self._first = starts
        roles = tuple(self._role_by_topic[partition.topic] for partition in partitions)
        wait_s, max_poll_records = config.merge_wait_s, config.max_poll_records
        reader = KafkaReader(consumer, self._clock, starts, roles, self._until, wait_s, max_poll_records)
        if self._ahead is not None:
            runs = self._ahead.runs
            reader.follow(Ahead(runs.between(self._n_followed, runs.n_records), self._ahead.end))
        self._reader = reader
        self._expected = {name: identity_of(topic) for name, topic in topics.items()}
        self._roles = roles
        self._ends = {partition: end for partition, (_, end) in held.items()}
        self._next_P = np.array(list(starts.values()), np.int64)  # after what was given
        self._ready, self._at = nothing(), 0

    def _check_topic(self, name: str, topic: Topic) -> None:
        """Compare with what the position belongs to."""
        if name not in self._expected:
            return
        old_id, _, old_partitions = self._expected[name].rpartition("/")
        if old_id and topic.id and old_id != topic.id:
            raise SourceError(
                f"topic {name!r} was deleted and made anew (its id is {topic.id}, and was {old_id}): the offsets of "
                "the checkpoint mean other records now. To learn from the new topic, use another checkpoint folder"
            )
        if topic.n_partitions > int(old_partitions) and self._config.new_partitions == "stop":
            raise SourceError(
                f"topic {name!r} has {topic.n_partitions} partitions now, and had {old_partitions}. Keys are in other "
                "partitions since then, so that labels may come before their events. To go on and read them all, set "
                "source.new_partitions: follow"
            )

    def _start(self, partition: TopicPartition, first: int, end: int) -> int:
        """Where to begin in a partition that has the offsets from `first` to before `end`."""
        offset = self._position.get(str(partition))
        if offset is None or offset == first:
            return first
        if offset > end:
            raise SourceError(
                f"offset {offset} of {partition} is due, but it ends at {end}: records were lost there, or the topic "
                "was made anew. To go on with what it has, use another checkpoint folder"
            )
        return offset if offset > first else self._skip(partition, offset, first, end)

    def _skip(self, partition: TopicPartition, offset: int, first: int, end: int) -> int:
        """Where to go on when `offset` is gone."""
        policy = self._config.when_offset_is_gone
        if policy == "stop":
            raise SourceError(
                f"offset {offset} of {partition} is due, but the records before {first} were removed. To go on without "
                "them, set source.when_offset_is_gone: earliest (or latest), and let the topic keep records for longer"
            )
        target = first if policy == "earliest" else end
        self._n_skipped += target - offset
        self._position[str(partition)] = target
        _log.error(
            "the offsets %d to %d of %s are passed over: those before %d were removed before they were read",
            *(offset, target - 1, partition, first),
        )
        return target

    def _read(self, left_s: float) -> Ordered:
        """What the reader has; on failures, those that another consumer may not have close this one."""
        assert self._consumer is not None
        try:
            self._look_at_topics(self._consumer)
            ordered = self._reader.read(left_s)
        except OffsetGoneError as gone:
            _log.warning("the broker does not have the offset from which %s is due", gone)
            self._disconnect()  # connecting finds out why, and does as configured
            return nothing()
        except ConsumerFailedError as error:
            self._fail(error)
        except SourceUnavailableError:
            raise
        except SourceError:
            self._disconnect()
            raise
        if len(ordered):
            self._n_failures = 0
        return ordered

    def _look_at_topics(self, consumer: Consumer) -> None:
        """A topic that was made anew must not be read; new partitions are read by a consumer that knows them."""
        for name, topic in consumer.known_topics(self._role_by_topic).items():
            if identity_of(topic) != self._expected[name]:
                self._check_topic(name, topic)
                _log.warning("topic %r has %d partitions now", name, topic.n_partitions)
                self._disconnect()
                self._connect()
                return

    def _fail(self, error: ConsumerFailedError) -> NoReturn:
        """Let go of a consumer that has failed, if there is one."""
        self._disconnect()
        self._n_failures += 1
        if self._n_failures >= _MAX_FAILURES:
            raise SourceError(f"{error} (and it did {self._n_failures} times, without a record between)") from error
        raise SourceUnavailableError(f"{error}; another consumer is made") from error

    def _require_reachable(self) -> None:
        if self._consumer is None:
            return
        try:
            self._consumer.require_reachable()
        except ConsumerFailedError as error:
            self._fail(error)

    def _give(self) -> Records:
        """The next part of what is ready."""
        part = slice(self._at, min(len(self._ready), self._at + self._config.max_poll_records))
        partition_N, offset_N = self._ready.partition_N[part], self._ready.offset_N[part]
        # A record without a value is no document; decoding says so of an empty one.
        values = [b"" if value is None else value for value in self._ready.values[part]]
        if values:
            self._at = part.stop
            self._next_P[partition_N] = offset_N + 1  # of several records of a partition, the last one stays
            self._last_timestamp_ms = int(self._ready.timestamp_ms_N[part.stop - 1])
            self._n_followed += len(values)
        return Records(values, self._reader.names, partition_N, offset_N, self._roles)

    def _disconnect(self) -> None:
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None
            given = zip(self._reader.names, self._next_P.tolist(), self._reader.starts, strict=True)
            self._position |= {name: offset for name, offset, start in given if offset != start}
        self._ready, self._at = nothing(), 0
