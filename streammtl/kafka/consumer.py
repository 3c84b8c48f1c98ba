"""What the source needs of a client library: raw records of given partitions from given offsets on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from streammtl.errors import SourceError, SourceUnavailableError
from streammtl.kafka.probe import probe
from streammtl.kafka.settings import KafkaConnection
from streammtl.types import Ints

Isolation: TypeAlias = Literal["read_committed", "read_uncommitted"]


class TopicPartition(NamedTuple):
    """One partition of a topic; its name in positions is `topic:partition`."""

    topic: str
    partition: int

    def __str__(self) -> str:
        """As in positions."""
        return f"{self.topic}:{self.partition}"


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one partition in their order, as columns. A null value is None. N records."""

    partition: TopicPartition
    offset_N: Ints
    timestamp_ms_N: Ints  # of the producer or of the broker, as the topic is configured; -1: none
    values: Sequence[bytes | None]


@dataclass(frozen=True, slots=True)
class Topic:
    """What the cluster says of a topic."""

    id: str  # another one when the topic was deleted and made anew; empty: the cluster does not say
    n_partitions: int


def identity_of(topic: Topic) -> str:
    """What must stay the same for positions in a topic to mean the same: its id, and how many partitions it has."""
    return f"{topic.id}/{topic.n_partitions}"


#: How long `ask_ends` may take.
ASK_TIMEOUT_S = 2.0


class OffsetGoneError(Exception):
    """The broker does not have the offset from which a partition is due, any more or yet."""

    def __init__(self, partition: TopicPartition) -> None:
        super().__init__(str(partition))
        self.partition = partition


class ConsumerFailedError(Exception):
    """The client library failed in a way that nobody has planned for; another consumer may do better."""


class Consumer(ABC):
    """Reads the partitions that it was given, each from its offset on, in a group of its own. Used by one thread.

    What may succeed later raises `SourceUnavailableError`; an offset that is not there `OffsetGoneError`; no
    permission, a certificate that is not trusted or a topic that nobody knows `SourceError`; and anything else
    `ConsumerFailedError`. After any of them but the first the consumer is closed.
    """

    @abstractmethod
    def topics(self, names: Iterable[str]) -> dict[str, Topic]:
        """Ask the cluster about topics."""

    @abstractmethod
    def known_topics(self, names: Iterable[str]) -> dict[str, Topic]:
        """What is known of topics without waiting, at most `refresh_s` old; those that are not known are left out."""

    @abstractmethod
    def assign(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Read these partitions from these offsets on, in place of what was read before."""

    @abstractmethod
    def poll(self, timeout_s: float, max_records: int) -> list[Batch]:
        """What has come, waiting up to `timeout_s` for the first record; within a partition without a gap."""

    @abstractmethod
    def reached(self, partition: TopicPartition) -> int:
        """The offset before which nothing is left to read: after the last record, or after marks of transactions."""

    @abstractmethod
    def end_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """The ends of partitions as of the last answer, without asking; of those that are known."""

    @abstractmethod
    def first_and_end_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        """Ask the broker what partitions hold: from the first offset to before the end."""

    @abstractmethod
    def ask_ends(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Ask the broker where partitions end, past a request for records that it may keep waiting for some."""

    @abstractmethod
    def pause(self, partitions: Sequence[TopicPartition]) -> None:
        """Give no more records of these until they are resumed."""

    @abstractmethod
    def resume(self, partitions: Sequence[TopicPartition]) -> None:
        """The opposite of `pause`."""

    @abstractmethod
    def require_reachable(self) -> None:
        """Raise `SourceUnavailableError` when no broker is connected.

        Or `ConsumerFailedError` when this client will not find one, but another may.
        """

    @abstractmethod
    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Send the group's offsets on their way, without waiting."""

    @abstractmethod
    def close(self) -> None:
        """Let go. May be called twice."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a consumer reads."""

    group: str  # under which offsets are committed
    isolation: Isolation
    max_poll_records: int
    refresh_s: float  # how old `known_topics` may be


def make_consumer(connection: KafkaConnection, reading: Reading) -> Consumer:
    """A connected consumer of the driver that `connection` names.

    Raises `SourceUnavailableError` when the cluster cannot be reached, `SourceError` when it refuses us.
    """
    if connection.driver == "confluent":
        from streammtl.kafka.confluent_consumer import ConfluentConsumer

        return ConfluentConsumer(connection, reading)
    from streammtl.kafka.python_consumer import PythonConsumer

    return PythonConsumer(connection, reading)


def unknown_topic(connection: KafkaConnection, name: str) -> SourceError:
    """The error for a topic that the cluster does not show us."""
    return SourceError(
        f"there is no topic {name!r} at {', '.join(connection.servers)}, or we may not see it: make it, or allow us to "
        "describe and read it"
    )


def not_reached(connection: KafkaConnection, said: str) -> SourceError:
    """The error for a cluster that does not let us in, with the reason as far as one can find out."""
    finding = probe(connection)
    reason = said if finding is None else finding.reason
    kind = SourceError if finding is not None and finding.is_final else SourceUnavailableError
    return kind(f"cannot reach the cluster: {reason}")
