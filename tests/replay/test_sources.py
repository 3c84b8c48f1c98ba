"""One stream through every kind of source: each gives the same whatever its polls, and all learn the same."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streammtl.config import RunConfig
from streammtl.log.embedded import EmbeddedLog
from streammtl.run.replay import ReplayReport, replay, world_config
from streammtl.seeds import named_rng
from streammtl.sources.base import Source
from streammtl.sources.iterable import IterableSource
from tests.cli.commands import NOT_COMPILED

N = 130
SETTINGS: dict[str, Any] = {
    "schema": {"id": "id", "time": "t", "features": {"a": "numeric", "c": {"kind": "categorical", "table_size": 16}}},
    "tasks": {"up": {"kind": "binary", "delay_s": 3}, "size": "regression"},
    "weighting": {"kind": "dwa", "every": 4},
    "scores": {"window": 100, "block": 10},
    "drift": {"block": 10},
}


def rows() -> list[dict[str, Any]]:
    """Events with their labels inside; one size in five is missing."""
    rng = named_rng(0, "tests", "sources")
    found = []
    for i in range(N):
        a = round(float(rng.normal()), 3)
        size = round(2 * a, 3) if rng.random() > 0.2 else None
        found.append({"id": f"e{i}", "t": float(i), "a": a, "c": "xyz"[i % 3], "up": int(a > 0), "size": size})
    return found


def _jsonl(folder: Path, max_poll_records: int) -> dict[str, Any]:
    path = folder / "stream.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows()))
    return {"kind": "jsonl", "path": str(path), "max_poll_records": max_poll_records}


def _csv(folder: Path, max_poll_records: int) -> dict[str, Any]:
    path = folder / "stream.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows()[0]))
        writer.writeheader()
        writer.writerows(rows())
    return {"kind": "csv", "path": str(path), "max_poll_records": max_poll_records}


def _parquet(folder: Path, max_poll_records: int) -> dict[str, Any]:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed (extra `parquet`)")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = folder / "stream.parquet"
    parquet.write_table(pyarrow.Table.from_pylist(rows()), path, row_group_size=37)
    return {"kind": "parquet", "path": str(path), "max_poll_records": max_poll_records}


def _log(folder: Path, max_poll_records: int) -> dict[str, Any]:
    path = folder / "stream.log"
    if not path.exists():
        with EmbeddedLog(path) as log:
            log.create_topic("all", 3)
            for row in rows():
                log.append("all", [(row["id"].encode(), json.dumps(row).encode())], timestamp_s=0.0)
    return {"kind": "log", "path": str(path), "topic": "all", "follow": False, "max_poll_records": max_poll_records}


def _iterable(max_poll_records: int) -> Source:
    pairs = []
    for row in rows():
        labels = {"up": row.pop("up"), "size": row.pop("size")}
        pairs.append((row, labels))
    return IterableSource.of(pairs, max_poll_records=max_poll_records)


FILES = {"jsonl": _jsonl, "csv": _csv, "parquet": _parquet, "log": _log}


def run(kind: str, folder: Path, max_poll_records: int) -> ReplayReport:
    if kind == "iterable":
        config = RunConfig.parse({**SETTINGS, "source": {"kind": "jsonl", "path": "unused"}}, environment={})
        return replay(config, source=_iterable(max_poll_records))
    make: Callable[[Path, int], dict[str, Any]] = FILES[kind]
    return replay(RunConfig.parse({**SETTINGS, "source": make(folder, max_poll_records)}, environment={}))


@pytest.mark.parametrize("kind", [*FILES, "iterable"])
def test_the_size_of_a_poll_changes_nothing(kind: str, tmp_path: Path) -> None:
    reports = [run(kind, tmp_path, size) for size in (1, 7, 64, 5000)]
    assert len({report.digest for report in reports}) == 1
    assert len({repr(report.tasks) for report in reports}) == 1
    assert len({report.alarms for report in reports}) == 1
    assert reports[0].events == N


def test_all_sources_teach_the_same(tmp_path: Path) -> None:
    reports = {kind: run(kind, tmp_path, 64) for kind in [*FILES, "iterable"]}
    assert len({repr(report.tasks) for report in reports.values()}) == 1
    assert {report.events for report in reports.values()} == {N}


def test_a_simulator_gives_the_same_whatever_its_polls() -> None:
    digests = set()
    for size in (1, 64, 5000):
        settings = ["source.world.events=150", f"source.max_poll_records={size}", NOT_COMPILED]
        config = RunConfig.parse(world_config("fraud"), settings, environment={})
        digests.add(replay(config).digest)
    assert len(digests) == 1
