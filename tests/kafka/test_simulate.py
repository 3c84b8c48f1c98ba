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
from tests.kafka.broker import Broker, wait_until
from tests.kafka.cluster import Cluster
from tests.kafka.daemon import EXIT_TIMEOUT_S
from tests.kafka.nursery import ROOT

pytestmark = pytest.mark.slow

# The command, with a driver that it does not offer.
_PROGRAM = """
from streammtl.run import simulate_kafka
from streammtl.run.cli import main

connection_of = simulate_kafka.connection_of
simulate_kafka.connection_of = lambda address: connection_of(address).model_copy(update={"driver": "DRIVER"})
main()
"""


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
@pytest.mark.parametrize("driver", ["kafka-python", "confluent"])
def test_without_a_broker_it_ends_in_time_and_says_what_may_be_missing(
    tmp_path: Path, driver: str, how: signal.Signals
) -> None:
    with Broker() as broker:
        cluster = Cluster(broker.endpoints.plain)
        for topic in ("events", "labels"):
            cluster.create_topic(topic)
        address = f"kafka://{broker.endpoints.plain}"
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", _PROGRAM.replace("DRIVER", driver)),
                *("simulate", "fraud", "--to", address, "--events", "1000000", "--rate", "1000"),
            ],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'simulators'}"},
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            wait_until(lambda: len(cluster.read("events")) > 1000, "it has written something")
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
