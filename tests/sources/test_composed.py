"""Sources that are made of others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from streammtl.component import members
from streammtl.config import RunConfig
from streammtl.errors import ConfigError, SourceError
from streammtl.run.inject import inject
from streammtl.run.replay import replay, true_drifts
from streammtl.sources.base import Readers
from streammtl.sources.changed import ChangedSource
from streammtl.sources.concat import ConcatSource
from streammtl.sources.jsonl import JsonlSource
from streammtl.sources.mix import MixSource
from streammtl.testing.sources import read_all


def lines(path: Path, *documents: dict[str, Any]) -> dict[str, str]:
    path.write_text("".join(json.dumps(document) + "\n" for document in documents))
    return {"kind": "jsonl", "path": str(path)}


def test_what_cannot_be_read_passes_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b'{"a":1}\nnot json\n[1]\n{"a":2, "b":1}\n\xff\n')
    change = {"kind": "scale", "field": "a", "factor": 2.0}
    config = ChangedSource.Config.model_validate(
        {"source": {"kind": "jsonl", "path": str(tmp_path / "a")}, "changes": [change]}
    )
    source = config.build()
    source.open({})
    records = source.poll(0.0)
    source.close()
    assert records is not None
    assert list(records.values) == [b'{"a":2.0}', b"not json", b"[1]", b'{"a":4.0,"b":1}', b"\xff"]


def test_changes_are_done_in_their_order(tmp_path: Path) -> None:
    changes = [{"kind": "scale", "field": "a", "offset": 1.0}, {"kind": "scale", "field": "a", "factor": 10.0}]
    settings = {"source": lines(tmp_path / "a", {"a": 1}), "changes": changes}
    source = ChangedSource.Config.model_validate(settings).build()
    source.open({})
    assert read_all(source)[0][2] == {"a": 20.0}
    source.close()


def test_injected_drifts_are_told_by_the_names_of_their_readers(tmp_path: Path) -> None:
    changes = [
        {"kind": "scale", "field": "a", "factor": 2.0, "at": 5},
        {"kind": "drop", "fields": ["y"], "at": 7},
    ]
    settings = {"source": lines(tmp_path / "a", {"a": 1}), "changes": changes}
    readers = Readers(features={"a": ("amount", "amount_log")}, tasks={"y": "fraud", "z": "loss"})
    first, second = ChangedSource.Config.model_validate(settings).build().drifts(readers)
    assert (first.start_event, first.features, first.tasks) == (5, ("amount", "amount_log"), ("fraud", "loss"))
    assert (second.start_event, second.features, second.tasks) == (7, (), ("fraud",))


def test_concat_goes_on_in_the_second(tmp_path: Path) -> None:
    parts = [lines(tmp_path / name, *({"v": f"{name}{i}"} for i in range(3))) for name in "ab"]
    source = ConcatSource.Config.model_validate({"sources": parts}).build()
    source.open({})
    read = read_all(source)
    source.close()
    assert [document["v"] for _, _, document in read] == ["a0", "a1", "a2", "b0", "b1", "b2"]
    source.open({read[2][0]: 3, read[3][0]: 1})
    assert [document["v"] for _, _, document in read_all(source)] == ["b1", "b2"]
    source.close()


def test_a_mix_keeps_its_parts_and_takes_all(tmp_path: Path) -> None:
    parts = [lines(tmp_path / name, *({"v": f"{name}{i}"} for i in range(6))) for name in "ab"]
    source = MixSource.Config.model_validate({"sources": parts, "parts": [1, 2]}).build()
    source.open({})
    values = [document["v"] for _, _, document in read_all(source)]
    source.close()
    assert values == ["b0", "a0", "b1", "b2", "a1", "b3", "b4", "a2", "b5", "a3", "a4", "a5"]


def test_a_mix_of_json_and_rows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("v\n1\n")
    parts = [lines(tmp_path / "a", {"v": 1}), {"kind": "csv", "path": str(tmp_path / "b.csv")}]
    source = MixSource.Config.model_validate({"sources": parts}).build()
    source.open({})
    with pytest.raises(SourceError, match="different forms"):
        source.poll(0.0)
    source.close()


@pytest.mark.parametrize("kind", [ConcatSource, MixSource])
def test_the_position_of_another_source_is_refused(tmp_path: Path, kind: type[Any]) -> None:
    parts = [lines(tmp_path / name, {"v": name}) for name in "ab"]
    source = kind.Config.model_validate({"sources": parts}).build()
    with pytest.raises(SourceError, match="position of another source"):
        source.open({"events:0": 3})
    source.close()


def test_polls_are_a_setting_of_the_sources_within(tmp_path: Path) -> None:
    changes = [{"kind": "swap", "fields": ["a", "b"]}]
    settings = {"source": lines(tmp_path / "a", {"a": 1}), "changes": changes, "max_poll_records": 5}
    with pytest.raises(ValueError, match="setting of the sources within"):
        ChangedSource.Config.model_validate(settings)


@pytest.mark.parametrize("kind", ["changed", "concat", "mix"])
def test_a_source_with_a_journal_cannot_be_within_another(kind: str) -> None:
    kafka = {"kind": "kafka", "connection": {"servers": "127.0.0.1:1"}, "topic": "t"}
    change = {"kind": "drop", "fields": ["a"]}
    within: dict[str, Any] = {"source": kafka, "changes": [change]} if kind == "changed" else {"sources": [kafka] * 2}
    config = members("sources")[kind].Config.model_validate({"kind": kind, **within})
    with pytest.raises(ConfigError, match="kind kafka cannot be within another"):
        config.build()  # type: ignore[attr-defined]


def small(tmp_path: Path) -> RunConfig:
    documents = [{"a": float(i % 7), "b": 5.0, "y": float(i % 7)} for i in range(300)]
    settings = {
        "schema": {"features": {"a": "numeric", "b": "numeric"}},
        "tasks": {"y": {"kind": "regression"}},
        "model": {"kind": "shared_bottom", "hidden": [8], "optimizer": {"kind": "sgd", "rate": 0.05}},
        "source": lines(tmp_path / "data.jsonl", *documents),
    }
    return RunConfig.parse(settings, environment={})


def test_an_injected_drift_is_in_the_report_and_hurts(tmp_path: Path) -> None:
    config = small(tmp_path)
    drifting = inject(config, ["{kind: swap, fields: [a, b], at: 150}"])
    assert isinstance(drifting.source, ChangedSource.Config)
    assert isinstance(drifting.source.source, JsonlSource.Config)
    report, plain = replay(drifting), replay(config)
    assert [(drift.name, drift.start_event, drift.tasks) for drift in report.true_drifts] == [("swap a b", 150, ("y",))]
    assert report.tasks["y"].scores["mae"] > plain.tasks["y"].scores["mae"]
    assert report.to_json()["true_drifts"][0]["start_s"] is None
    assert true_drifts(config) == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{kind: swap, fields: [a, c]}", "no part of the schema reads 'c'"),
        ("{kind: swep}", "'swep'"),
        ("{kind: scale, field: a, at: -1}", "scale.at: .* greater than or equal to 0"),
        ("swap", "expected a mapping"),
        ("{kind: [", "--inject"),
    ],
)
def test_a_wrong_injection_says_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        inject(small(tmp_path), [text])
