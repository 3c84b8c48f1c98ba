"""What a daemon finds when it starts again: a damaged checkpoint, records that are gone, topics that have changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.kafka.cluster import Cluster
from tests.kafka.daemon import Daemon, event, expected, label, predictions, settings_of, write
from tests.kafka.watched import SERVED, messages, metrics, url_of
from tests.ops.scraping import key

pytestmark = pytest.mark.slow

N = 2000
BOTH = pytest.mark.parametrize("driver", ["kafka-python", "confluent"])


def lived(folder: Path, cluster: Cluster, prefix: str, **changes: Any) -> Daemon:
    """A daemon that has learned `N` events in several checkpoints, and was stopped."""
    settings = settings_of(folder, cluster.servers, prefix, monitoring=SERVED, **changes)
    settings["checkpoint"] |= {"every_records": 500, "keep": 3}
    daemon = Daemon(folder, settings)
    daemon.start()
    write(cluster, prefix, 0, N)
    daemon.wait_for(lambda: daemon.n_records() == 2 * N, "it has taken everything")
    assert daemon.stop() == 0
    return daemon


def flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def refused(daemon: Daemon) -> str:
    """Start it; the one line that says why it ends."""
    daemon.start()
    assert daemon.process.wait(60) == 1, daemon.log()
    assert "Traceback" not in daemon.log()
    return daemon.log().splitlines()[-1]


@pytest.mark.parametrize("damage", [flip_a_bit, cut, empty])
def test_behind_a_damaged_checkpoint_it_goes_on_from_the_one_before_exactly(
    tmp_path: Path, cluster: Cluster, prefix: str, damage: Any
) -> None:
    daemon = lived(tmp_path, cluster, prefix)
    damaged = daemon.newest()
    damage(tmp_path / "checkpoints" / damaged / "state.json")
    daemon.start()
    write(cluster, prefix, N, 2 * N)
    daemon.wait_for(lambda: daemon.n_records() == 4 * N, "it has taken everything")
    assert daemon.stop() == 0
    (warning,) = (line for line in messages(daemon, "warning") if damaged in line)
    assert "going back to the one before it" in warning
    assert daemon.counted() == expected(2 * N)
    times, _ = predictions(cluster, prefix)
    assert len(times) == 2 * N


def test_without_a_sound_checkpoint_it_refuses(tmp_path: Path, cluster: Cluster, prefix: str) -> None:
    daemon = lived(tmp_path, cluster, prefix)
    for checkpoint in (tmp_path / "checkpoints").glob("checkpoint-*"):
        flip_a_bit(checkpoint / "arrays.safetensors")
    last = refused(daemon)
    assert last.startswith("streammtl: no checkpoint in ")
    assert last.endswith("To start anew, use another folder")


def test_a_damaged_checkpoint_that_a_transaction_names_is_refused(
    tmp_path: Path, cluster: Cluster, prefix: str
) -> None:
    """One that is older would repeat what readers of committed records have seen."""
    daemon = lived(tmp_path, cluster, prefix, sink={"delivery": "exactly_once"})
    flip_a_bit(tmp_path / "checkpoints" / daemon.newest() / "state.json")
    assert daemon.newest() in refused(daemon)


def test_a_checkpoint_of_other_settings_is_refused(tmp_path: Path, cluster: Cluster, prefix: str) -> None:
    daemon = lived(tmp_path, cluster, prefix, checkpoint={"keep": 1})
    daemon.config.write_text(json.dumps(json.loads(daemon.config.read_text()) | {"seed": 7}))
    assert "seed" in refused(daemon)


@BOTH
def test_records_that_retention_has_taken_stop_it_until_somebody_allows_the_gap(
    tmp_path: Path, cluster: Cluster, prefix: str, driver: str
) -> None:
    daemon = lived(tmp_path, cluster, prefix, driver=driver)
    cluster.produce(f"{prefix}-events", [event(i) for i in range(N, N + 100)])
    cluster.delete_records(f"{prefix}-events", 0, N + 60)
    assert f"offset {N} of {prefix}-events:0 is due, but the records before {N + 60} were removed" in refused(daemon)
    daemon.start("--set", "source.when_offset_is_gone=earliest")
    url = url_of(daemon, 3)
    daemon.wait_for(lambda: metrics(url).get(key("streammtl_stream_records")) == 2 * N + 40, "it goes on")
    assert metrics(url)[key("streammtl_skipped_total")] == 60
    assert daemon.stop() == 0
    (error,) = messages_of_last_life(daemon, "error")
    assert f"the offsets {N} to {N + 59} of {prefix}-events:0 are passed over" in error


@BOTH
def test_new_partitions_stop_it_or_are_read(tmp_path: Path, cluster: Cluster, prefix: str, driver: str) -> None:
    daemon = lived(tmp_path, cluster, prefix, driver=driver)
    cluster.add_partitions(f"{prefix}-labels", 2)
    assert f"topic '{prefix}-labels' has 2 partitions now, and had 1" in refused(daemon)
    daemon.start("--set", "source.new_partitions=follow")
    cluster.produce(f"{prefix}-events", [event(N)])
    cluster.produce(f"{prefix}-labels", [label(N)], partition=1)
    daemon.wait_for(lambda: daemon.n_records() == 2 * N + 2, "it has read the new partition")
    assert daemon.stop() == 0
    assert daemon.counted() == expected(N + 1)


@BOTH
def test_a_topic_that_was_made_anew_stops_it(tmp_path: Path, cluster: Cluster, prefix: str, driver: str) -> None:
    daemon = lived(tmp_path, cluster, prefix, driver=driver)
    cluster.delete_topic(f"{prefix}-events")
    cluster.create_topic(f"{prefix}-events")
    assert f"topic '{prefix}-events' was deleted and made anew" in refused(daemon)


def messages_of_last_life(daemon: Daemon, level: str) -> list[str]:
    """Of those that came after a refusal, whose line is no JSON."""
    lines = [json.loads(line) for line in daemon.log().splitlines() if line.startswith("{")]
    return [line["message"] for line in lines if line["level"] == level]
