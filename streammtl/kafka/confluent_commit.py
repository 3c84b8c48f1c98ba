"""The commit of a transaction by librdkafka, which does not keep its time limits, and may wait without end."""

from __future__ import annotations

from typing import Any, final

from streammtl.errors import SinkUnavailableError
from streammtl.kafka.call import Call
from streammtl.kafka.clients import confluent_settings
from streammtl.kafka.lost import Hope
from streammtl.kafka.producer import PATIENCE_S
from streammtl.kafka.settings import KafkaConnection

_LOOK_S = 0.5  # how long looking whether a broker answers may take


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
            self._hope.begin()
            self._call = Call(lambda: self._set_mark_and_commit(topic, number, group, metadata))
        if not self._call.ended_within(PATIENCE_S):
            self._hope.require(reaches_broker=reaches_broker(self._client, topic), n_waiting=None)
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


def reaches_broker(client: Any, topic: str) -> bool:
    """Whether a client of librdkafka gets an answer, about any topic."""
    import confluent_kafka

    try:
        client.list_topics(topic, timeout=_LOOK_S)
    except confluent_kafka.KafkaException:
        return False
    return True
