"""Small runs with a report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from streammtl.clock import SystemClock
from streammtl.config import RunConfig
from streammtl.report.reporting import Reporting
from streammtl.run.loop import Loop
from streammtl.run.replay import report_of, world_config

#: A model that need not be compiled.
MODEL = {"kind": "shared_bottom", "hidden": [8]}

DRIFT = {"block": 20, "reference_blocks": 5, "error": "adwin", "features": "adwin"}


def run_with_report(config: RunConfig, **options: Any) -> dict[str, Any]:
    """The figures of a run."""
    clock = SystemClock()
    reporting = Reporting(Path("report.html"), None, config, "streammtl replay it")
    loop = Loop(config, Path(), clock)
    ran = loop.run(
        resume=options.pop("resume", False), observer=reporting.watch(loop.engine, loop.source, clock), **options
    )
    return reporting.figures(report_of(config, ran), clock)


def fraud(events: int, **changes: Any) -> RunConfig:
    """The configuration of a short fraud world with alarms."""
    settings = world_config("fraud") | {"model": MODEL, "drift": DRIFT}
    settings["source"] = {"kind": "simulator", "world": {"kind": "fraud", "events": events}}
    return RunConfig.parse(settings | changes, environment={})


RECORDED = {
    "schema": {"id": "id", "features": {"a": "numeric"}},
    "tasks": {"up": "binary", "size": "regression", "never": "count"},
    "model": MODEL,
    "drift": DRIFT,
}


def recorded(folder: Path, n: int, **changes: Any) -> RunConfig:
    rows = [{"id": f"e{i}", "a": i % 7, "up": int(i % 7 > 3), "size": i % 7 + i / 100} for i in range(n)]
    stream = folder / "stream.jsonl"
    stream.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return RunConfig.parse({**RECORDED, "source": {"kind": "jsonl", "path": str(stream)}, **changes}, environment={})
