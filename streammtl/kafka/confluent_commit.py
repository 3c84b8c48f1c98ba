"""The commit of a transaction by librdkafka, which does not keep its time limits, and may wait without end."""

from __future__ import annotations

from typing import Any, final

from streammtl.clock import SystemClock
from streammtl.errors import SinkAbortedError, SinkUnavailableError
from streammtl.kafka.call import Call
from streammtl.kafka.clients import confluent_settings
from streammtl.kafka.probe import probe
from streammtl.kafka.producer import PATIENCE_S
from streammtl.kafka.settings import KafkaConnection

_LOOK_S = 0.5  # how long looking whether a broker answers may take, each of the two times
_STUCK_S = 30.0  # what does not get on while brokers answer for so long never will


@final
class Standstill:
    """How long a transactional client has got nowhere, although brokers answer."""

    def __init__(self, client: Any, connection: KafkaConnection) -> None:
        self._client = client
        self._by_hand = connection.model_copy(update={"connect_timeout_s": _LOOK_S})
        self._clock = SystemClock()
        self._since_s: float | None = None

    def is_over(self) -> None:
        """It has got on."""
        self._since_s = None

    def check(self, topic: str, *, is_committing: bool) -> None:
        """Raise `SinkAbortedError` when there is no hope; another client may do better.

        A commit may wait for a broker that is gone for good, while others answer. And a client that does not begin anew
        with the servers of its settings does not find a cluster all of whose brokers have other addresses now.
        """
        import confluent_kafka

        try:
            self._client.list_topics(topic, timeout=_LOOK_S)
            is_hopeless, found = is_committing, "is not done"
        except confluent_kafka.KafkaException:
            is_hopeless, found = probe(self._by_hand) is None, "does not find the cluster"
        now_s = self._clock.monotonic()
        if not is_hopeless:
            self._since_s = None
        elif self._since_s is None:
            self._since_s = now_s
        elif now_s - self._since_s > _STUCK_S:
            raise SinkAbortedError(f"a transaction {found}, though brokers have answered for {_STUCK_S:.0f} s")


@final
class Commit:
    """The commits of one client, one after the other, each in a thread of its own."""

    def __init__(self, client: Any, connection: KafkaConnection, standstill: Standstill) -> None:
        self._client = client
        self._connection = connection
        self._standstill = standstill
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
            self._standstill.check(topic, is_committing=True)
            raise SinkUnavailableError("the broker does not answer to the commit of a transaction")
        self._standstill.is_over()
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
