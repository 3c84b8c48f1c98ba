"""Looking into topics: what they hold, and their records with keys. For people, not for learning."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NoReturn, Self, TypeVar, final

from streammtl.errors import SourceError, SourceUnavailableError
from streammtl.kafka.clients import kafka_python_settings
from streammtl.kafka.consumer import not_reached
from streammtl.kafka.probe import probe
from streammtl.kafka.settings import KafkaConnection

_T = TypeVar("_T")

_POLL_S = 0.2  # how long a stop may go unnoticed
_POLL_RECORDS = 5000
_NEW_PARTITIONS_MS = 5000  # after so long, partitions that a topic was given are noticed


@dataclass(frozen=True, slots=True, order=True)
class Browsed:
    """One record; records are ordered by timestamp, then by partition and offset."""

    timestamp_ms: int
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


@final
class Browser:
    """Reads topics of one cluster with kafka-python, without a group and without leaving a trace there.

    Only records of finished transactions are shown. Raises `SourceError` when the cluster refuses us or a topic may
    not be read, `SourceUnavailableError` when no broker answers.
    """

    def __init__(self, connection: KafkaConnection) -> None:
        import kafka
        import kafka.errors

        self._kafka, self._errors = kafka, kafka.errors
        self._servers = ", ".join(connection.servers)
        if probe(connection) is not None:  # before the library tries for seconds, and says less
            raise not_reached(connection, "it did not answer, and does now: try again")
        try:
            self._client: Any = kafka.KafkaConsumer(
                **kafka_python_settings(connection),
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="earliest",  # what retention removes while somebody looks is nothing to fail for
                isolation_level="read_committed",
                max_poll_records=_POLL_RECORDS,
                metadata_max_age_ms=_NEW_PARTITIONS_MS,
                allow_auto_create_topics=False,
            )
        except kafka.errors.KafkaError as error:
            raise not_reached(connection, f"{type(error).__name__}: {error}") from error

    def topics(self) -> tuple[str, ...]:
        """The names of the topics that we may see, without those that belong to the brokers."""
        found = self._explained("list the topics", self._client.topics)
        return tuple(sorted(name for name in found if not name.startswith("__")))

    def ranges(self, topic: str) -> dict[int, tuple[int, int]]:
        """By partition: its first offset, and the end of what readers of committed records see."""
        partitions = self._partitions(topic)
        first = self._explained(f"look into {topic!r}", lambda: self._client.beginning_offsets(partitions))
        end = self._explained(f"look into {topic!r}", lambda: self._client.end_offsets(partitions))
        return {each.partition: (first[each], end[each]) for each in partitions}

    def read(
        self, topic: str, starts: Mapping[int, int], ends: Mapping[int, int], stop: Callable[[], bool]
    ) -> Iterator[list[Browsed]]:
        """What partitions have from their start to before their end, as it comes; in order within a partition."""
        wanted = {self._kafka.TopicPartition(topic, p): end for p, end in ends.items() if starts[p] < end}
        self._seek(topic, {each.partition: starts[each.partition] for each in wanted})
        while wanted and not stop():
            found = [record for record in self._poll(topic) if record.offset < ends[record.partition]]
            wanted = {each: end for each, end in wanted.items() if not self._has_reached(each, end)}
            yield found

    def follow(self, topic: str, starts: Mapping[int, int], stop: Callable[[], bool]) -> Iterator[list[Browsed]]:
        """What partitions have from their start on, and all that comes, until `stop`; also of new partitions."""
        known = dict(starts)
        self._seek(topic, known)
        while not stop():
            yield self._poll(topic)
            if new := [each for each in self._partitions(topic) if each.partition not in known]:
                known |= {each.partition: 0 for each in new}
                self._client.assign([*self._client.assignment(), *new])  # the others stay where they are
                for partition in new:
                    self._client.seek(partition, 0)

    def close(self) -> None:
        """Let go."""
        self._client.close(autocommit=False, timeout_ms=1000)

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def _partitions(self, topic: str) -> list[Any]:
        found = self._explained(f"look into {topic!r}", lambda: self._client.partitions_for_topic(topic))
        return [self._kafka.TopicPartition(topic, p) for p in sorted(found or ())]

    def _seek(self, topic: str, offsets: Mapping[int, int]) -> None:
        theirs = {self._kafka.TopicPartition(topic, p): offset for p, offset in offsets.items()}
        self._client.assign(list(theirs))
        for partition, offset in theirs.items():
            self._client.seek(partition, offset)

    def _poll(self, topic: str) -> list[Browsed]:
        timeout_ms = math.ceil(_POLL_S * 1000)
        found = self._explained(f"read {topic!r}", lambda: self._client.poll(timeout_ms=timeout_ms))
        return sorted(
            Browsed(record.timestamp, record.partition, record.offset, record.key, record.value)
            for records in found.values()
            for record in records
        )

    def _has_reached(self, partition: Any, end: int) -> bool:
        position: int | None = self._client.position(partition, timeout_ms=0)
        return position is not None and position >= end

    def _explained(self, doing: str, call: Callable[[], _T]) -> _T:
        try:
            return call()
        except self._errors.KafkaError as error:
            self._raise(doing, error)

    def _raise(self, doing: str, error: Any) -> NoReturn:
        said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        message = f"cannot {doing} at {self._servers}: {said}"
        if isinstance(error, self._errors.AuthorizationError):
            raise SourceError(f"{message}. Allow our user to describe and read it") from error
        raise (SourceUnavailableError if error.retriable else SourceError)(message) from error
