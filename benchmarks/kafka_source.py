"""The source of Kafka beside a bare loop of its client library that only consumes.

    python -m benchmarks.kafka_source [RECORDS]

Records of 460 bytes in one partition, and in 2 topics of 4 partitions each, which have to be put in order; with the
journal that keeps the order. Starts a broker of its own on this machine; records per second of wall time and of this
process's processor time.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import confluent_kafka
import kafka

from streammtl.journal import Journal
from streammtl.kafka.settings import Driver
from streammtl.sources.kafka import KafkaSource
from tests.kafka.broker import Broker
from tests.kafka.cluster import Cluster

RECORD = b'{"id": "' + b"x" * 440 + b'", "a": 1}'
POLL = 5000


def main() -> None:
    """Print one line per measurement."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 400_000
    with Broker(quick=False) as broker:
        cluster = Cluster(broker.endpoints.plain)
        topics = [cluster.create_topic("single"), *(cluster.create_topic(name, 4) for name in ("events", "labels"))]
        for topic, n_of_topic in zip(topics, (n, n // 2, n // 2), strict=True):
            fill(cluster.servers, topic, n_of_topic)
        cluster.close()
        several = {"topics": {"events": "events", "labels": "labels"}}
        for driver, bare in BARE.items():
            for _ in range(2):
                show(f"{driver}: consume only", n, partial(bare, cluster.servers, "single", n))
                show(f"{driver}: source, 1 partition", n, source(cluster.servers, driver, topic="single"))
                show(f"{driver}: source, 8 partitions", n, source(cluster.servers, driver, **several))


def fill(servers: str, topic: str, n: int) -> None:
    """Put records in, a millisecond apart, round robin over the partitions."""
    producer = confluent_kafka.Producer({"bootstrap.servers": servers, "linger.ms": 50})
    n_partitions = len(producer.list_topics(topic).topics[topic].partitions)
    for i in range(n):
        while True:
            try:
                producer.produce(topic, RECORD, partition=i % n_partitions, timestamp=1_700_000_000_000 + i)
                break
            except BufferError:
                producer.poll(0.1)
    producer.flush()


def show(what: str, n: int, measured: Callable[[], None]) -> None:
    """Run it once."""
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    measured()
    wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
    print(f"{what:36} {n / wall_s:10,.0f} records/s, {n / cpu_s:10,.0f} per second of processor time", flush=True)


def bare_kafka_python(servers: str, topic: str, n: int) -> None:
    """As fast as the library goes."""
    consumer = kafka.KafkaConsumer(
        bootstrap_servers=servers,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_poll_records=POLL,
        max_partition_fetch_bytes=4 * 1024 * 1024,
    )
    consumer.assign([kafka.TopicPartition(topic, 0)])
    n_read = 0
    while n_read < n:
        n_read += sum(map(len, consumer.poll(1000).values()))
    consumer.close()


def bare_confluent(servers: str, topic: str, n: int) -> None:
    """As fast as the library goes."""
    settings: dict[str, Any] = {"bootstrap.servers": servers, "group.id": "bare", "enable.auto.commit": False}
    consumer = confluent_kafka.Consumer(settings)
    consumer.assign([confluent_kafka.TopicPartition(topic, 0, 0)])
    n_read = 0
    while n_read < n:
        n_read += len(consumer.consume(POLL, 1.0))
    consumer.close()


def source(servers: str, driver: Driver, **which: Any) -> Callable[[], None]:
    """The whole source to its end, with a journal."""
    connection = {"servers": servers, "driver": driver}
    config = KafkaSource.Config.model_validate(
        {"connection": connection, "follow": False, "max_poll_records": POLL, **which}
    )

    def run() -> None:
        opened = config.build()
        opened.open({})
        with tempfile.TemporaryDirectory() as folder, Journal(Path(folder)) as journal:
            journal.since(0)
            while (records := opened.poll(0.25)) is not None:
                journal.append(records)
        opened.close()

    return run


BARE: dict[Driver, Callable[[str, str, int], None]] = {
    "kafka-python": bare_kafka_python,
    "confluent": bare_confluent,
}

if __name__ == "__main__":
    main()
