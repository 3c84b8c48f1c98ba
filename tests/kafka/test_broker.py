"""The broker that tests use: it keeps its data when it is killed, and says no to those without permission."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kafka.broker import TO_TRY, Broker
from tests.kafka.cluster import Cluster
from tests.kafka.conftest import _NewTopic


def test_a_topic_gives_back_what_was_put_in(cluster: Cluster, fresh_topic: _NewTopic) -> None:
    topic = fresh_topic(partitions=2)
    cluster.produce(topic, [b"a", None], partition=1, timestamps_ms=[5, 7])
    found = cluster.read(topic)
    assert [(r.partition, r.offset, r.timestamp_ms, r.value) for r in found] == [(1, 0, 5, b"a"), (1, 1, 7, None)]


def test_what_make_kafka_tells_to_try_is_what_the_documentation_does() -> None:
    guide = Path(__file__).parents[2] / "docs" / "guides" / "kafka.md"
    assert "\n".join(TO_TRY) in guide.read_text()


@pytest.mark.slow
def test_a_killed_broker_comes_back_with_its_records(broker: Broker) -> None:
    cluster = Cluster(broker.endpoints.plain)
    topic = cluster.create_topic()
    cluster.produce(topic, [b"a", b"b"])
    cluster.close()
    broker.restart()
    assert [r.value for r in cluster.read(topic)] == [b"a", b"b"]
    broker.stop()
    broker.start()
    assert [r.value for r in cluster.read(topic)] == [b"a", b"b"]
    cluster.close()
