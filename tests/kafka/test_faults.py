"""Poison, limits, a full disk: what a daemon on Kafka promises for bad records and bad surroundings.

In one process, because that is quick; what needs a process of its own is in `test_daemon` and `test_kills`.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streammtl import component
from streammtl.checkpoint import Checkpoints
from streammtl.clock import SystemClock
from streammtl.config import RunConfig
from streammtl.errors import CheckpointError, LimitError, SinkUnavailableError
from streammtl.run.loop import Loop, Ran
from streammtl.run.observe import Observer
from streammtl.sinks.kafka import KafkaSink
from tests.kafka.cluster import Cluster
from tests.kafka.counter import Counter as CountingModel
from tests.kafka.daemon import event, label, settings_of

POISON: list[bytes | None] = [
    b"{",  # invalid JSON
    b'{"id":"q","t":1,"a":"text"}',  # wrong type
    b'{"id":"\xff","t":1,"a":1}',  # bad UTF-8
    b'{"id":"deep","t":1,"a":' + b"[" * 5000 + b"]" * 5000 + b"}",  # deep nesting
    b'{"id":"large","t":1,"a":"' + b"x" * 10_000_000 + b'"}',
    None,  # a null value
]


@pytest.fixture(autouse=True)
def _counting_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(component._REGISTRY["models"], "counter", CountingModel)


@pytest.fixture
def prefix(cluster: Cluster) -> str:
    name = cluster.create_topic()
    for topic in ("events", "labels"):
        cluster.create_topic(f"{name}-{topic}", 1, **{"max.message.bytes": "20000000"})
    return name


def run(folder: Path, cluster: Cluster, prefix: str, observer: Observer | None = None, **changes: Any) -> Ran:
    """Take the topics to their end."""
    source = {"follow": False, **changes.pop("source", {})}
    settings = settings_of(folder, cluster.servers, prefix, source=source, **changes)
    return Loop(RunConfig.parse(settings, environment={}), Path(), SystemClock()).run(resume=True, observer=observer)


def write(cluster: Cluster, prefix: str, n: int, poison: list[bytes | None]) -> None:
    cluster.produce(f"{prefix}-events", [event(i) for i in range(n)])
    cluster.produce(f"{prefix}-events", poison)
    cluster.produce(f"{prefix}-events", [event(i) for i in range(n, 2 * n)])
    cluster.produce(f"{prefix}-labels", [label(i) for i in range(2 * n)])


@pytest.mark.slow
def test_poison_becomes_dead_letters_with_origin_and_reason_and_the_rest_is_learned(
    tmp_path: Path, cluster: Cluster, prefix: str
) -> None:
    write(cluster, prefix, 10, POISON)
    ran = run(tmp_path, cluster, prefix)
    letters = cluster.read(f"{prefix}-rejects")
    assert [letter.key for letter in letters] == [b"%s-events:0@%d" % (prefix.encode(), 10 + i) for i in range(6)]
    for i, letter in enumerate(letters):
        document = json.loads(letter.value or b"")
        assert document["partition"] == f"{prefix}-events:0"
        assert document["offset"] == 10 + i
        assert document["reason"]
        assert len(letter.value or b"") < 1_000_000
    assert ran.engine.totals["events"] == 20
    assert ran.engine.totals["labels"] == 20
    assert len(cluster.read(f"{prefix}-predictions")) == 20


def test_dead_letters_can_do_without_the_bytes(tmp_path: Path, cluster: Cluster, prefix: str) -> None:
    write(cluster, prefix, 1, [b'{"id":"q","t":1,"a":"secret"}'])
    run(tmp_path, cluster, prefix, sink={"reject_values": False})
    (letter,) = cluster.read(f"{prefix}-rejects")
    assert "value" not in json.loads(letter.value or b"")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"rejects_in_row": 20}, "limits.rejects_in_row is 20"),
        ({"rejects_ratio": 0.5, "rejects_window": 10}, r"10 of 10 records were rejected \(100.0%\)"),
    ],
)
def test_too_many_dead_letters_stop_the_run_with_state_saved(
    tmp_path: Path, cluster: Cluster, prefix: str, limits: dict[str, Any], message: str
) -> None:
    write(cluster, prefix, 10, [b"{"] * 30)
    with pytest.raises(LimitError, match=message):
        run(tmp_path, cluster, prefix, limits=limits, source={"max_poll_records": 7})
    n_letters = len(cluster.read(f"{prefix}-rejects"))
    assert 0 < n_letters <= 30
    ran = run(tmp_path, cluster, prefix)
    assert ran.engine.totals["labels"] == 20
    assert len(cluster.read(f"{prefix}-rejects")) == 30  # those before the stop are saved, not repeated


def test_few_dead_letters_do_not(tmp_path: Path, cluster: Cluster, prefix: str) -> None:
    write(cluster, prefix, 10, [b"{"] * 20)
    ran = run(tmp_path, cluster, prefix, limits={"rejects_in_row": 20})
    assert ran.engine.totals["labels"] == 20


@pytest.mark.slow
def test_a_full_disk_stops_no_learning(
    tmp_path: Path, cluster: Cluster, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(cluster, prefix, 100, [])
    save, calls = Checkpoints.save, iter(range(1000))

    def fail_now_and_then(self: Checkpoints, state: Any, number: int) -> Path:
        if 0 < next(calls) < 4:
            raise CheckpointError("no space left on device")
        return save(self, state, number)

    monkeypatch.setattr(Checkpoints, "save", fail_now_and_then)
    checkpoint = {"every_records": 40}
    ran = run(tmp_path, cluster, prefix, checkpoint=checkpoint, source={"max_poll_records": 20})
    assert next(calls) > 4
    assert ran.engine.totals["labels"] == 200
    assert len(cluster.read(f"{prefix}-predictions")) == 200


class Troubles(Observer):
    def __init__(self) -> None:
        self.said: list[str] = []

    def troubled(self, error: Exception, retry_s: float) -> None:
        self.said.append(f"troubled {retry_s}")

    def recovered(self) -> None:
        self.said.append("recovered")


@pytest.mark.slow
def test_a_sink_that_is_away_is_waited_for_and_observers_are_told(
    tmp_path: Path, cluster: Cluster, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(cluster, prefix, 20, [])
    settle, calls = KafkaSink.settle, iter(range(1000))

    def be_away(self: KafkaSink) -> None:
        if 1 <= next(calls) <= 3:
            raise SinkUnavailableError("the broker is away")
        settle(self)

    monkeypatch.setattr(KafkaSink, "settle", be_away)
    troubles = Troubles()
    ran = run(tmp_path, cluster, prefix, troubles)
    assert troubles.said == ["troubled 0.1", "troubled 0.2", "troubled 0.4", "recovered"]
    assert ran.engine.totals["labels"] == 40


@pytest.mark.slow
def test_patience_can_have_an_end(
    tmp_path: Path, cluster: Cluster, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def be_away(self: KafkaSink) -> None:
        raise SinkUnavailableError("the dead-letter topic does not answer")

    monkeypatch.setattr(KafkaSink, "settle", be_away)
    with pytest.raises(SinkUnavailableError, match="the dead-letter topic does not answer"):
        run(tmp_path, cluster, prefix, limits={"unavailable_s": 0.3})


@pytest.mark.slow
@pytest.mark.parametrize("model", [{"kind": "mlp", "hidden": [4]}, {"kind": "shared_bottom", "hidden": [4]}])
def test_strange_numbers_leave_everything_finite(
    tmp_path: Path, cluster: Cluster, prefix: str, model: dict[str, Any]
) -> None:
    """NaN, infinity and 1e30 in features, labels scaled by 1e6: parameters stay finite, skipped steps are counted."""
    strange = [b"1e30", b"-1e308", b"1e999", b"NaN", b"null", b'"NaN"', b"0.5"]
    values = [b'{"id":"e%d","t":%d,"a":%s}' % (i, i, strange[i % 7]) for i in range(70)]
    labels = [b'{"id":"e%d","t":%d,"y":%d}' % (i, i, (i % 5) * (10**6 if i > 35 else 1)) for i in range(70)]
    cluster.produce(f"{prefix}-events", values)
    cluster.produce(f"{prefix}-labels", labels)
    ran = run(tmp_path, cluster, prefix, model=model)
    assert ran.engine.totals["labels"] == 40  # NaN, 1e999 and text are dead letters, and their labels orphans
    assert ran.engine.totals["steps"] > 0
    assert not [path for path, array in arrays_of(ran.engine.state()["learner"]) if not np.isfinite(array).all()]
    for record in cluster.read(f"{prefix}-predictions"):
        assert math.isfinite(json.loads(record.value or b"")["predictions"]["y"]["value"])


def arrays_of(state: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """All arrays of numbers below a state, with their places."""
    if isinstance(state, dict):
        for key, value in state.items():
            yield from arrays_of(value, f"{path}/{key}")
    elif isinstance(state, np.ndarray) and state.dtype.kind == "f" and not path.endswith("labels_NT"):
        yield path, state


@pytest.mark.slow
@pytest.mark.parametrize(
    ("max_classes", "on_new_class", "n_labels", "n_rejected"),
    [(4, "reject", 4, 0), (2, "reject", 3, 1), (2, "ignore", 3, 0)],
)
def test_a_new_class_is_learned_or_rejected_or_ignored_as_configured(
    tmp_path: Path, cluster: Cluster, prefix: str, max_classes: int, on_new_class: str, n_labels: int, n_rejected: int
) -> None:
    cluster.produce(f"{prefix}-events", [event(i) for i in range(4)])
    labels = [b'{"id":"e%d","t":%d,"y":"%s"}' % (i, i, b"abca"[i : i + 1]) for i in range(4)]
    cluster.produce(f"{prefix}-labels", labels)
    task = {"kind": "multiclass", "max_classes": max_classes, "on_new_class": on_new_class}
    ran = run(tmp_path, cluster, prefix, tasks={"y": task}, model={"kind": "shared_bottom", "hidden": [4]})
    assert ran.engine.totals["labels"] == n_labels
    assert sum(ran.engine.rejected.values()) == n_rejected


def test_a_changed_schema_is_counted_not_fatal(tmp_path: Path, cluster: Cluster, prefix: str) -> None:
    """A new field, a missing one, a changed type."""
    values = [b'{"id":"n","t":1,"a":1,"new":5}', b'{"id":"m","t":2}', b'{"id":"c","t":3,"a":{"x":1}}']
    cluster.produce(f"{prefix}-events", values)
    ran = run(tmp_path, cluster, prefix)
    assert ran.engine.totals["unknown_fields"] == 1
    assert ran.engine.totals["events"] == 2
    assert sum(ran.engine.rejected.values()) == 1


def test_duplicate_events_and_labels_are_ignored_and_counted(tmp_path: Path, cluster: Cluster, prefix: str) -> None:
    cluster.produce(f"{prefix}-events", [event(1), event(1), event(2)])
    cluster.produce(f"{prefix}-labels", [label(1), label(1), label(9)])
    ran = run(tmp_path, cluster, prefix)
    counts = Counter(ran.engine.join.counts)
    assert (counts["duplicate_events"], counts["duplicate_labels"], counts["orphan"]) == (1, 1, 1)
    assert len(cluster.read(f"{prefix}-predictions")) == 2
