"""From topic to topic: the daemon's loop beside bare ones that only consume and produce, and its latency.

    python -m benchmarks.kafka [EVENTS] [DRIVER ...]

Starts a broker of its own on this machine, which takes its share of the same cores. The learner is the default model
with the four tasks of the fraud simulator.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import kafka
import numpy as np
import yaml

from streammtl.clock import SystemClock
from streammtl.config import RunConfig
from streammtl.kafka.consumer import Reading, TopicPartition, make_consumer
from streammtl.kafka.producer import make_producer
from streammtl.kafka.settings import KafkaConnection
from streammtl.run.loop import Loop
from streammtl.run.simulate import world_settings, write_world
from tests.kafka.broker import Broker, wait_until
from tests.kafka.cluster import Cluster

ROOT = Path(__file__).parents[1]
DRIVERS = ("kafka-python", "confluent")
BATCH = 5000
RATES = (1000, 5000)
LATENCY_S = 10.0
DAEMON = ("streammtl.run.cli", "run")
ECHO = ("benchmarks.kafka_echo",)


def main() -> None:
    """Print events per second by driver, where the time goes, and latencies."""
    n_events = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    drivers = sys.argv[2:] or DRIVERS
    with Broker(quick=False) as broker:
        cluster = Cluster(broker.endpoints.plain)
        world = world_settings("fraud", events=n_events).build()
        written = write_world(world, f"kafka://{cluster.servers}", SystemClock())
        print(f"{written.n_events:,} events, {written.n_records - written.n_events:,} labels\n")
        for driver in drivers:
            connection = KafkaConnection.model_validate({"servers": cluster.servers, "driver": driver})
            size_bytes = prediction_size(cluster, connection)
            ceilings = {}
            if driver == "kafka-python":
                ceilings["kafka-python's own"] = plain(cluster, written.n_records, size_bytes)
            ceilings["the"] = bare(cluster, connection, written.n_events, written.n_records, size_bytes)
            for _ in range(2):
                rate, stages = through_the_loop(cluster, connection, written.n_records)
                total = sum(stages.values())
                shares = ", ".join(f"{name} {seconds / total:.0%}" for name, seconds in stages.items())
                compared = ", ".join(
                    f"{rate / ceiling:4.0%} of {whose} bare loop" for whose, ceiling in ceilings.items()
                )
                print(f"{driver:14} {rate:9,.0f} records/s: {compared}; {shares}")
            for per_s in RATES:  # of events alone, so that a record is an event
                for what, command in (("to an echo", ECHO), ("to the prediction", DAEMON)):
                    p50, p99 = latency(cluster, connection, per_s, command)
                    print(f"{driver:14} {per_s:9,} events/s: {p50:6.1f} ms (p50) {p99:6.1f} ms (p99) {what}")
            print(flush=True)
        cluster.close()


def settings(connection: KafkaConnection, folder: Path, out: str, **source: Any) -> dict[str, Any]:
    """The fraud example, from its topics to `out`."""
    document: dict[str, Any] = yaml.safe_load((ROOT / "examples" / "fraud_kafka.yaml").read_text())
    cluster = {"servers": list(connection.servers), "driver": connection.driver}
    document["source"] |= {"connection": cluster, "max_poll_records": BATCH, **source}
    document["sink"] = {"predictions": {"kind": "kafka", "connection": cluster, "topic": out}}
    document["checkpoint"] = {"path": str(folder / "checkpoints"), "every_s": 30, "every_records": 10**9}
    document["monitoring"] = {"http": {"port": None}}
    return document


def loop_of(document: dict[str, Any]) -> Loop:
    """What the daemon runs."""
    return Loop(RunConfig.parse(document, environment={}), Path(), SystemClock())


def prediction_size(cluster: Cluster, connection: KafkaConnection) -> int:
    """Bytes of a prediction; also compiles and warms what the first run would pay for."""
    with tempfile.TemporaryDirectory() as name:
        topic = cluster.create_topic()
        loop = loop_of(settings(connection, Path(name), topic, follow=False))
        loop.run(resume=True, stop=lambda: loop.engine.totals["events"] > BATCH)
    values = [record.value or b"" for record in cluster.read(topic)]
    return int(np.mean([len(value) for value in values]))


def bare(cluster: Cluster, connection: KafkaConnection, n_events: int, n_records: int, size_bytes: int) -> float:
    """Records per second of a loop that consumes everything and produces a record per event, without learning.

    It reads and writes as the daemon does.
    """
    consumer = make_consumer(connection, Reading("bare", "read_committed", BATCH, 30.0))
    producer = make_producer(connection)
    topic = cluster.create_topic()
    consumer.assign({TopicPartition(name, 0): 0 for name in ("events", "labels")})
    value, n, sent = b"x" * size_bytes, 0, 0
    start_s = time.perf_counter()
    while n < n_records:
        for batch in consumer.poll(0.1, BATCH):
            n += len(batch.values)
            if batch.partition.topic == "events":
                k = len(batch.values)
                keys = [b"e%d" % i for i in range(sent, sent + k)]
                producer.publish(topic, keys, [value] * k, [[]] * k)
                sent += k
        producer.settle()
    while producer.n_waiting:
        producer.flush()
    rate = n / (time.perf_counter() - start_s)
    assert sent == n_events
    consumer.close()
    producer.close()
    print(f"{connection.driver:14} {rate:9,.0f} records/s: a bare loop that consumes, and produces {size_bytes} bytes")
    return rate


def plain(cluster: Cluster, n_records: int, size_bytes: int) -> float:
    """The same with kafka-python as it comes, record by record, in place of the daemon's reader and writer."""
    consumer = kafka.KafkaConsumer(
        bootstrap_servers=cluster.servers,
        isolation_level="read_committed",
        auto_offset_reset="none",
        enable_auto_commit=False,
        max_partition_fetch_bytes=4 * 1024 * 1024,
        max_poll_records=BATCH,
    )
    producer = kafka.KafkaProducer(bootstrap_servers=cluster.servers, acks="all", batch_size=256 * 1024)
    topic = cluster.create_topic()
    consumer.assign([kafka.TopicPartition(name, 0) for name in ("events", "labels")])
    for partition in consumer.assignment():
        consumer.seek(partition, 0)
    value, n, futures = b"x" * size_bytes, 0, []
    start_s = time.perf_counter()
    while n < n_records:
        for partition, records in consumer.poll(timeout_ms=100).items():
            n += len(records)
            if partition.topic == "events":
                futures += [producer.send(topic, value, b"e%d" % record.offset) for record in records]
    producer.flush()
    assert all(future.succeeded() for future in futures)
    rate = n / (time.perf_counter() - start_s)
    consumer.close()
    producer.close()
    print(f"{'kafka-python':14} {rate:9,.0f} records/s: its own bare loop, record by record")
    return rate


def through_the_loop(cluster: Cluster, connection: KafkaConnection, n_records: int) -> tuple[float, dict[str, float]]:
    """Records per second of the daemon's loop from its first poll to its last checkpoint, and seconds by stage."""
    with tempfile.TemporaryDirectory() as name:
        ran = loop_of(settings(connection, Path(name), cluster.create_topic(), follow=False)).run(resume=True)
        return n_records / ran.seconds, ran.stages


def latency(
    cluster: Cluster, connection: KafkaConnection, per_s: int, command: Sequence[str] = DAEMON
) -> tuple[float, float]:
    """Milliseconds from producing an event to its prediction being there for a consumer: p50 and p99.

    Who produces and consumes does so with the driver confluent, which takes the least time, and in another process.
    """
    fast = connection.model_copy(update={"driver": "confluent"})
    events = [record.value or b"" for record in cluster.read("events")[: int(per_s * LATENCY_S)]]
    names = {name: cluster.create_topic() for name in ("events", "labels")}
    topic = cluster.create_topic()
    sent: dict[bytes, float] = {}
    came: dict[bytes, float] = {}
    with tempfile.TemporaryDirectory() as name:
        config = Path(name) / "run.yaml"
        config.write_text(json.dumps(settings(connection, Path(name), topic, topics=names)))
        # A process of its own: measuring must not take its time.
        daemon = subprocess.Popen([sys.executable, "-m", *command, str(config)], stderr=subprocess.PIPE, cwd=ROOT)
        try:
            wait_until(lambda: any(Path(name).glob("checkpoints/checkpoint-*")), "the daemon has begun")
            reader = threading.Thread(target=_read, args=(fast, topic, len(events), came))
            reader.start()
            _send(fast, names["events"], events, per_s, sent)
            reader.join(30)
        finally:
            daemon.terminate()
            daemon.communicate()
    waited_ms = np.array([came[key] - sent[key] for key in came]) * 1000.0
    settled_ms = waited_ms[len(waited_ms) // 10 :]  # after the beginning
    return float(np.percentile(settled_ms, 50)), float(np.percentile(settled_ms, 99))


def _send(connection: KafkaConnection, topic: str, events: list[bytes], per_s: int, sent: dict[bytes, float]) -> None:
    producer = make_producer(connection)
    keys = [_id_of(value) for value in events]
    start_s, step = time.perf_counter(), max(1, per_s // 1000)
    for first in range(0, len(events), step):
        due_s = start_s + first / per_s
        time.sleep(max(0.0, due_s - time.perf_counter()))
        part = slice(first, first + step)
        sent.update(dict.fromkeys(keys[part], time.perf_counter()))
        producer.publish(topic, keys[part], events[part], [[]] * len(keys[part]))
    producer.flush()
    producer.close()


def _id_of(document: bytes) -> bytes:
    """The event's id, found without parsing: who measures must not take the time of what is measured."""
    _, _, rest = document.partition(b'"id":"')
    return rest[: rest.index(b'"')]


def _read(connection: KafkaConnection, topic: str, n: int, came: dict[bytes, float]) -> None:
    consumer = make_consumer(connection, Reading("latency", "read_uncommitted", BATCH, 30.0))
    consumer.assign({TopicPartition(topic, 0): 0})
    deadline_s = time.perf_counter() + 2 * LATENCY_S + 10
    while len(came) < n and time.perf_counter() < deadline_s:
        for batch in consumer.poll(0.1, BATCH):
            now_s = time.perf_counter()
            for value in batch.values:
                came[_id_of(value or b"")] = now_s
    consumer.close()


if __name__ == "__main__":
    main()
