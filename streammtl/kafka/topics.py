"""Topics that sinks write to: they are there, or are made."""

from __future__ import annotations

from streammtl.errors import SinkError, SinkUnavailableError
from streammtl.kafka.clients import kafka_python_settings
from streammtl.kafka.denied import lacks
from streammtl.kafka.probe import probe
from streammtl.kafka.settings import KafkaConnection


def require_topic(
    connection: KafkaConnection, topic: str, *, partitions: int | None, replication: int = -1, must_exist: bool = False
) -> None:
    """Make sure that a topic is there; make it with `partitions` (None: do not make it).

    `replication` -1 is the broker's default. With `must_exist` it is an error that the topic is gone. Raises
    `SinkUnavailableError` when the cluster does not answer, `SinkError` for all else.
    """
    import kafka
    from kafka.errors import KafkaError, TopicAlreadyExistsError, TopicAuthorizationFailedError

    require_reachable(connection)
    try:
        admin = kafka.KafkaAdminClient(**kafka_python_settings(connection))
        try:
            if topic in admin.list_topics():
                return
            if must_exist:
                raise SinkError(
                    f"topic {topic!r} is gone, but the checkpoint to resume from had published to it: make it again, "
                    "or allow our user to describe it, or start without the checkpoint"
                )
            if partitions is None:
                raise SinkError(
                    f"there is no topic {topic!r}: make it, allow our user to describe it, or set create: true"
                )
            wanted = {"num_partitions": partitions, "replication_factor": replication}
            admin.create_topics({topic: wanted}, wait_for_metadata=True)
        except TopicAlreadyExistsError:
            return  # somebody else was quicker
        except TopicAuthorizationFailedError as error:
            said = lacks(connection, "Create", "topic", topic, "which is not there, or which it may not describe")
            raise SinkError(f"cannot make topic {topic!r}: {said}") from error
        finally:
            admin.close()
    except KafkaError as error:
        raise sink_error(f"look for topic {topic!r}", error) from error


def require_reachable(connection: KafkaConnection) -> None:
    """Raise `SinkError` when the cluster refuses us, which waiting does not change, and else `SinkUnavailableError`."""
    finding = probe(connection)
    if finding is not None:
        raise (SinkError if finding.is_final else SinkUnavailableError)(f"cannot write to Kafka: {finding.reason}")


def n_records_ever(connection: KafkaConnection, topic: str) -> int:
    """How many records a topic has had: the sum of its end offsets."""
    import kafka
    from kafka.errors import KafkaError

    try:
        consumer = kafka.KafkaConsumer(**kafka_python_settings(connection), enable_auto_commit=False)
        try:
            partitions = [kafka.TopicPartition(topic, p) for p in consumer.partitions_for_topic(topic) or ()]
            return sum(consumer.end_offsets(partitions).values())
        finally:
            consumer.close()
    except KafkaError as error:
        raise sink_error(f"look into topic {topic!r}", error) from error


def sink_error(doing: str, error: Exception) -> SinkError:
    """A sink's error for one of kafka-python: unavailable when trying again may help."""
    kind = SinkUnavailableError if getattr(error, "retriable", False) else SinkError
    return kind(f"cannot {doing}: {error}")
