"""A real Prometheus scrapes a running daemon, and has the values of the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streammtl.config import RunConfig
from streammtl.log.embedded import EmbeddedLog
from streammtl.run.replay import replay
from tests.engine.streams import SETTINGS, documents
from tests.ops.processes import COMMAND, process, url_in, wait_for, write_config
from tests.ops.programs import program
from tests.ops.prometheus import differing, expected, scraped
from tests.ops.scraping import key, scrape


def settings_of(folder: Path) -> dict[str, Any]:
    log = str(folder / "stream.log")
    return {
        **SETTINGS,
        "source": {"kind": "log", "path": log, "topic": "all"},
        "sink": {name: {"kind": "log", "path": log, "topic": name} for name in ("predictions", "rejects")},
        "checkpoint": {"path": str(folder / "checkpoints"), "every_s": 1},
        "monitoring": {"http": {"port": 0}},
    }


@pytest.mark.slow
def test_a_real_prometheus_has_the_values_of_the_report(tmp_path: Path) -> None:
    prometheus = program("prometheus", "Debian's package prometheus")
    settings, values = settings_of(tmp_path), [value for value in documents(400) if value]
    with EmbeddedLog(tmp_path / "stream.log") as log:
        log.create_topic("all", 2)
        log.append("all", [(value[:9], value) for value in values], timestamp_s=0.0)
    config, daemon_log = write_config(tmp_path / "run.yaml", settings), tmp_path / "daemon.txt"
    with process([*COMMAND, "run", str(config)], daemon_log) as daemon:
        wait_for(lambda: bool(url_in(daemon_log)), [daemon], [daemon_log])
        url = url_in(daemon_log)
        wait_for(lambda: scrape(url).get(key("streammtl_stream_records")) == len(values), [daemon], [daemon_log])
        found = scraped(tmp_path, prometheus, url, len(values))
    assert [line for line in daemon_log.read_text().splitlines() if not line.startswith('{"time": ')] == []
    follow = {"source": {**settings["source"], "follow": False}, "checkpoint": {}, "sink": {}}
    report = replay(RunConfig.parse({**settings, **follow}, environment={}))
    assert report.alarms
    assert differing(found, expected(report)) == {}
