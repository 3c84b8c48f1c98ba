"""A real Prometheus scrapes a running daemon, and has the values of the report."""

from __future__ import annotations

import json
import math
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from streammtl.config import RunConfig
from streammtl.log.embedded import EmbeddedLog
from streammtl.run.replay import ReplayReport, replay
from tests.engine.streams import SETTINGS, documents
from tests.ops.processes import COMMAND, free_port, process, url_in, wait_for, write_config
from tests.ops.programs import program
from tests.ops.scraping import get, get_json, key, scrape


def settings_of(folder: Path) -> dict[str, Any]:
    log = str(folder / "stream.log")
    return {
        **SETTINGS,
        "source": {"kind": "log", "path": log, "topic": "all"},
        "sink": {name: {"kind": "log", "path": log, "topic": name} for name in ("predictions", "rejects")},
        "checkpoint": {"path": str(folder / "checkpoints"), "every_s": 1},
        "monitoring": {"http": {"port": 0}},
    }


def expected(report: ReplayReport) -> dict[str, float]:
    """What a query must give, by query."""
    values: dict[str, float] = {
        "streammtl_events_total": report.events,
        "streammtl_labels_total": report.labels,
        "streammtl_records_total": report.records,
        "streammtl_steps_total": report.steps,
        "sum(streammtl_drift_alarms_total)": len(report.alarms),
        "sum(streammtl_rejected_total)": sum(report.rejected.values()),
        'streammtl_published_total{sink="predictions"}': report.events,
        "streammtl_ready": 1,
    }
    for name, weight in report.weights.items():
        values[f'streammtl_task_weight{{task="{name}"}}'] = weight
    for name, task in report.tasks.items():
        for score, value in task.scores.items():
            values[f'streammtl_score{{task="{name}",score="{score}",over="running"}}'] = value
        for score, value in task.no_change_windowed.items():
            values[f'streammtl_no_change_score{{task="{name}",score="{score}",over="windowed"}}'] = value
    for name, shares in report.insights["shares"].items():
        for expert, share in shares.items():
            values[f'streammtl_expert_share_ratio{{task="{name}",expert="{expert}"}}'] = share
    return values


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
    assert {query: value for query, value in expected(report).items() if not same(found(query), value)} == {}


def same(found: float | None, value: float) -> bool:
    return found is not None and (found == value or (math.isnan(found) and math.isnan(value)))


def scraped(folder: Path, prometheus: str, target: str, n_records: int) -> Callable[[str], float | None]:
    """What queries gave at a Prometheus that had seen all records."""
    port, log = free_port(), folder / "prometheus.txt"
    jobs = [{"job_name": "streammtl", "static_configs": [{"targets": [target.removeprefix("http://")]}]}]
    config = {"global": {"scrape_interval": "1s"}, "scrape_configs": jobs}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    arguments = [
        prometheus,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    answers: dict[str, float] = {}

    def ask(query: str) -> float | None:
        try:
            status, _, body = get(f"http://127.0.0.1:{port}/api/v1/query?query={urllib.parse.quote(query)}")
        except OSError:  # it does not listen yet
            return None
        if status == 503:  # it listens, and is not ready yet
            return None
        result = json.loads(body)["data"]["result"]
        return float(result[0]["value"][1]) if len(result) == 1 else None

    with process(arguments, log) as server:
        wait_for(lambda: ask("streammtl_stream_records") == n_records, [server], [log])
        everything = urllib.parse.quote('{job="streammtl"}')
        for series in get_json(f"http://127.0.0.1:{port}/api/v1/query?query={everything}")["data"]["result"]:
            answers[_text(series["metric"])] = float(series["value"][1])
        for name in ("streammtl_drift_alarms_total", "streammtl_rejected_total"):
            answers[f"sum({name})"] = ask(f"sum({name})") or 0.0
    return lambda query: answers.get(_canonical(query))


def _text(metric: dict[str, str]) -> str:
    labels = ",".join(f'{k}="{v}"' for k, v in sorted(metric.items()) if k not in ("__name__", "job", "instance"))
    return metric["__name__"] + (f"{{{labels}}}" if labels else "")


def _canonical(query: str) -> str:
    name, _, labels = query.partition("{")
    return f"{name}{{{','.join(sorted(labels[:-1].split(',')))}}}" if labels else query
