"""Lost acknowledgements, cut connections and a slow network between a sink and its broker: no loss, nothing twice."""

from __future__ import annotations

import json
import time
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from kafka import KafkaProducer
from kafka.producer.transaction_manager import AddPartitionsToTxnHandler, TransactionManager

from streammtl.errors import SinkAbortedError, SinkUnavailableError
from streammtl.kafka import lost
from streammtl.kafka.confluent_commit import Commit
from streammtl.sinks.base import Documents, Sink
from streammtl.sinks.kafka import KafkaSink
from tests.kafka.broker import Broker
from tests.kafka.cluster import Cluster
from tests.kafka.proxy import END_TXN, PRODUCE, TXN_OFFSET_COMMIT, Proxy
from tests.kafka.test_delivery import DRIVERS, published, run, settings_of

pytestmark = pytest.mark.slow

N = 3000


def sink_through(proxy: Proxy, topic: str, driver: str) -> Sink:
    connection = {"servers": proxy.servers, "driver": driver}
    return KafkaSink.Config.model_validate({"connection": connection, "topic": topic}).build()


def publish_all(sink: Sink, trouble: Any) -> None:
    """Documents in pieces, with trouble between them, until all are acknowledged."""
    for start in range(0, N, 100):
        trouble(start)
        numbers = range(start, start + 100)
        sink.publish(Documents([f"e{i}" for i in numbers], [{"n": i} for i in numbers]))
    deadline_s = time.monotonic() + 60
    while True:
        try:
            sink.flush()
            return
        except SinkUnavailableError:
            assert time.monotonic() < deadline_s


def numbers_in(cluster: Cluster, topic: str) -> list[int]:
    return [json.loads(record.value or b"")["n"] for record in cluster.read(topic)]


@DRIVERS
def test_a_lost_acknowledgement_is_no_second_record(broker: Broker, driver: str) -> None:
    cluster = Cluster(broker.endpoints.plain)
    topic = cluster.create_topic()
    with Proxy(broker.endpoints) as proxy:
        sink = sink_through(proxy, topic, driver)
        sink.open(None)
        publish_all(sink, lambda start: proxy.drop(PRODUCE) if start % 1000 == 0 else None)
        sink.close()
        assert proxy.n_dropped(PRODUCE) > 0
    assert numbers_in(cluster, topic) == list(range(N))
    cluster.close()


@DRIVERS
def test_a_cut_connection_and_a_slow_one_cost_nothing(broker: Broker, driver: str) -> None:
    cluster = Cluster(broker.endpoints.plain)
    topic = cluster.create_topic()
    with Proxy(broker.endpoints) as proxy:
        sink = sink_through(proxy, topic, driver)
        sink.open(None)
        proxy.slow(0.02)
        publish_all(sink, lambda start: proxy.cut() if start % 1000 == 500 else None)
        sink.close()
    assert numbers_in(cluster, topic) == list(range(N))
    cluster.close()


@DRIVERS
@pytest.mark.parametrize("request_kind", [END_TXN, TXN_OFFSET_COMMIT, PRODUCE])
def test_a_lost_answer_within_a_transaction_leaves_everything_once(
    tmp_path: Path, broker: Broker, driver: str, request_kind: int
) -> None:
    cluster = Cluster(broker.endpoints.plain)
    topic = cluster.create_topic()
    with Proxy(broker.endpoints) as proxy:
        settings = settings_of(tmp_path, Cluster(proxy.servers), topic, driver)
        proxy.drop(request_kind, 2)
        run(settings)
        assert proxy.n_dropped(request_kind) == 2
    seen = published(cluster, topic)
    assert len(seen) == 100
    assert set(seen.values()) == {1}
    cluster.close()


@pytest.mark.parametrize(
    ("driver", "owner", "name"),
    [
        ("kafka-python", KafkaProducer, "send_offsets_to_transaction"),
        ("confluent", Commit, "_set_mark_and_commit"),
    ],
)
def test_a_commit_that_never_ends_while_the_broker_answers_is_given_up_and_begun_anew(
    tmp_path: Path, broker: Broker, driver: str, owner: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit, numbers, gives_up = getattr(owner, name), count(1), Event()

    def commit_or_wait_for_a_coordinator_that_is_gone(producer: Any, *mark: Any) -> None:
        if next(numbers) == 3:
            gives_up.wait()
        else:
            commit(producer, *mark)

    monkeypatch.setattr(owner, name, commit_or_wait_for_a_coordinator_that_is_gone)
    monkeypatch.setattr(lost, "_STUCK_S", 3.0)
    cluster = Cluster(broker.endpoints.plain)
    topic = cluster.create_topic()
    settings = settings_of(tmp_path, cluster, topic, driver)
    with pytest.raises(SinkAbortedError, match="though the cluster has answered for 3 s"):
        run(settings)
    assert 0 < len(published(cluster, topic)) < 100
    monkeypatch.setattr(lost, "_STUCK_S", 30.0)  # 3 s are not much on a busy machine
    run(settings)
    gives_up.set()
    seen = published(cluster, topic)
    assert len(seen) == 100
    assert set(seen.values()) == {1}
    cluster.close()


def test_records_of_which_the_client_forgets_to_tell_the_coordinator_are_sent_anew(
    tmp_path: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    next_request, numbers = TransactionManager.next_request_handler, count(1)
    cluster = Cluster(broker.endpoints.plain)
    topic = cluster.create_topic()

    def next_request_or_none(manager: TransactionManager, has_incomplete: bool) -> Any:
        request = next_request(manager, has_incomplete)
        is_ours = str(manager.transactional_id).endswith(topic)  # not what an earlier test has left
        is_forgotten = is_ours and isinstance(request, AddPartitionsToTxnHandler) and next(numbers) >= 3
        return None if is_forgotten else request

    monkeypatch.setattr(TransactionManager, "next_request_handler", next_request_or_none)
    monkeypatch.setattr(lost, "_SILENT_S", 3.0)
    settings = settings_of(tmp_path, cluster, topic, "kafka-python")
    with pytest.raises(SinkAbortedError, match="gets no further, though the cluster has answered for 3 s"):
        run(settings)
    assert len(published(cluster, topic)) < 100
    monkeypatch.undo()  # 3 s are not much on a busy machine
    run(settings)
    seen = published(cluster, topic)
    assert len(seen) == 100
    assert set(seen.values()) == {1}
    cluster.close()
