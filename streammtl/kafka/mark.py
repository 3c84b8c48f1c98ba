"""The mark of a transaction: which checkpoint it names, as the metadata of an offset."""

from __future__ import annotations

from typing import Any

from streammtl.errors import SinkError
from streammtl.kafka.clients import kafka_python_settings
from streammtl.kafka.denied import lacks_in_transaction
from streammtl.kafka.producer import PATIENCE_S
from streammtl.kafka.settings import KafkaConnection
from streammtl.kafka.topics import sink_error

WORD = "checkpoint"


def read_mark(connection: KafkaConnection, topic: str, transactional_id: str) -> int | None:
    """The number of the checkpoint that the last committed transaction names; None: there was no commit."""
    import kafka
    from kafka.errors import GroupAuthorizationFailedError, KafkaError, UnknownTopicOrPartitionError

    doing = f"read the mark of {transactional_id!r}"
    settings = kafka_python_settings(connection)
    try:
        consumer = kafka.KafkaConsumer(**settings, group_id=transactional_id, enable_auto_commit=False)
        try:
            mark: Any = consumer.committed(
                kafka.TopicPartition(topic, 0), metadata=True, timeout_ms=int(5 * PATIENCE_S * 1000)
            )
        except UnknownTopicOrPartitionError:
            return None
        finally:
            consumer.close()
    except GroupAuthorizationFailedError as error:
        said = lacks_in_transaction(connection, "group", topic, transactional_id)
        raise SinkError(f"cannot {doing}: {said}") from error
    except KafkaError as error:
        raise sink_error(doing, error) from error
    if mark is None:
        return None
    # confluent-kafka 2.16 writes the zero that ends a text in C, too.
    word, _, number = mark.metadata.rstrip("\0").partition(" ")
    if word != WORD or not number.isdecimal():
        raise SinkError(
            f"cannot {doing}: group {transactional_id!r} has the metadata {mark.metadata!r} at "
            f"{topic}:0, which streammtl did not write; set another sink.transactional_id"
        )
    return int(number)
