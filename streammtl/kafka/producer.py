"""What sinks need of a client library: records go out, and none is forgotten before the broker has it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal, TypeAlias

from streammtl.errors import SinkFencedError
from streammtl.kafka.settings import KafkaConnection

Compression: TypeAlias = Literal["none", "lz4", "zstd"]
Headers: TypeAlias = list[tuple[str, str | bytes | None]]

#: Records on their way at once. More would be lost time when the process dies, and memory while the broker is away.
MAX_WAITING = 50_000
#: How long one call waits for the broker before it says that there is trouble; it is called again.
PATIENCE_S = 1.0
#: The same for everything that is on its way: the first record of a new client takes a second sometimes.
FLUSH_PATIENCE_S = 3.0
#: How long `close` waits for what is on its way, unless it is told not to.
LAST_PATIENCE_S = 5.0
#: A record is tried for as long as the process lives (in milliseconds, and within 32 bits): the client library keeps
#: the order and removes repetitions only as long as it does the trying.
FOR_EVER_MS = 2_000_000_000


class Producer(ABC):
    """Sends records in order, idempotently, and again until the broker has them.

    A key decides the partition as in Kafka's own clients (murmur2). A call that the broker does not let through within
    `PATIENCE_S` raises `SinkUnavailableError` and may be repeated. Used by one thread.
    """

    @abstractmethod
    def publish(self, topic: str, keys: Sequence[bytes], values: Sequence[bytes], headers: Sequence[Headers]) -> None:
        """Take records; what cannot go out now is kept. Never waits long."""

    @abstractmethod
    def flush(self) -> None:
        """Wait until the broker has everything.

        Raises `SinkError` when it refuses a record for good, or a transaction lacks a permission; `SinkAbortedError`
        and `SinkFencedError` when a transaction is lost.
        """

    @abstractmethod
    def settle(self) -> None:
        """Wait until no more than `MAX_WAITING` records are on their way; raises as `flush` does."""

    @property
    @abstractmethod
    def n_waiting(self) -> int:
        """How many records were taken and are not known to be with the broker."""

    @abstractmethod
    def init_transactions(self) -> None:
        """End what an earlier producer of this transactional id left open, and fence it off."""

    @abstractmethod
    def begin_transaction(self) -> None:
        """Records count from now on only when `commit_transaction` succeeds."""

    @abstractmethod
    def commit_transaction(self, topic: str, number: int, group: str, metadata: str) -> None:
        """Let the records count, together with an offset `number` of partition 0 of `topic` for `group`.

        Repeated after `SinkUnavailableError`, it goes on.
        """

    @abstractmethod
    def close(self, patience_s: float = LAST_PATIENCE_S) -> None:
        """Try to send what is waiting, for so long, and let go. May be called twice."""


def make_producer(
    connection: KafkaConnection,
    compression: Compression = "none",
    transactional_id: str | None = None,
    transaction_timeout_s: float = 60.0,
) -> Producer:
    """A connected producer of the driver that `connection` names.

    Raises `SinkUnavailableError` when the cluster cannot be reached, `SinkError` when it refuses us.
    """
    if connection.driver == "confluent":
        from streammtl.kafka.confluent_producer import ConfluentProducer

        return ConfluentProducer(connection, compression, transactional_id, transaction_timeout_s)
    from streammtl.kafka.python_producer import PythonProducer

    return PythonProducer(connection, compression, transactional_id, transaction_timeout_s)


def fenced_error(do: str, said: str) -> SinkFencedError:
    """The error of a transaction that the broker has ended, while we wanted to `do` something."""
    return SinkFencedError(
        f"cannot {do}: {said}. Another process with this transactional id has taken over, or the transaction was open "
        "for longer than sink.transaction_timeout_s; what it held never counts. Started again, the run goes on from "
        "the last committed checkpoint"
    )
