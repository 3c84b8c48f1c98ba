"""A real Prometheus beside a test: what its queries give, and what they must give."""

from __future__ import annotations

import json
import math
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import yaml

from streammtl.run.replay import ReplayReport
from tests.ops.processes import free_port, process, wait_for
from tests.ops.scraping import get, get_json


def expected(report: ReplayReport) -> dict[str, float]:
    """What queries must give, by query, when all of this was learned by a daemon that publishes predictions."""
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


def differing(found: Callable[[str], float | None], values: dict[str, float]) -> dict[str, tuple[float | None, float]]:
    """By query: what it gave, and what it should have given."""
    return {query: (found(query), value) for query, value in values.items() if not _same(found(query), value)}


def _same(found: float | None, value: float) -> bool:
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
