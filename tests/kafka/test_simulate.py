"""`streammtl simulate WORLD --to kafka://...`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from streammtl.clock import SystemClock
from streammtl.errors import ConfigError
from streammtl.run.simulate import truth_path, world_settings, write_world
from tests.cli.commands import streammtl
from tests.kafka.broker import Broker
from tests.kafka.cluster import Cluster

pytestmark = pytest.mark.slow


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
