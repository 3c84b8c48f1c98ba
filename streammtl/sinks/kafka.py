"""A Kafka topic."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from pathlib import Path
from typing import ClassVar, Literal, final

from pydantic import Field

from streammtl.clock import Clock
from streammtl.errors import ConfigError, SinkError
from streammtl.kafka.producer import Compression, Headers, Producer, make_producer
from streammtl.kafka.settings import KafkaConnection
from streammtl.kafka.topics import require_topic
from streammtl.sinks._documents import encode_each
from streammtl.sinks._kafka_transaction import KafkaTransaction
from streammtl.sinks.base import Documents, Sink, Transaction
from streammtl.types import State


@final
class KafkaSink(Sink):
    """Each document as a JSON record under its key, with headers: the version of the model, the record it is about.

    Every delivery is checked when the sink is flushed, and what failed is sent again. After a crash the topic may hold
    twice, with the same key and value, what was published since the last checkpoint; in transactions
    (`sink.delivery: exactly_once`) whoever reads committed records only sees it once.

    >>> sink = KafkaSink.Config(connection={"servers": "127.0.0.1:9092"}, topic="predictions").build()
    >>> sink.n_waiting
    0
    """

    repeats: ClassVar[bool] = True

    class Config(Sink.Config):
        """Settings of Kafka as a sink."""

        kind: Literal["kafka"] = "kafka"
        connection: KafkaConnection = Field(description="How to reach the cluster.")
        topic: str = Field(
            min_length=1, max_length=249, pattern=r"^[A-Za-z0-9._-]+$", description="The topic to write to."
        )
        create: bool = Field(default=True, description="Whether the topic is made when it is missing.")
        partitions: int = Field(
            default=1, ge=1, le=10_000, description="Partitions of a topic that is made; a document's key decides."
        )
        replication: int = Field(
            default=-1,
            ge=-1,
            le=100,
            description="Copies of a topic that is made; -1: as many as the broker's default.",
        )
        compression: Compression = Field(default="none", description="Compression of what is sent.")
        transaction_timeout_s: float = Field(
            default=300.0,
            ge=1.0,
            le=900.0,
            description="With exactly_once: a transaction that is open for longer is aborted, and the run stops. A "
            "broker allows 900 unless it is told otherwise.",
        )

    def __init__(self, config: KafkaSink.Config, base: Path, clock: Clock) -> None:
        self._config = config
        self._version: Headers = []
        self._transaction: KafkaTransaction | None = None
        self._producer: Producer | None = None

    def label(self, version: str) -> None:
        """It becomes the header `version`."""
        self._version = [("version", version.encode())] if version else []

    def transaction(self, transactional_id: str) -> KafkaTransaction:
        """A transaction over sinks of this cluster, with this sink's compression and timeout."""
        c = self._config
        return KafkaTransaction(c.connection, c.compression, c.topic, transactional_id, c.transaction_timeout_s)

    def enter(self, transaction: Transaction) -> None:
        """Publish by the transaction's producer."""
        if not isinstance(transaction, KafkaTransaction) or transaction.connection != self._config.connection:
            raise ConfigError("all sinks of one transaction need the same connection")
        self._transaction = transaction

    def open(self, position: State | None) -> None:
        """Find or make the topic."""
        self.close()
        c = self._config
        if position is not None and not isinstance(position.get("topic"), str):
            raise SinkError(
                f"the position to resume topic {c.topic} from has no 'topic' (it is {position}): it was taken from a "
                "sink of another kind. Use the sink that the checkpoint was made with, or start without it"
            )
        is_known = position is not None and position["topic"] == c.topic
        partitions = c.partitions if c.create else None
        require_topic(c.connection, c.topic, partitions=partitions, replication=c.replication, must_exist=is_known)
        if self._transaction is not None:
            self._producer = self._transaction.producer
        else:
            self._producer = make_producer(c.connection, c.compression)

    def publish(self, documents: Documents) -> None:
        """Send a record per document; it may be on its way for a while."""
        assert self._producer is not None, "open the sink first"
        if not len(documents):
            return
        if self._transaction is not None:
            self._transaction.begin()
        keys = [key.encode() for key in documents.keys]
        self._producer.publish(self._config.topic, keys, encode_each(documents), self._headers(documents))

    def settle(self) -> None:
        """Wait for the broker where too much is on its way."""
        assert self._producer is not None, "open the sink first"
        self._producer.settle()

    def flush(self) -> State:
        """Wait for all acknowledgements; within a transaction its commit does."""
        assert self._producer is not None, "open the sink first"
        self._producer.flush()
        return {"topic": self._config.topic}

    @property
    def n_waiting(self) -> int:
        """Not acknowledged yet; of all sinks of a transaction, where there is one."""
        return 0 if self._producer is None else self._producer.n_waiting

    def close(self) -> None:
        """Try for a moment to send what is waiting. A transaction's producer is closed with the transaction."""
        if self._producer is not None and self._transaction is None:
            self._producer.close()
        self._producer = None

    def abandon(self) -> None:
        """Let go at once."""
        if self._producer is not None and self._transaction is None:
            self._producer.close(patience_s=0.0)
        self._producer = None

    def _headers(self, documents: Documents) -> Sequence[Headers]:
        if documents.origins is None:
            return list(repeat(self._version, len(documents)))
        version = self._version
        return [[*version, ("origin", origin.encode())] for origin in documents.origins.texts()]
