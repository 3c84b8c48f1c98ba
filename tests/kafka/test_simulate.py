"""`streammtl simulate WORLD --to kafka://...`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from streammtl.clock import SystemClock
from streammtl.errors import ConfigError
from streammtl.run.simulate import truth_path, world_settings, write_world
from tests.cli.commands import streammtl
from tests.cli.worlds import TinyWorld
from tests.kafka.broker import PASSWORDS, Broker, Endpoints, security_of_alice, wait_until
from tests.kafka.cluster import Cluster
from tests.kafka.conftest import _NewTopic
from tests.kafka.daemon import EXIT_TIMEOUT_S, settings_of
from tests.kafka.nursery import ROOT

pytestmark = pytest.mark.slow

BOTH = pytest.mark.parametrize("driver", ["kafka-python", "confluent"])


def configuration(folder: Path, servers: str, prefix: str, driver: str = "kafka-python", **security: str) -> Path:
    """One that reads the events and labels of `prefix`."""
    settings = settings_of(folder, servers, prefix, driver=driver)
    settings["source"]["connection"]["security"] = security
    settings["model"] = {"kind": "shared_bottom"}
    (folder / "run.yaml").write_text(json.dumps(settings))
    return folder / "run.yaml"


@BOTH
def test_a_configuration_says_which_topics_and_who_we_are(
    tmp_path: Path,
    cluster: Cluster,
    endpoints: Endpoints,
    fresh_topic: _NewTopic,
    driver: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ALICE", PASSWORDS["alice"])
    prefix = fresh_topic()
    for topic in ("events", "labels"):
        cluster.create_topic(f"{prefix}-{topic}")
        cluster.allow("alice", f"{prefix}-{topic}", "DESCRIBE", "WRITE")
    config = configuration(
        tmp_path, endpoints.secured, prefix, driver, **security_of_alice(endpoints.certificates / "ca.pem")
    )
    written = streammtl("simulate", "fraud", "--to", config, "--events", "500")
    assert written.exit_code == 0, written.output
    assert len(cluster.read(f"{prefix}-events")) == 500
    truth = json.loads((tmp_path / "run.truth.json").read_text())
    assert truth["records"] == 500 + len(cluster.read(f"{prefix}-labels"))

    again = streammtl("simulate", "fraud", "--to", config, "--events", "500")
    assert (again.exit_code, "run.truth.json exists already" in again.output) == (2, True)
    monkeypatch.setenv("ALICE", "wrong-9fK2pLxq")
    refused = streammtl("simulate", "fraud", "--to", config, "--events", "500", "--force")
    assert refused.exit_code == 1
    assert "refuses the user 'alice' with this password" in refused.output
    assert "wrong-9fK2pLxq" not in refused.output


def test_events_and_labels_may_share_a_topic_in_the_order_of_the_stream(
    tmp_path: Path, cluster: Cluster, fresh_topic: _NewTopic
) -> None:
    topic, world = fresh_topic(), TinyWorld.Config(events=6).build()
    config = configuration(tmp_path, cluster.servers, topic)
    settings = json.loads(config.read_text())
    settings["source"] |= {"topic": topic, "topics": None}
    config.write_text(json.dumps(settings))
    write_world(world, str(config), SystemClock())
    values = [value for batch in world.records() for value in batch.value_N]
    assert [record.value for record in cluster.read(topic)] == values


def test_a_configuration_without_kafka_is_refused(tmp_path: Path) -> None:
    config = configuration(tmp_path, "127.0.0.1:1", "p")
    config.write_text(json.dumps(json.loads(config.read_text()) | {"source": {"kind": "jsonl", "path": "x"}}))
    result = streammtl("simulate", "fraud", "--to", config)
    assert result.exit_code == 2
    assert "its source is not Kafka's" in result.output


def test_events_and_labels_go_to_their_topics_by_id_and_labels_are_later(
    tmp_path: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cluster = Cluster(broker.endpoints.plain)
    address = f"kafka://{cluster.servers}"
    result = streammtl("simulate", "fraud", "--to", address, "--events", "2000", "--partitions", "2")
    assert result.exit_code == 0, result.output
    events, labels = cluster.read("events"), cluster.read("labels")
    assert len(events) == 2000
    assert {record.partition for record in events} == {0, 1}
    written_ms = {json.loads(record.value or b"")["id"]: record.timestamp_ms for record in events}
    assert {(record.key or b"").decode() for record in events} == set(written_ms)
    assert len(labels) > 0
    for record in labels:
        assert record.timestamp_ms >= written_ms[json.loads(record.value or b"")["id"]]
    assert json.loads(truth_path(address).read_text())["records"] == len(events) + len(labels)

    again = streammtl("simulate", "fraud", "--to", address, "--events", "10")
    assert again.exit_code == 2
    assert "kafka.truth.json exists already" in again.output
    world = world_settings("fraud", events=10).build()
    (tmp_path / "kafka.truth.json").unlink()
    with pytest.raises(ConfigError, match=r"topic 'events' of kafka://.* has had 2,000 records already"):
        write_world(world, address, SystemClock())
    cluster.close()


@pytest.mark.parametrize("address", ["kafka://", "kafka://nowhere", "kafka://a:b"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    result = streammtl("simulate", "fraud", "--to", address)
    assert result.exit_code == 2
    assert f"expected kafka://host:port[,host:port...], found {address}" in result.output


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
@BOTH
def test_without_a_broker_it_ends_in_time_and_says_what_may_be_missing(
    tmp_path: Path, driver: str, how: signal.Signals
) -> None:
    with Broker() as broker:
        cluster = Cluster(broker.endpoints.plain)
        for topic in ("events", "labels"):
            cluster.create_topic(f"p-{topic}")
        config = configuration(tmp_path, broker.endpoints.plain, "p", driver)
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "streammtl.run.cli", "simulate", "fraud"),
                *("--to", str(config), "--events", "1000000", "--rate", "1000"),
            ],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'simulators'}"},
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            wait_until(lambda: len(cluster.read("p-events")) > 1000, "it has written something")
            cluster.close()
            broker.kill()
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(1)
            process.send_signal(how)
            _, said = process.communicate(timeout=EXIT_TIMEOUT_S)
        finally:
            process.kill()
            process.communicate()
    assert process.returncode == 1, said
    assert "interrupted, and gave up after" in said
    assert "records may be missing at kafka://127.0.0.1" in said
    assert "Traceback" not in said
