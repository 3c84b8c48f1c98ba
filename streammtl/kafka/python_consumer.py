"""A consumer of kafka-python."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, final

import numpy as np

from streammtl.clock import Clock, SystemClock
from streammtl.errors import SourceError, SourceUnavailableError
from streammtl.kafka.clients import kafka_python_settings, reaches_broker
from streammtl.kafka.consumer import (
    ASK_TIMEOUT_S,
    Batch,
    Consumer,
    ConsumerFailedError,
    OffsetGoneError,
    Reading,
    Topic,
    TopicPartition,
    not_reached,
    unknown_topic,
)
from streammtl.kafka.lost import Lost
from streammtl.kafka.settings import KafkaConnection

if TYPE_CHECKING:
    from streammtl.kafka.python_records import Record

_T = TypeVar("_T")
_log = logging.getLogger(__name__)

_FETCH_BYTES = 4 * 1024 * 1024  # of one partition in one answer: larger ones cost less per record
_FETCH_WAIT_MS = 500  # how long a broker without records keeps us waiting; then it is heard of
_CLOSE_TIMEOUT_MS = 1000
_LAST_COMMIT_MS = 500
_PASSES_WITHIN_S = 10.0  # a coordinator that is found, or begins


@final
class PythonConsumer(Consumer):
    """No deserializers, no group membership, no offset reset: those lose data silently or never return."""

    def __init__(self, connection: KafkaConnection, reading: Reading) -> None:
        import kafka
        import kafka.errors

        from streammtl.kafka.python_records import PartitionRecords

        self._kafka, self._errors = kafka, kafka.errors
        self._connection = connection
        self._reading = reading
        self._servers = ", ".join(connection.servers)
        settings = kafka_python_settings(connection)
        try:
            self._client: Any = kafka.KafkaConsumer(
                **settings,
                group_id=None,  # positions are ours; offsets are committed by `commit` with a client of its own
                enable_auto_commit=False,
                auto_offset_reset="none",
                isolation_level=reading.isolation,
                max_poll_records=reading.max_poll_records,
                max_partition_fetch_bytes=_FETCH_BYTES,
                fetch_max_wait_ms=_FETCH_WAIT_MS,
                metadata_max_age_ms=int(reading.refresh_s * 1000),
                allow_auto_create_topics=False,
            )
        except kafka.errors.KafkaError as error:
            raise not_reached(connection, _said(error)) from error
        self._client._fetcher.PartitionRecords = PartitionRecords
        self._lost = Lost(connection)
        self._failures = CommitFailures(reading.group, SystemClock())
        self._committing: dict[Any, Any] = {}  # the last positions, of which we may not have heard yet
        self._second_client: Any = None  # a request of the first for records keeps others waiting at the broker
        self._partitions: dict[TopicPartition, Any] = {}  # theirs by ours

    def topics(self, names: Iterable[str]) -> dict[str, Topic]:
        """Asks for the metadata of all topics that we may see."""
        return {name: self._topic(name) for name in names}

    def _topic(self, name: str) -> Topic:
        partitions = self._explained(f"ask for topic {name!r}", lambda: self._client.partitions_for_topic(name))
        if not partitions:
            raise unknown_topic(self._connection, name)
        return self.known_topics([name])[name]

    def known_topics(self, names: Iterable[str]) -> dict[str, Topic]:
        """What the client has; the id of the topic is not in its public interface."""
        found = {}
        for name in names:
            partitions = self._client._cluster.partitions_for_topic(name)
            if partitions:
                found[name] = Topic(str(self._client._cluster.topic_id(name) or ""), len(partitions))
        return found

    def assign(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Assign and seek, which do not wait."""
        self._partitions = {partition: self._kafka.TopicPartition(*partition) for partition in offsets}
        self._client.assign(list(self._partitions.values()))
        for partition, offset in offsets.items():
            self._client.seek(self._partitions[partition], offset)

    def poll(self, timeout_s: float, max_records: int) -> list[Batch]:
        """One poll of the client."""
        self._reaches_broker()
        # Records that it put aside in a pause come back only into a place that is None; emptied is not enough for it.
        if not self._client._fetcher._next_partition_records:
            self._client._fetcher._next_partition_records = None
        try:
            found = self._client.poll(timeout_ms=math.ceil(timeout_s * 1000), max_records=max_records)
        except self._errors.OffsetOutOfRangeError as error:
            raise OffsetGoneError(TopicPartition(*next(iter(error.args[0])))) from None
        except self._errors.NoOffsetForPartitionError as error:
            raise OffsetGoneError(TopicPartition(*next(iter(error.args[0])))) from None
        except self._errors.LogTruncationError as error:
            raise OffsetGoneError(TopicPartition(*next(iter(error.divergent_offsets)))) from None
        except Exception as error:
            self._raise("read", error)
        return [_batch_of(partition, records) for partition, records in found.items()]

    def reached(self, partition: TopicPartition) -> int:
        """The client's position; marks of transactions lie beyond the last record."""
        position: int | None = self._client.position(self._partitions[partition], timeout_ms=0)
        return 0 if position is None else position

    def end_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """The high watermarks of the last answers."""
        found = {partition: self._client.highwater(self._partitions[partition]) for partition in partitions}
        return {partition: int(end) for partition, end in found.items() if end is not None}

    def first_and_end_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        """Two questions to each leader."""
        theirs = [self._kafka.TopicPartition(*partition) for partition in partitions]
        timeout_ms = int(self._connection.connect_timeout_s * 1000)

        def ask() -> tuple[Any, Any]:
            first = self._client.beginning_offsets(theirs, timeout_ms=timeout_ms)
            return first, self._client.end_offsets(theirs, timeout_ms=timeout_ms)

        first, end = self._explained("ask for offsets", ask)
        return {ours: (first[their], end[their]) for ours, their in zip(partitions, theirs, strict=True)}

    def ask_ends(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """One question to each leader, by the second client."""
        theirs = [self._partitions[partition] for partition in partitions]
        timeout_ms = int(ASK_TIMEOUT_S * 1000)
        ends = self._explained("ask for ends", lambda: self._second().end_offsets(theirs, timeout_ms=timeout_ms))
        return {ours: ends[their] for ours, their in zip(partitions, theirs, strict=True)}

    def pause(self, partitions: Sequence[TopicPartition]) -> None:
        """The client keeps what it has of them."""
        self._client.pause(*(self._partitions[partition] for partition in partitions))

    def resume(self, partitions: Sequence[TopicPartition]) -> None:
        """Go on."""
        self._client.resume(*(self._partitions[partition] for partition in partitions))

    def require_reachable(self) -> None:
        """Looks at the client's connections; `ConsumerFailedError` where it looks for them at the wrong addresses."""
        if not self._reaches_broker():
            raise SourceUnavailableError(f"no broker answers at {self._servers}")

    def _reaches_broker(self) -> bool:
        """Whether one is connected; `ConsumerFailedError` where none will be."""
        is_connected = reaches_broker(self._client._client)
        if self._lost.is_so(reaches_broker=is_connected):
            raise ConsumerFailedError(f"the cluster at {self._servers} has other addresses now")
        return is_connected

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """By the second client, which has a group: the reading one must not depend on the group's coordinator."""
        try:
            self._committing = {
                self._kafka.TopicPartition(*partition): self._kafka.OffsetAndMetadata(offset, "", -1)
                for partition, offset in offsets.items()
            }
            self._second().commit_async(self._committing, callback=self._hear_of_commit)
        except self._errors.KafkaError as error:
            self._hear_of_commit(None, error)

    def close(self) -> None:
        """Without waiting for a broker that does not answer."""
        if self._committing and reaches_broker(self._client._client):
            try:  # else the client would cut off the last commit, aloud
                self._second().commit(self._committing, timeout_ms=_LAST_COMMIT_MS)
            except self._errors.KafkaError as error:
                self._hear_of_commit(None, error)
        for client in (self._client, self._second_client):
            if client is not None:
                client.close(autocommit=False, timeout_ms=_CLOSE_TIMEOUT_MS)
        self._second_client = None
        self._committing = {}

    def _second(self) -> Any:
        if self._second_client is None:
            self._second_client = self._kafka.KafkaConsumer(
                **kafka_python_settings(self._connection),
                group_id=self._reading.group,
                enable_auto_commit=False,
                isolation_level=self._reading.isolation,
            )
        return self._second_client

    def _hear_of_commit(self, offsets: Any, response: Any) -> None:
        if not isinstance(response, Exception):
            self._failures.end()
        else:
            may_pass = isinstance(response, self._errors.KafkaError) and response.retriable
            self._failures.log(response, may_pass=bool(may_pass))

    def _explained(self, doing: str, call: Callable[[], _T]) -> _T:
        try:
            return call()
        except Exception as error:
            self._raise(doing, error)

    def _raise(self, doing: str, error: Exception) -> NoReturn:
        message = f"cannot {doing} at {self._servers}: {_said(error)}"
        if isinstance(error, self._errors.AuthorizationError | self._errors.SaslAuthenticationFailedError):
            raise SourceError(f"{message}. Allow our user to describe and read it") from error
        if isinstance(error, self._errors.KafkaError) and error.retriable:
            raise SourceUnavailableError(message) from error
        raise ConsumerFailedError(message) from error


@final
class CommitFailures:
    """Says that offsets could not be committed; of what may pass, not before it has lasted.

    The first commit on a new cluster makes the topic in which offsets are kept, and fails meanwhile.
    """

    def __init__(self, group: str, clock: Clock) -> None:
        self._group = group
        self._clock = clock
        self._since_s: float | None = None

    def end(self) -> None:
        """A commit has succeeded."""
        self._since_s = None

    def log(self, error: Exception, *, may_pass: bool) -> None:
        """A commit has failed."""
        now_s = self._clock.monotonic()
        self._since_s = now_s if self._since_s is None else self._since_s
        is_news = not may_pass or now_s - self._since_s >= _PASSES_WITHIN_S
        _log.log(
            logging.WARNING if is_news else logging.DEBUG,
            *("group %s: its offsets could not be committed, for dashboards only: %s", self._group, error),
        )


def _batch_of(partition: Any, records: Sequence[Record]) -> Batch:
    offsets, timestamps, values = zip(*records, strict=True)
    theirs = TopicPartition(partition.topic, partition.partition)
    return Batch(theirs, np.array(offsets, np.int64), np.array(timestamps, np.int64), values)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
