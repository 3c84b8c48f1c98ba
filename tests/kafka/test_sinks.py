"""The Kafka sink passes the contract of sinks with both client libraries, and what only a broker can show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest

from streammtl.errors import SinkError
from streammtl.kafka.settings import Driver
from streammtl.sinks.base import Documents, Origins, Sink
from streammtl.sinks.kafka import KafkaSink
from streammtl.testing.sinks import SIX, TEN, Document, SinkContract, publish
from tests.kafka.cluster import Cluster


class KafkaContract(SinkContract):
    """At least once: of documents under one key the first counts, and the others are equal to it."""

    driver: ClassVar[Driver]
    few = SIX[:2]

    @pytest.fixture(autouse=True)
    def _take_cluster(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.topic_of: dict[Path, str] = {}

    def topic(self, folder: Path) -> str:
        if folder not in self.topic_of:
            self.topic_of[folder] = f"sink-{len(self.topic_of)}-{id(self):x}-{self.driver}-{abs(hash(folder)):x}"
        return self.topic_of[folder]

    def sink_in(self, folder: Path) -> Sink:
        connection = {"servers": self.cluster.servers, "driver": self.driver}
        return KafkaSink.Config.model_validate({"connection": connection, "topic": self.topic(folder)}).build()

    def kept_in(self, folder: Path) -> list[Document]:
        first: dict[bytes | None, Document] = {}
        for record in self.cluster.read(self.topic(folder)):
            assert record.value is not None
            document = json.loads(record.value)
            assert first.setdefault(record.key, document) == document
        return list(first.values())

    def content_of(self, folder: Path) -> object:
        return self.kept_in(folder)

    def copy(self, folder: Path, to: Path) -> None:
        self.cluster.create_topic(self.topic(to))
        records = self.cluster.read(self.topic(folder))
        self.cluster.produce(self.topic(to), [r.value for r in records], keys=[r.key or b"" for r in records])

    def test_a_position_that_the_sink_no_longer_holds_is_refused(self, tmp_path: Path) -> None:
        sink = self.sink_in(tmp_path)
        with pytest.raises(SinkError, match="is gone, but the checkpoint to resume from had published to it"):
            sink.open({"topic": self.topic(tmp_path)})
        sink.close()

    def remove(self, folder: Path) -> None:
        self.topic_of.pop(folder, None)


@pytest.mark.slow
class TestKafkaPython(KafkaContract):
    driver = "kafka-python"


@pytest.mark.slow
class TestConfluent(KafkaContract):
    driver = "confluent"


def sink_of(cluster: Cluster, topic: str, driver: str = "kafka-python", **settings: Any) -> Sink:
    connection = {"servers": cluster.servers, "driver": driver}
    return KafkaSink.Config.model_validate({"connection": connection, "topic": topic, **settings}).build()


DRIVERS = pytest.mark.parametrize("driver", ["kafka-python", "confluent"])


@DRIVERS
def test_a_record_has_the_key_the_version_and_the_origin_of_its_document(
    cluster: Cluster, fresh_topic: Any, driver: str
) -> None:
    import numpy as np

    topic = fresh_topic()
    sink = sink_of(cluster, topic, driver)
    sink.label("abc123")
    sink.open(None)
    origins = Origins(("events:3",), np.array([0], np.int32), np.array([17]))
    sink.publish(Documents(["é1"], [{"x": 1.5}], origins))
    sink.flush()
    sink.close()
    (record,) = cluster.read(topic)
    assert (record.key, record.value) == ("é1".encode(), b'{"x":1.5}')
    assert record.headers == (("version", b"abc123"), ("origin", b"events:3@17"))


def test_both_drivers_send_a_key_to_the_same_partition(cluster: Cluster, fresh_topic: Any) -> None:
    places = []
    for driver in ("kafka-python", "confluent"):
        topic = fresh_topic(partitions=4)
        sink = sink_of(cluster, topic, driver)
        sink.open(None)
        publish(sink, TEN)
        sink.flush()
        sink.close()
        places.append({record.key: record.partition for record in cluster.read(topic)})
    assert places[0] == places[1]
    assert len(set(places[0].values())) > 1


def test_a_missing_topic_is_made_with_the_partitions_asked_for(cluster: Cluster, fresh_topic: Any) -> None:
    topic = f"{fresh_topic()}-made"
    sink = sink_of(cluster, topic, partitions=3)
    sink.open(None)
    sink.close()
    assert cluster.n_partitions(topic) == 3


def test_a_missing_topic_that_is_not_to_be_made_is_an_error(cluster: Cluster) -> None:
    with pytest.raises(
        SinkError, match="there is no topic 'nowhere': make it, allow our user to describe it, or set create: true"
    ):
        sink_of(cluster, "nowhere", create=False).open(None)


@DRIVERS
def test_a_record_that_the_broker_refuses_for_good_is_an_error(cluster: Cluster, fresh_topic: Any, driver: str) -> None:
    topic = fresh_topic(**{"max.message.bytes": "1000"})
    sink = sink_of(cluster, topic, driver)
    sink.open(None)
    sink.publish(Documents(["large"], [{"x": "y" * 5000}]))
    with pytest.raises(SinkError, match=r"refuses the record b'large' of 5,0\d\d bytes"):
        sink.flush()
    sink.close()


def test_what_did_not_fit_into_the_queue_comes_in_order(
    cluster: Cluster, fresh_topic: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streammtl.kafka.confluent_producer._QUEUE_RECORDS", 5)
    topic = fresh_topic()
    sink = sink_of(cluster, topic, "confluent")
    sink.open(None)
    documents = [{"id": f"e{i}"} for i in range(100)]
    publish(sink, documents, at_once=30)
    assert sink.n_waiting > 0
    while sink.n_waiting:
        sink.settle()
    sink.flush()
    sink.close()
    assert [json.loads(record.value or b"")["id"] for record in cluster.read(topic)] == [d["id"] for d in documents]
