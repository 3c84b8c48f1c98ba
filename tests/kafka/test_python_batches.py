"""kafka-python with whole batches in the place of single records: nothing is lost, doubled or out of order."""

from __future__ import annotations

from collections import defaultdict

import pytest
from kafka.partitioner.default import murmur2

from streammtl.errors import SinkError
from streammtl.kafka.consumer import Reading, TopicPartition, make_consumer
from streammtl.kafka.producer import Compression, Producer, make_producer
from streammtl.kafka.settings import KafkaConnection
from tests.kafka.broker import wait_until
from tests.kafka.cluster import Cluster
from tests.kafka.conftest import _NewTopic

N_PARTITIONS = 3


def connection_to(cluster: Cluster) -> KafkaConnection:
    return KafkaConnection.model_validate({"servers": cluster.servers, "driver": "kafka-python"})


def publish(producer: Producer, topic: str, keys: list[bytes], values: list[bytes]) -> None:
    producer.publish(topic, keys, values, [[("version", b"1")]] * len(keys))


def read_values(cluster: Cluster, topic: str, start: int, n: int, at_once: int) -> list[tuple[int, int, bytes | None]]:
    """`n` records of partition 0 from the offset `start` on."""
    consumer = make_consumer(connection_to(cluster), Reading("g", "read_committed", at_once, 30.0))
    consumer.assign({TopicPartition(topic, 0): start})
    found: list[tuple[int, int, bytes | None]] = []

    def have_come() -> bool:
        for batch in consumer.poll(0.1, at_once):
            found.extend(zip(batch.offset_N.tolist(), batch.timestamp_ms_N.tolist(), batch.values, strict=True))
        assert consumer.reached(TopicPartition(topic, 0)) == (found[-1][0] + 1 if found else start)
        return len(found) >= n

    wait_until(have_come, f"{n} records have come")
    consumer.close()
    return found


def test_each_partition_has_its_records_in_order_however_many_come_at_once(
    cluster: Cluster, fresh_topic: _NewTopic
) -> None:
    topic = fresh_topic(partitions=N_PARTITIONS)
    producer = make_producer(connection_to(cluster))
    sent: dict[int, list[tuple[bytes, bytes]]] = defaultdict(list)
    n = 0
    for at_once in (1, 2, 3000, 1, 500, 4000, 7):
        keys = [b"key %d" % (i * i) for i in range(n, n + at_once)]
        values = [b"%d" % i * (1 + i % 50) for i in range(n, n + at_once)]
        for key, value in zip(keys, values, strict=True):
            sent[(murmur2(key) & 0x7FFFFFFF) % N_PARTITIONS].append((key, value))
        publish(producer, topic, keys, values)
        n += at_once
    producer.flush()
    assert producer.n_waiting == 0
    producer.close()
    came: dict[int, list[tuple[bytes | None, bytes | None]]] = defaultdict(list)
    for record in cluster.read(topic):
        came[record.partition].append((record.key, record.value))
        assert record.headers == (("version", b"1"),)
    assert came == sent


@pytest.mark.parametrize("compression", ["none", "lz4", "zstd"])
def test_reading_begins_and_goes_on_in_the_middle_of_a_batch(
    cluster: Cluster, fresh_topic: _NewTopic, compression: Compression
) -> None:
    topic = fresh_topic()
    producer = make_producer(connection_to(cluster), compression)
    values = [b"value %d " % i * 20 for i in range(3000)]
    publish(producer, topic, [b"k"] * 3000, values)
    producer.flush()
    producer.close()
    found = read_values(cluster, topic, 1234, 3000 - 1234, at_once=100)
    assert [offset for offset, _, _ in found] == list(range(1234, 3000))
    assert [value for _, _, value in found] == values[1234:]


@pytest.mark.parametrize("kind", ["CreateTime", "LogAppendTime"])
def test_times_are_those_that_the_topic_keeps(cluster: Cluster, fresh_topic: _NewTopic, kind: str) -> None:
    topic = fresh_topic(1, **{"message.timestamp.type": kind})
    cluster.produce(topic, [b"a", b"b", b"c"], timestamps_ms=[5_000, 4_000, 6_000])
    found = read_values(cluster, topic, 0, 3, at_once=10)
    assert [time_ms for _, time_ms, _ in found] == [record.timestamp_ms for record in cluster.read(topic)]
    assert (found[0][1] == 5_000) == (kind == "CreateTime")


def test_batches_that_are_too_large_for_the_topic_are_split_and_nothing_is_doubled(
    cluster: Cluster, fresh_topic: _NewTopic
) -> None:
    topic = fresh_topic(1, **{"max.message.bytes": "10000"})
    producer = make_producer(connection_to(cluster))
    values = [b"%04d" % i * 25 for i in range(1500)]
    for start in range(0, 1500, 500):
        publish(producer, topic, [b"k"] * 500, values[start : start + 500])
    wait_until(lambda: _is_settled(producer), "everything is there")
    producer.close()
    assert [record.value for record in cluster.read(topic)] == values


def _is_settled(producer: Producer) -> bool:
    producer.settle()
    return producer.n_waiting == 0


def test_of_many_records_the_one_that_is_refused_is_named(cluster: Cluster, fresh_topic: _NewTopic) -> None:
    topic = fresh_topic(1, **{"max.message.bytes": "5000"})
    producer = make_producer(connection_to(cluster))
    keys = [b"small %d" % i for i in range(300)]
    values = [b"x" * 50 for _ in keys]
    keys[200], values[200] = b"large", b"x" * 6000
    publish(producer, topic, keys, values)
    with pytest.raises(SinkError, match="refuses the record b'large' of 6,000 bytes"):
        producer.flush()
    producer.close()
