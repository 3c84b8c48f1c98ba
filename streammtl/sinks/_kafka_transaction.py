"""One Kafka transaction from one checkpoint to the next.

Beside the records it holds a mark: an offset that the group of the transactional id commits for the first sink's
topic, whose metadata names the checkpoint. Records and mark become visible together, so the mark always tells the
checkpoint up to which everything was published.
"""

from __future__ import annotations

from typing import final

from streammtl.kafka.mark import WORD, read_mark
from streammtl.kafka.producer import Compression, Producer, make_producer
from streammtl.kafka.settings import KafkaConnection
from streammtl.kafka.topics import require_reachable
from streammtl.sinks.base import Transaction


@final
class KafkaTransaction(Transaction):
    """The transactions of one transactional id, over any number of topics of one cluster."""

    def __init__(
        self,
        connection: KafkaConnection,
        compression: Compression,
        topic: str,
        transactional_id: str,
        transaction_timeout_s: float,
    ) -> None:
        self.connection = connection
        self.topics = [topic]  # of all sinks that take part; the first one has the mark
        self._compression = compression
        self._transactional_id = transactional_id
        self._timeout_s = transaction_timeout_s
        self._producer: Producer | None = None
        self._has_begun = False
        self._has_initialised = False

    @property
    def producer(self) -> Producer:
        """What the sinks publish with."""
        assert self._producer is not None, "recover the transaction first"
        return self._producer

    def recover(self) -> int | None:
        """Fence off an earlier producer; then nobody but us can move the mark."""
        require_reachable(self.connection)
        if self._producer is None:
            self._producer = make_producer(self.connection, self._compression, self._transactional_id, self._timeout_s)
        if not self._has_initialised:
            self._producer.init_transactions()
            self._has_initialised = True
        return read_mark(self.connection, self.topics[0], self._transactional_id)

    def begin(self) -> None:
        """Begin with the first record that somebody publishes."""
        if not self._has_begun:
            self.producer.begin_transaction()
            self._has_begun = True

    def commit(self, number: int) -> None:
        """Flush, set the mark and commit."""
        self.producer.flush()
        self.producer.commit_transaction(self.topics[0], number, self._transactional_id, f"{WORD} {number}")
        self._has_begun = False

    def close(self) -> None:
        """Leave an open transaction to the broker, which aborts it, or to our successor, who does."""
        if self._producer is not None:
            self._producer.close(patience_s=0.0)
            self._producer = None
            self._has_initialised = self._has_begun = False
