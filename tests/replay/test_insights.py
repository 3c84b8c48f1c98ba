"""What the model tells of its inside is seen: in the report, in its JSON, beside the published scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from streammtl.config import RunConfig
from streammtl.run.replay import ReplayReport, replay
from tests.engine.streams import SETTINGS, documents

EXPERTS = ["sgd-0.05", "sgd-0.05-single", "memory-0.5"]


def run(folder: Path, sink: str = "jsonl", max_poll_records: int = 5000, **changes: Any) -> tuple[ReplayReport, Path]:
    """The report of a replay, and the file of its metrics: a document of scores after every 50 records."""
    stream, metrics = folder / "stream.jsonl", folder / f"metrics.{sink}"
    stream.write_bytes(b"".join(value + b"\n" for value in documents(150) if b"\n" not in value))
    settings = {
        **SETTINGS,
        "drift": {"error": None},
        "source": {"kind": "jsonl", "path": str(stream), "max_poll_records": max_poll_records},
        "sink": {"metrics": {"kind": sink, "path": str(metrics)}, "metrics_every_records": 50},
    }
    return replay(RunConfig.parse({**settings, **changes}, environment={})), metrics


def scores(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_report_and_its_json_have_the_shares_of_the_experts_by_task(tmp_path: Path) -> None:
    report, _ = run(tmp_path)
    assert set(report.insights) == {"shares", "losses", "revived", "sharing"}
    assert set(report.insights["shares"]) == set(report.insights["sharing"]) == {"up", "size", "group"}
    for shares in report.insights["shares"].values():
        assert list(shares) == EXPERTS
        assert sum(shares.values()) == pytest.approx(1.0)
    assert report.to_json()["insights"] == report.insights
    assert json.loads(json.dumps(report.to_json(), allow_nan=False))["insights"] == report.insights


def test_every_document_of_scores_has_the_experts_of_its_moment(tmp_path: Path) -> None:
    report, path = run(tmp_path)
    found = scores(path)
    assert [list(document["experts"]["up"]) for document in found] == [EXPERTS] * len(found)
    assert len({json.dumps(document["experts"]) for document in found}) == len(found) > 3
    assert all(document["revived"] == 0 for document in found)
    assert all(set(document["sharing"]) == {"up", "size", "group"} for document in found)
    assert found[-1]["experts"] != report.insights["shares"]  # the stream went on after the last document


def test_polls_change_nothing_in_the_documents(tmp_path: Path) -> None:
    published = []
    for size in (1, 7, 5000):
        folder = tmp_path / str(size)
        folder.mkdir()
        report, path = run(folder, max_poll_records=size)
        published.append((path.read_bytes(), report.insights))
    assert published[0] == published[1] == published[2]


def test_the_order_of_the_tasks_changes_nothing(tmp_path: Path) -> None:
    report, _ = run(tmp_path)
    turned = dict(reversed(SETTINGS["tasks"].items()))
    again, _ = run(tmp_path, tasks=turned)
    assert again.insights == report.insights


def test_what_sharing_gains_is_null_until_a_task_has_labels(tmp_path: Path) -> None:
    _, path = run(tmp_path, tasks={**SETTINGS["tasks"], "never": "binary"})
    assert all(document["sharing"]["never"] is None for document in scores(path))
    assert scores(path)[-1]["sharing"]["up"] is not None


def test_the_documents_have_the_same_fields_from_first_to_last(tmp_path: Path) -> None:
    """Else a file of CSV, whose columns are those of the first document, could not hold them."""
    _, path = run(tmp_path, sink="csv")
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    assert "experts.up.sgd-0.05-single" in header.split(",")
    assert "sharing.size" in header.split(",")
    assert len(lines) > 3


def test_a_model_with_nothing_to_tell_adds_nothing(tmp_path: Path) -> None:
    report, path = run(tmp_path, model={"kind": "shared_bottom", "hidden": [8], "rows_per_step": 4})
    assert report.insights == {}
    assert set(scores(path)[0]) == {"type", "records", "tasks", "weights"}
