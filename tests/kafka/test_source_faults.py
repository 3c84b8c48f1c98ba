"""The source while the broker dies, stands still, or the network fails: nothing is lost, nothing comes twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from streammtl.clock import SystemClock
from streammtl.errors import SourceUnavailableError
from streammtl.sources.kafka import KafkaSource
from tests.kafka.broker import Broker, wait_until
from tests.kafka.cluster import Cluster
from tests.kafka.proxy import FETCH, METADATA, Proxy
from tests.kafka.test_source import BOTH, Read, where

pytestmark = pytest.mark.slow

N = 3_000


@pytest.fixture
def cluster(broker: Broker) -> Iterator[Cluster]:
    found = Cluster(broker.endpoints.plain)
    yield found
    found.close()


def source_of(servers: str, topic: str, driver: str) -> KafkaSource:
    connection = {"servers": servers, "driver": driver, "connect_timeout_s": 2.0, "request_timeout_s": 2.0}
    config = {"connection": connection, "topic": topic, "max_poll_records": 100, "merge_wait_s": 0.01}
    source = KafkaSource.Config.model_validate(config).build()
    assert isinstance(source, KafkaSource)
    return source


def half_read(cluster: Cluster, driver: str) -> tuple[str, KafkaSource, Read]:
    """A topic with `N` records in each of two partitions, its source, and the first of them."""
    topic, read = cluster.create_topic(partitions=2), Read()
    for p in (0, 1):
        cluster.produce(topic, [b"{}"] * N, partition=p)
    source = source_of(cluster.servers, topic, driver)
    source.open({})
    read_until(source, read, N // 2)
    return topic, source, read


def read_until(source: KafkaSource, read: Read, n: int, timeout_s: float = 60.0) -> int:
    """Read on until there are `n` records; how often the source was in trouble meanwhile."""
    n_troubles = 0

    def are_there() -> bool:
        nonlocal n_troubles
        try:
            records = source.poll(0.1)
        except SourceUnavailableError:
            n_troubles += 1
            SystemClock().sleep(0.05)
            return False
        assert records is not None
        read.extend(where(records))
        return len(read) >= n

    wait_until(are_there, f"there are {n} records", timeout_s)
    return n_troubles


def poll_for(source: KafkaSource, read: Read, seconds: float) -> None:
    """Read on for so long at most, without patience."""
    clock = SystemClock()
    end_s = clock.monotonic() + seconds
    while clock.monotonic() < end_s:
        records = source.poll(0.1)
        assert records is not None
        read.extend(where(records))


def assert_each_once(read: Read, topic: str, n: int) -> None:
    for p in (0, 1):
        assert [offset for name, offset in read if name == f"{topic}:{p}"] == list(range(n))


@BOTH
def test_a_killed_broker_is_waited_for(broker: Broker, cluster: Cluster, driver: str) -> None:
    topic, source, read = half_read(cluster, driver)
    cluster.close()
    broker.kill()
    with pytest.raises(SourceUnavailableError):
        poll_for(source, read, 20.0)
    for _ in range(20):  # it stays so, whatever was fetched before
        with pytest.raises(SourceUnavailableError):
            source.poll(0.05)
    broker.start()
    for p in (0, 1):
        cluster.produce(topic, [b"{}"] * 10, partition=p)
    read_until(source, read, 2 * N + 20)
    assert_each_once(read, topic, N + 10)
    source.close()


@BOTH
def test_a_broker_that_comes_late_is_waited_for(broker: Broker, cluster: Cluster, driver: str) -> None:
    topic = cluster.create_topic(partitions=2)
    cluster.close()
    broker.stop()
    source = source_of(broker.endpoints.plain, topic, driver)
    with pytest.raises(SourceUnavailableError, match="does not answer: Connection refused"):
        source.open({})
    broker.start()
    source.open({})
    source.close()


@BOTH
def test_cut_connections_and_dropped_answers_lose_nothing(broker: Broker, cluster: Cluster, driver: str) -> None:
    topic = cluster.create_topic(partitions=2)
    read: Read = []
    with Proxy(broker.endpoints) as proxy:
        source = source_of(proxy.servers, topic, driver)
        source.open({})
        for step in range(6):
            for p in (0, 1):
                cluster.produce(topic, [b"{}"] * 200, partition=p)
            if step % 2:
                proxy.cut()
            else:
                proxy.drop(FETCH)
                proxy.drop(METADATA)
            read_until(source, read, 400 * (step + 1))
        assert proxy.n_dropped(FETCH) >= 1
        source.close()
    assert_each_once(read, topic, 1200)


@BOTH
def test_a_slow_network_loses_nothing(broker: Broker, cluster: Cluster, driver: str) -> None:
    topic = cluster.create_topic(partitions=2)
    for p in (0, 1):
        cluster.produce(topic, [b"{}"] * 500, partition=p)
    read: Read = []
    with Proxy(broker.endpoints) as proxy:
        proxy.slow(0.2)
        source = source_of(proxy.servers, topic, driver)
        source.open({})
        read_until(source, read, 1000)
        source.close()
    assert_each_once(read, topic, 500)


@BOTH
def test_a_broker_that_stands_still_loses_nothing(broker: Broker, cluster: Cluster, driver: str) -> None:
    topic, source, read = half_read(cluster, driver)
    broker.pause()
    timer = threading.Timer(4.0, broker.resume)
    timer.start()
    read_until(source, read, 2 * N)
    timer.join()
    assert_each_once(read, topic, N)
    source.close()
