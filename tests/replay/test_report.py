"""What a replay reports: its figures, and that nothing goes missing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import river.datasets.synth

from streammtl.config import RunConfig
from streammtl.run.replay import replay
from streammtl.sources.iterable import IterableSource
from tests.engine.streams import SETTINGS, documents

DATA = Path(__file__).parents[3] / "shared" / "data"


def config_of(folder: Path, values: list[bytes], **changes: Any) -> RunConfig:
    stream = folder / "stream.jsonl"
    stream.write_bytes(b"".join(value + b"\n" for value in values))
    return RunConfig.parse({**SETTINGS, "source": {"kind": "jsonl", "path": str(stream)}, **changes}, environment={})


def test_the_json_has_every_figure_and_no_nan(tmp_path: Path) -> None:
    document = replay(config_of(tmp_path, documents(150))).to_json()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["events"] == 150
    assert {"seconds", "events_per_s", "digest", "weights", "alarms", "rejected", "stages"} <= set(document)
    task = document["tasks"]["up"]
    assert task["kind"] == "binary"
    assert {"labels", "scores", "windowed", "no_change"} <= set(task)
    assert {"auc", "average_precision", "log_loss", "accuracy"} <= set(task["scores"])
    assert {"r2", "mae", "rmse"} <= set(document["tasks"]["size"]["scores"])


def test_every_record_is_an_event_a_label_or_a_reject(tmp_path: Path) -> None:
    values = [value for value in documents(150) if b"\n" not in value]
    rejects = tmp_path / "rejects.jsonl"
    predictions = tmp_path / "predictions.jsonl"
    sink = {
        "rejects": {"kind": "jsonl", "path": str(rejects)},
        "predictions": {"kind": "jsonl", "path": str(predictions)},
    }
    report = replay(config_of(tmp_path, values, sink=sink))
    blank = sum(not value.strip() for value in values)
    n_labels = sum(b'"a"' not in v and b'"t"' in v for v in values)
    assert report.records == len(values) - blank
    assert report.events + n_labels + sum(report.rejected.values()) == report.records
    written = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert len(written) == sum(report.rejected.values()) > 0
    assert all(set(reject) == {"partition", "offset", "reason", "detail", "value"} for reject in written)
    by_place = {(reject["offset"], reject["value"]) for reject in written}
    assert all(values[offset].decode("utf-8", "backslashreplace") == value for offset, value in by_place)
    assert len(predictions.read_text().splitlines()) == report.events


def test_published_predictions_say_what_they_are_of(tmp_path: Path) -> None:
    path = tmp_path / "predictions.jsonl"
    changes = {
        "sink": {"predictions": {"kind": "jsonl", "path": str(path)}},
        "schema": {**SETTINGS["schema"], "entity": "c"},
    }
    replay(config_of(tmp_path, [b'{"id": "e1", "t": 5, "a": 1, "b": 2, "c": "x"}'], **changes))
    (document,) = [json.loads(line) for line in path.read_text().splitlines()]
    assert {key: document[key] for key in ("id", "time", "entity", "partition", "offset")} == {
        "id": "e1",
        "time": 5.0,
        "entity": "x",
        "partition": "stream.jsonl",
        "offset": 0,
    }
    assert set(document["predictions"]) == {"up", "size", "group"}


def _pairs() -> Iterator[tuple[dict[str, Any], Any]]:
    return iter(river.datasets.synth.Friedman(seed=1).take(2000))


def test_a_river_data_set_runs_as_it_is() -> None:
    settings = {
        "schema": {"features": {f"x{i}": {"kind": "numeric", "field": str(i)} for i in range(10)}},
        "tasks": {"y": "regression"},
        "model": {"kind": "shared_bottom", "rows_per_step": 8},
        "source": {"kind": "jsonl", "path": "unused"},
    }
    pairs = [({str(name): value for name, value in x.items()}, y) for x, y in _pairs()]
    report = replay(RunConfig.parse(settings, environment={}), source=IterableSource.of(pairs, label="y"))
    assert report.tasks["y"].labels == 2000
    assert report.tasks["y"].windowed["r2"] > 0.5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("example", "file", "task", "floor"),
    [("gas_turbine", "gas_turbine", "y_tey", 0.5), ("hydraulic", "hydraulic_cycles", "y_cooler", 0.5)],
)
def test_a_real_stream_gives_one_digest_for_polls_of_1_and_of_5000(
    example: str, file: str, task: str, floor: float, tmp_path: Path
) -> None:
    data = DATA / example / f"{file}.csv.gz"
    if not data.exists():
        pytest.skip(f"needs the recorded stream {data.name} in {data.parent}")
    import gzip

    head = tmp_path / "head.csv"
    with gzip.open(data, "rt") as lines:
        head.write_text("".join(line for _, line in zip(range(6001), lines, strict=False)))
    path = Path(__file__).parents[2] / "examples" / f"{example}.yaml"
    reports = [
        replay(RunConfig.load(path, [f"source.path={head}", f"source.max_poll_records={size}"], environment={}))
        for size in (1, 5000)
    ]
    assert reports[0].digest == reports[1].digest
    assert reports[0].tasks[task].windowed[reports[0].tasks[task].primary] > floor
