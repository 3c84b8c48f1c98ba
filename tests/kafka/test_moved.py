"""A cluster all of whose brokers have other addresses: it is found again by the servers that the settings name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from streammtl.errors import SinkAbortedError
from streammtl.kafka.settings import KafkaConnection
from streammtl.sinks._kafka_transaction import KafkaTransaction
from streammtl.sinks.base import Documents, Sink
from streammtl.sinks.kafka import KafkaSink
from tests.kafka.broker import Broker
from tests.kafka.cluster import Cluster
from tests.kafka.proxy import Proxy
from tests.kafka.test_denied import patiently
from tests.kafka.test_source import BOTH, Read
from tests.kafka.test_source_faults import assert_each_once, read_until, source_of

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streammtl.kafka.lost._LOST_S", 1.0)


@contextmanager
def named(broker: Broker) -> Iterator[str]:
    """The address that settings name, at which whoever asks is sent on to where the broker is."""
    there = replace(broker.endpoints, proxied=broker.endpoints.plain)
    with Proxy(there) as proxy:
        yield proxy.servers


def produce(broker: Broker, topic: str, n: int) -> None:
    cluster = Cluster(broker.endpoints.plain)
    for p in (0, 1):
        cluster.produce(topic, [b"{}"] * n, partition=p)
    cluster.close()


def new_topic(broker: Broker) -> str:
    cluster = Cluster(broker.endpoints.plain)
    topic = cluster.create_topic(partitions=2)
    cluster.close()
    return topic


def keys(broker: Broker, topic: str) -> list[bytes | None]:
    cluster = Cluster(broker.endpoints.plain)
    found = sorted((record.key for record in cluster.read(topic, committed=True)), key=str)
    cluster.close()
    return found


def publish(sink: Sink, *keys: str) -> None:
    sink.publish(Documents(keys, [{"x": 1}] * len(keys)))


@BOTH
def test_source_and_sink_find_it_and_lose_nothing(broker: Broker, driver: str) -> None:
    read, topic, published = Read(), new_topic(broker), new_topic(broker)
    produce(broker, topic, 10)
    with named(broker) as servers:
        source = source_of(servers, topic, driver)
        source.open({})
        sink = KafkaSink.Config(connection=source._config.connection, topic=published).build()
        sink.open(None)
        publish(sink, "a", "b")
        patiently(sink.flush)
        read_until(source, read, 20)
    broker.move()
    produce(broker, topic, 10)
    with named(broker):
        publish(sink, "c")
        read_until(source, read, 40)
        patiently(sink.flush)
        sink.close()
        source.close()
    assert_each_once(read, topic, 20)
    assert keys(broker, published) == [b"a", b"b", b"c"]


@BOTH
def test_a_transaction_is_given_up_and_the_next_one_finds_it(broker: Broker, driver: str) -> None:
    topic = new_topic(broker)

    def begun(servers: str) -> tuple[KafkaTransaction, int | None, Sink]:
        """A transaction, the checkpoint of the one before it, and its sink."""
        connection = KafkaConnection.model_validate({"servers": servers, "driver": driver, "connect_timeout_s": 2.0})
        transaction = KafkaTransaction(connection, "none", topic, f"streammtl-{topic}", 60.0)
        sink = KafkaSink.Config(connection=connection, topic=topic).build()
        sink.enter(transaction)
        patiently(transaction.recover)
        number = transaction.recover()
        sink.open(None)
        return transaction, number, sink

    with named(broker) as servers:
        transaction, number, sink = begun(servers)
        assert number is None
        publish(sink, "a")
        patiently(lambda: transaction.commit(1))
        publish(sink, "never seen")
    broker.move()
    with named(broker) as servers:
        with pytest.raises(SinkAbortedError, match="does not find the cluster, whose addresses have changed"):
            patiently(lambda: transaction.commit(2))
        transaction.close()
        transaction, number, sink = begun(servers)
        assert number == 1
        publish(sink, "b")
        patiently(lambda: transaction.commit(2))
        transaction.close()
    assert keys(broker, topic) == [b"a", b"b"]
