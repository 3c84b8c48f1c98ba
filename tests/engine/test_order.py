"""Order is everything, polls are nothing."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streammtl.component import members
from streammtl.digest import digest
from streammtl.engine import Engine
from tests.engine.streams import SETTINGS, documents, engine_of, feed, records_of

RECORDS = records_of(documents(150))


@functools.cache
def whole(model: str, weighting: str) -> Engine:
    engine = engine_of(model=_model(model), weighting={"kind": weighting, "every": 8})
    feed(engine, RECORDS, len(RECORDS))
    return engine


def _model(kind: str) -> dict[str, Any]:
    few_rows = {"kind": "shared_bottom", "hidden": [8], "rows_per_step": 4}
    small: dict[str, dict[str, Any]] = {"mlp": SETTINGS["model"], "shared_bottom": few_rows}
    return small.get(kind, {"kind": kind})


def check_equal(engine: Engine, other: Engine) -> None:
    assert digest(engine.state()) == digest(other.state())
    assert repr(engine.report()) == repr(other.report())
    assert engine.insights() == other.insights()
    assert engine.alarms == other.alarms
    assert engine.position == other.position


@pytest.mark.parametrize("model", sorted(members("models")))
@pytest.mark.parametrize("size", [1, 7, 64, 5000])
def test_the_size_of_a_turn_changes_nothing(model: str, size: int) -> None:
    engine = engine_of(model=_model(model), weighting={"kind": "famo", "every": 8})
    feed(engine, RECORDS, size)
    check_equal(engine, whole(model, "famo"))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cuts=st.lists(st.integers(0, len(RECORDS)), max_size=8), weighting=st.sampled_from(sorted(members("weighting"))))
def test_cuts_anywhere_change_nothing(cuts: list[int], weighting: str) -> None:
    engine = engine_of(weighting={"kind": weighting, "every": 8})
    edges = [0, *sorted(cuts), len(RECORDS)]
    for start, stop in itertools.pairwise(edges):
        engine.feed(RECORDS.between(start, stop))
    check_equal(engine, whole("mlp", weighting))


def test_the_stream_has_in_it_what_it_should() -> None:
    """Else the tests above would hold for a stream in which nothing happens."""
    engine = whole("mlp", "famo")
    assert engine.alarms
    assert engine.totals["steps"] > 50
    assert min(engine.join.counts[name] for name in ("matched", "late", "expired", "duplicate_labels", "evicted")) > 0
    assert set(engine.rejected) >= {"malformed", "wrong_type"}
    assert len(set(engine.weights().values())) > 1


@pytest.mark.parametrize("at", [0, 1, 77, 300])
def test_a_restored_engine_goes_on_as_the_original(at: int) -> None:
    engine = engine_of()
    feed(engine, RECORDS.between(0, at), 64)
    restored = engine_of()
    restored.load(engine.state())
    rest = RECORDS.between(at, len(RECORDS))
    feed(engine, rest, 64)
    feed(restored, rest, 11)
    check_equal(restored, engine)


def test_another_order_gives_another_digest() -> None:
    swapped = documents(150)
    swapped[20], swapped[21] = swapped[21], swapped[20]
    engine = engine_of()
    feed(engine, records_of(swapped), 64)
    straight = engine_of()
    feed(straight, RECORDS, 64)
    assert digest(engine.state()) != digest(straight.state())
