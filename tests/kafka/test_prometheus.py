"""A real Prometheus scrapes the daemon on the real broker: its values are those of a replay of the topics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streammtl.config import RunConfig
from streammtl.journal import read_journal
from streammtl.run.replay import replay
from tests.engine.streams import SETTINGS, documents
from tests.kafka.cluster import Cluster
from tests.kafka.conftest import _NewTopic
from tests.ops.processes import COMMAND, process, url_in, wait_for, write_config
from tests.ops.programs import program
from tests.ops.prometheus import differing, expected, scraped
from tests.ops.scraping import get, key, scrape

pytestmark = pytest.mark.slow

SINKS = ("predictions", "metrics", "rejects")


def settings_of(folder: Path, cluster: Cluster, topic: str, driver: str) -> dict[str, Any]:
    kafka = {"kind": "kafka", "connection": {"servers": cluster.servers, "driver": driver}}
    sinks: dict[str, Any] = {name: {**kafka, "topic": f"{topic}-{name}"} for name in SINKS}
    return {
        **SETTINGS,
        "source": {**kafka, "topic": topic, "max_poll_records": 100},
        "sink": {**sinks, "metrics_every_records": 200},
        "checkpoint": {"path": str(folder / "checkpoints"), "every_s": 1},
        "monitoring": {"http": {"port": 0}},
    }


@pytest.mark.parametrize("driver", ["kafka-python", "confluent"])
def test_values_are_those_of_a_replay_of_the_topics(
    tmp_path: Path, cluster: Cluster, fresh_topic: _NewTopic, driver: str
) -> None:
    prometheus = program("prometheus", "Debian's package prometheus")
    topic, values = fresh_topic(partitions=3), documents(400)
    # Keys decide the partition; the timestamps bring the order back.
    cluster.produce(topic, values, None, range(1, len(values) + 1), [value[:9] for value in values])
    settings = settings_of(tmp_path, cluster, topic, driver)
    config, log = write_config(tmp_path / "run.yaml", settings), tmp_path / "daemon.txt"
    with process([*COMMAND, "run", str(config)], log) as daemon:
        wait_for(lambda: bool(url_in(log)), [daemon], [log])
        url = url_in(log)
        wait_for(lambda: scrape(url).get(key("streammtl_stream_records")) == len(values), [daemon], [log])
        wait_for(lambda: scrape(url).get(key("streammtl_checkpoint_unsaved_records")) == 0, [daemon], [log])
        assert get(f"{url}/readyz")[0] == 200
        found = scraped(tmp_path, prometheus, url, len(values))
    follow = {"source": {**settings["source"], "follow": False}, "checkpoint": {}, "sink": {}}
    report = replay(RunConfig.parse({**settings, **follow}, environment={}))
    assert report.alarms
    of_kafka: dict[str, float] = {
        "streammtl_lag_records": 0,
        "streammtl_lag_seconds": 0,
        "streammtl_skipped_total": 0,
        "streammtl_checkpoint_failures_total": 0,
        "streammtl_checkpoint_unsaved_records": 0,
        "streammtl_troubled": 0,
        **{f'streammtl_published_total{{sink="{name}"}}': len(cluster.read(f"{topic}-{name}")) for name in SINKS},
    }
    assert of_kafka['streammtl_published_total{sink="rejects"}'] == sum(report.rejected.values()) > 0
    assert of_kafka['streammtl_published_total{sink="metrics"}'] > len(report.alarms)
    assert differing(found, expected(report) | of_kafka) == {}
    assert read_journal(tmp_path / "checkpoints" / "journal").n_records == len(values)
