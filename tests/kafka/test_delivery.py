"""What a crash at each step of a checkpoint leaves in Kafka: nothing missing, and in transactions nothing twice."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from streammtl.clock import SystemClock
from streammtl.config import RunConfig
from streammtl.errors import CheckpointError, ConfigError, SinkFencedError
from streammtl.kafka.settings import KafkaConnection
from streammtl.publish import Publisher
from streammtl.run.loop import Loop, Ran
from streammtl.run.observe import Observer, Saved
from streammtl.sinks._kafka_transaction import KafkaTransaction
from tests.engine.streams import SETTINGS, documents
from tests.kafka.cluster import Cluster

pytestmark = pytest.mark.slow

DRIVERS = pytest.mark.parametrize("driver", ["kafka-python", "confluent"])


class Killed(BaseException):
    """In the place of kill -9: nothing of ours catches it."""


def settings_of(folder: Path, cluster: Cluster, topic: str, driver: str, **sink: Any) -> dict[str, Any]:
    stream = folder / "stream.jsonl"
    if not stream.exists():
        stream.write_bytes(b"\n".join(v for v in documents(100) if b"\n" not in v) + b"\n")
    kafka = {"kind": "kafka", "connection": {"servers": cluster.servers, "driver": driver}}
    return {
        **SETTINGS,
        "name": topic,
        "source": {"kind": "jsonl", "path": str(stream), "max_poll_records": 9},
        "sink": {
            "predictions": {**kafka, "topic": topic},
            "rejects": {**kafka, "topic": f"{topic}-rejects"},
            "delivery": "exactly_once",
            **sink,
        },
        "checkpoint": {"path": str(folder / "checkpoints"), "every_records": 30, "every_s": 1e6},
    }


def run(settings: dict[str, Any], observer: Observer | None = None) -> Ran:
    config = RunConfig.parse(settings, environment={})
    return Loop(config, Path(), SystemClock()).run(resume=True, observer=observer)


def published(cluster: Cluster, topic: str) -> Counter[str]:
    """How often a reader of committed records sees each event."""
    return Counter(json.loads(record.value or b"")["id"] for record in cluster.read(topic, committed=True))


class KillAt(Observer):
    """Kills at the so-many-eth checkpoint, right after its commit."""

    def __init__(self, number: int) -> None:
        self._left = number

    def saved(self, saved: Saved) -> None:
        self._left -= 1
        if self._left == 0:
            raise Killed


@pytest.fixture
def killing(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`killing(owner, name, n)`: the n-th call of a method kills instead of doing anything."""

    def kill(owner: Any, name: str, n: int) -> None:
        original, calls = getattr(owner, name), iter(range(n - 1))

        def method(self: Any, *arguments: Any) -> Any:
            if next(calls, None) is None:
                monkeypatch.setattr(owner, name, original)
                raise Killed
            return original(self, *arguments)

        monkeypatch.setattr(owner, name, method)

    return kill


@DRIVERS
def test_a_kill_between_checkpoint_and_commit_goes_back_to_the_one_before(
    tmp_path: Path, cluster: Cluster, fresh_topic: Any, driver: str, killing: Any
) -> None:
    topic = fresh_topic()
    settings = settings_of(tmp_path, cluster, topic, driver)
    killing(Publisher, "commit", 3)
    with pytest.raises(Killed):
        run(settings)
    newest = sorted((tmp_path / "checkpoints").glob("checkpoint-*"))[-1].name
    seen = published(cluster, topic)
    ran = run(settings)
    assert 0 < len(seen) < 100
    assert newest > "checkpoint-000000000030"
    assert set(published(cluster, topic).values()) == {1}
    assert len(published(cluster, topic)) == ran.engine.totals["events"] == 100


@DRIVERS
def test_a_kill_after_the_commit_goes_on_from_it(
    tmp_path: Path, cluster: Cluster, fresh_topic: Any, driver: str
) -> None:
    topic = fresh_topic()
    settings = settings_of(tmp_path, cluster, topic, driver)
    with pytest.raises(Killed):
        run(settings, KillAt(3))
    n_seen = len(published(cluster, topic))
    ran = run(settings)
    assert 0 < n_seen < 100
    assert ran.n_events == 100 - n_seen
    assert set(published(cluster, topic).values()) == {1}
    assert len(published(cluster, topic)) == 100


@DRIVERS
def test_what_was_published_before_a_kill_but_not_committed_is_never_seen(
    tmp_path: Path, cluster: Cluster, fresh_topic: Any, driver: str, killing: Any
) -> None:
    topic = fresh_topic()
    settings = settings_of(tmp_path, cluster, topic, driver)
    killing(Publisher, "flush", 3)
    with pytest.raises(Killed):
        run(settings)
    run(settings)
    assert set(published(cluster, topic).values()) == {1}
    assert len(published(cluster, topic)) == 100


@DRIVERS
def test_a_second_process_fences_the_first_which_stops_with_a_message(
    tmp_path: Path, cluster: Cluster, fresh_topic: Any, driver: str
) -> None:
    topic = fresh_topic()
    settings = settings_of(tmp_path, cluster, topic, driver)
    connection = KafkaConnection.model_validate({"servers": cluster.servers, "driver": driver})

    class Successor(Observer):
        n = 0

        def saved(self, saved: Saved) -> None:
            self.n += 1
            if self.n == 2:
                other = KafkaTransaction(connection, "none", topic, f"streammtl-{topic}", 60.0)
                other.recover()
                other.close()

    with pytest.raises(SinkFencedError, match="has taken over"):
        run(settings, Successor())
    run(settings)
    assert set(published(cluster, topic).values()) == {1}
    assert len(published(cluster, topic)) == 100


@DRIVERS
def test_at_least_once_repeats_at_most_one_interval_with_equal_records(
    tmp_path: Path, cluster: Cluster, fresh_topic: Any, driver: str, killing: Any
) -> None:
    topic = fresh_topic()
    settings = settings_of(tmp_path, cluster, topic, driver, delivery="at_least_once")
    for n in (2, 3, 2):
        killing(Publisher, "flush", n)
        with pytest.raises(Killed):
            run(settings)
    run(settings)
    values: dict[bytes | None, set[bytes | None]] = {}
    records = cluster.read(topic)
    for record in records:
        values.setdefault(record.key, set()).add(record.value)
    assert len(values) == 100
    assert all(len(of_key) == 1 for of_key in values.values())
    assert 100 < len(records) <= 100 + 3 * 39  # three kills, each 30 records and a poll of 9 at most


def test_a_committed_checkpoint_that_is_gone_is_refused(tmp_path: Path, cluster: Cluster, fresh_topic: Any) -> None:
    topic = fresh_topic()
    settings = settings_of(tmp_path, cluster, topic, "kafka-python")
    run(settings)
    settings["checkpoint"]["path"] = str(tmp_path / "others")
    with pytest.raises(CheckpointError, match=r"names checkpoint \d+, but .*others is empty"):
        run(settings)


def test_sinks_of_different_clusters_cannot_share_a_transaction(tmp_path: Path, cluster: Cluster) -> None:
    settings = settings_of(tmp_path, cluster, "t", "kafka-python")
    settings["sink"]["rejects"]["connection"] = {"servers": "elsewhere:9092"}
    with pytest.raises(ConfigError, match=r"sink.rejects: all sinks of one transaction need the same connection"):
        run(settings)


@pytest.mark.parametrize(
    ("checkpoint", "message"),
    [({"path": None}, "needs checkpoints: set checkpoint.path"), ({"path": "c", "keep": 1}, "keep at least 2")],
)
def test_exactly_once_needs_two_checkpoints(
    tmp_path: Path, cluster: Cluster, checkpoint: dict[str, Any], message: str
) -> None:
    settings = settings_of(tmp_path, cluster, "t", "kafka-python")
    with pytest.raises(ConfigError, match=message):
        RunConfig.parse({**settings, "checkpoint": checkpoint}, environment={})
