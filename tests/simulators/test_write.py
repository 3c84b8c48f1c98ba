"""The stream of a world in files and logs."""

from __future__ import annotations

import gzip
import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from streammtl_simulators import FraudWorld
from streammtl_simulators.write import simulate, truth_path, write_truth

from streammtl.clock import ManualClock
from streammtl.errors import ConfigError, SinkError
from streammtl.log.embedded import EmbeddedLog

WORLD = FraudWorld.Config(events=2000).build()
VALUES = [value for batch in WORLD.records() for value in batch.value_N]
LABELS = [is_label for batch in WORLD.records() for is_label in batch.is_label_N]


def test_a_file_holds_the_documents_in_order(tmp_path: Path) -> None:
    assert simulate(WORLD, tmp_path / "out.jsonl") == len(VALUES)
    assert (tmp_path / "out.jsonl").read_bytes() == b"\n".join(VALUES) + b"\n"


def test_a_compressed_file_holds_the_same_and_is_reproducible(tmp_path: Path) -> None:
    for name in ("a.jsonl.gz", "b.jsonl.gz"):
        simulate(WORLD, tmp_path / name)
    assert gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes()) == b"\n".join(VALUES) + b"\n"
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()


def test_a_log_has_a_topic_of_events_and_one_of_labels(tmp_path: Path) -> None:
    simulate(WORLD, tmp_path / "out.log")
    with EmbeddedLog(tmp_path / "out.log") as log:
        for topic, is_label in (("events", False), ("labels", True)):
            expected = [value for value, label in zip(VALUES, LABELS, strict=True) if label == is_label]
            assert list(log.read([topic], after_sequence=0, limit=100_000).values) == expected
            assert log.keys_from(topic, 0, 0) == [json.loads(value)["id"].encode() for value in expected]


def test_in_a_log_every_label_follows_its_event(tmp_path: Path) -> None:
    simulate(WORLD, tmp_path / "out.log")
    with EmbeddedLog(tmp_path / "out.log") as log:
        values = log.read(["events", "labels"], after_sequence=0, limit=100_000).values
    seen: set[str] = set()
    for document in map(json.loads, values):
        if document["record"] == "event":
            seen.add(document["id"])
        assert document["id"] in seen
    assert len(values) == len(VALUES)


def test_a_single_topic_holds_the_documents_in_order(tmp_path: Path) -> None:
    simulate(WORLD, tmp_path / "out.log", events_topic="all", labels_topic="all")
    with EmbeddedLog(tmp_path / "out.log") as log:
        assert log.topics() == {"all": 1}
        assert list(log.read(["all"], after_sequence=0, limit=100_000).values) == VALUES


def test_a_log_that_holds_a_stream_does_not_take_another(tmp_path: Path) -> None:
    simulate(WORLD, tmp_path / "out.log")
    with pytest.raises(SinkError, match=r"'events'.* has had 2000 records already"):
        simulate(WORLD, tmp_path / "out.log")


def test_malformed_records_are_written_without_a_key(tmp_path: Path) -> None:
    world = FraudWorld.Config.model_validate({"events": 500, "dirt": {"malformed": 0.2}}).build()
    simulate(world, tmp_path / "out.log")
    with EmbeddedLog(tmp_path / "out.log") as log:
        keys = log.keys_from("events", 0, 0)
    assert keys.count(None) == world.dirt_counts()["malformed"] > 0


def test_a_rate_is_kept_on_the_clock(tmp_path: Path) -> None:
    clock = ManualClock()
    seen: list[Any] = []
    simulate(
        WORLD, tmp_path / "out.jsonl", rate=500.0, clock=clock, on_progress=lambda n: seen.append((n, clock.now()))
    )
    assert clock.now() == pytest.approx(2000 / 500.0)
    assert all(now == pytest.approx(n / 500.0) for n, now in seen)
    assert max(later[0] - earlier[0] for earlier, later in pairwise(seen)) <= 25
    assert (tmp_path / "out.jsonl").read_bytes() == b"\n".join(VALUES) + b"\n"


def test_without_a_rate_nobody_waits(tmp_path: Path) -> None:
    clock = ManualClock()
    seen: list[Any] = []
    simulate(WORLD, tmp_path / "out.jsonl", clock=clock, on_progress=seen.append)
    assert clock.now() == 0.0
    assert seen[-1] == 2000


def test_the_truth_lies_beside_the_stream(tmp_path: Path) -> None:
    path = truth_path(tmp_path / "out.jsonl.gz")
    assert path == tmp_path / "out.truth.json"
    write_truth(WORLD, path)
    truth = json.loads(path.read_text())
    assert truth["world"]["kind"] == "fraud"
    assert truth["world"]["events"] == 2000
    assert [drift["name"] for drift in truth["drifts"]] == [drift.name for drift in WORLD.drifts()]
    assert truth["best_scores"] == WORLD.best_scores()
    assert truth["dirt"] == {}


def test_a_score_that_is_not_defined_is_null(tmp_path: Path) -> None:
    write_truth(FraudWorld.Config(events=3).build(), tmp_path / "truth.json")
    assert json.loads((tmp_path / "truth.json").read_text())["best_scores"]["is_fraud"]["auc"] is None


def test_another_suffix_is_refused_with_those_that_are_known(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=re.escape(".jsonl.gz")):
        simulate(WORLD, tmp_path / "out.csv")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="nowhere"):
        simulate(WORLD, tmp_path / "nowhere" / "out.jsonl")
