"""The commit of a transaction by librdkafka, which does not keep its time limits, and may wait without end."""

from __future__ import annotations

from typing import Any, final

from streammtl.clock import SystemClock
from streammtl.errors import SinkAbortedError, SinkUnavailableError
from streammtl.kafka.call import Call
from streammtl.kafka.clients import confluent_settings
from streammtl.kafka.lost import Lost
from streammtl.kafka.producer import PATIENCE_S
from streammtl.kafka.settings import KafkaConnection

_LOOK_S = 0.5  # how long looking whether a broker answers may take
_STUCK_S = 30.0  # a commit that is not done while brokers answer for so long never will be


@final
class Hope:
    """Whether a transactional client may yet get on, or waits for a broker that is gone for good."""

    def __init__(self, client: Any, connection: KafkaConnection) -> None:
        self._client = client
        self._lost = Lost(connection)
        self._clock = SystemClock()
        self._stuck_since_s: float | None = None

    def require(self, topic: str, *, is_committing: bool) -> None:
        """Raise `SinkAbortedError` when there is none: another client may do better."""
        import confluent_kafka

        try:
            self._client.list_topics(topic, timeout=_LOOK_S)
            reaches_broker = True
        except confluent_kafka.KafkaException:
            reaches_broker = False
        if self._lost.is_so(reaches_broker=reaches_broker):
            raise SinkAbortedError("the client library does not find the cluster, whose addresses have changed")
        now_s = self._clock.monotonic()
        if not (reaches_broker and is_committing):
            self._stuck_since_s = None
        elif self._stuck_since_s is None:
            self._stuck_since_s = now_s
        elif now_s - self._stuck_since_s > _STUCK_S:
            raise SinkAbortedError(
                f"a transaction is not committed, though the cluster has answered for {_STUCK_S:.0f} s"
            )


@final
class Commit:
    """The commits of one client, one after the other, each in a thread of its own."""

    def __init__(self, client: Any, connection: KafkaConnection, hope: Hope) -> None:
        self._client = client
        self._connection = connection
        self._hope = hope
        self._call: Call | None = None
        self._group: Any = None  # what the library calls the metadata of the mark's group
        self._have_offsets_gone = False  # of the transaction that is being committed

    def begin(self) -> None:
        """Another transaction has begun."""
        self._have_offsets_gone = False

    def carry_out(self, topic: str, number: int, group: str, metadata: str) -> None:
        """See `Producer.commit_transaction`; errors are those of the library, too."""
        if self._call is None:
            self._call = Call(lambda: self._set_mark_and_commit(topic, number, group, metadata))
        if not self._call.ended_within(PATIENCE_S):
            self._hope.require(topic, is_committing=True)
            raise SinkUnavailableError("the broker does not answer to the commit of a transaction")
        error, self._call = self._call.error, None
        if error is not None:
            raise error

    def _set_mark_and_commit(self, topic: str, number: int, group: str, metadata: str) -> None:
        import confluent_kafka

        if not self._have_offsets_gone:
            if self._group is None:
                consumer = confluent_kafka.Consumer({**confluent_settings(self._connection), "group.id": group})
                self._group = consumer.consumer_group_metadata()
                consumer.close()
            mark = [confluent_kafka.TopicPartition(topic, 0, number, metadata)]
            self._client.send_offsets_to_transaction(mark, self._group)
            self._have_offsets_gone = True
        self._client.commit_transaction()
