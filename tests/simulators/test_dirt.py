"""Dirt happens as often as it is asked for, is counted, and loses no event."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from streammtl_simulators import FraudWorld
from streammtl_simulators.dirt import DIRT_KINDS

from streammtl.worlds.base import WorldRecords

EVENTS = 4000


def build(**dirt: float) -> FraudWorld:
    return FraudWorld.Config.model_validate({"events": EVENTS, "dirt": dirt}).build()


def values(batches: list[WorldRecords]) -> list[bytes]:
    return [value for batch in batches for value in batch.value_N]


def documents(batches: list[WorldRecords]) -> tuple[list[dict[str, Any]], int]:
    """What can be decoded, and how much cannot."""
    decoded, n_malformed = [], 0
    for value in values(batches):
        try:
            decoded.append(msgspec.json.decode(value))
        except (msgspec.DecodeError, UnicodeDecodeError):
            n_malformed += 1
    return decoded, n_malformed


@pytest.fixture(scope="module")
def clean() -> list[WorldRecords]:
    return list(build().records())


def test_without_dirt_nothing_is_counted(clean: list[WorldRecords]) -> None:
    world = build()
    assert len(values(list(world.records()))) == len(values(clean))
    assert world.dirt_counts() == {}


@pytest.mark.parametrize("kind", DIRT_KINDS)
def test_dirt_happens_as_often_as_asked(kind: str) -> None:
    world = build(**{kind: 0.1})
    assert len(list(world.records())) > 0
    counts = world.dirt_counts()
    assert counts.pop(kind) == pytest.approx(0.1 * EVENTS, abs=4 * (0.09 * EVENTS) ** 0.5)
    assert set(counts.values()) == {0}


def test_malformed_records_are_no_json(clean: list[WorldRecords]) -> None:
    world = build(malformed=0.05)
    batches = list(world.records())
    decoded, n_malformed = documents(batches)
    assert n_malformed == world.dirt_counts()["malformed"]
    assert decoded == documents(clean)[0]


def test_mistyped_records_have_a_text_for_the_amount(clean: list[WorldRecords]) -> None:
    world = build(wrong_type=0.05)
    decoded, _ = documents(list(world.records()))
    mistyped = [document for document in decoded if isinstance(document.get("amount"), str)]
    assert len(mistyped) == world.dirt_counts()["wrong_type"]
    assert [document for document in decoded if document not in mistyped] == documents(clean)[0]


def test_duplicates_are_the_same_bytes_later(clean: list[WorldRecords]) -> None:
    world = build(duplicated=0.05)
    n_repeated = 0
    seen: set[bytes] = set()
    for value in values(list(world.records())):
        n_repeated += value in seen
        seen.add(value)
    assert n_repeated == world.dirt_counts()["duplicated"]
    assert seen == set(values(clean))


def test_late_events_arrive_later_than_their_time_and_are_not_lost(clean: list[WorldRecords]) -> None:
    world = build(late=0.1, late_s=20_000.0)
    found = values(list(world.records()))
    assert sorted(found) == sorted(values(clean))
    times = np.array([msgspec.json.decode(value)["time"] for value in found])
    lateness = np.maximum.accumulate(times) - times
    assert 0 < (lateness > 0).sum() <= world.dirt_counts()["late"]
    assert lateness.max() < 20_000.0


def test_missing_values_are_null(clean: list[WorldRecords]) -> None:
    world = build(missing=0.1)
    changed = 0
    for dirty, plain in zip(documents(list(world.records()))[0], documents(clean)[0], strict=True):
        different = [field for field in plain if dirty[field] != plain[field]]
        assert all(dirty[field] is None for field in different)
        assert len(different) <= 1
        changed += len(different)
    assert changed == world.dirt_counts()["missing"]


def test_every_event_keeps_its_best_outputs_whatever_happens(clean: list[WorldRecords]) -> None:
    batches = list(build(malformed=0.1, duplicated=0.1, late=0.1, wrong_type=0.1, missing=0.1).records())
    best = {key: row for batch in batches for key, row in zip(batch.event_ids, batch.best_EO, strict=True)}
    expected = {key: row for batch in clean for key, row in zip(batch.event_ids, batch.best_EO, strict=True)}
    assert best.keys() == expected.keys()
    assert all((best[key] == expected[key]).all() for key in expected)
    assert sum(len(batch.event_ids) for batch in batches) == EVENTS


def test_one_kind_of_dirt_leaves_the_others_where_they_were() -> None:
    alone, together = build(missing=0.1), build(missing=0.1, malformed=0.2)
    decoded = [documents(list(world.records()))[0] for world in (alone, together)]
    assert decoded[0] == decoded[1]


def test_dirty_labels_inside_keep_the_best_scores() -> None:
    settings = {"events": EVENTS, "labels": "inside"}
    dirty = {**settings, "dirt": {"malformed": 0.1, "duplicated": 0.1, "late": 0.1, "wrong_type": 0.1}}
    plain, spoiled = (FraudWorld.Config.model_validate(given).build().best_scores() for given in (settings, dirty))
    assert plain["is_fraud"]["auc"] == pytest.approx(spoiled["is_fraud"]["auc"], abs=1e-12)
    assert plain["next_day_spend"]["r2"] == pytest.approx(spoiled["next_day_spend"]["r2"], abs=1e-12)


def test_lateness_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="late_s has no effect"):
        build(late_s=60.0)
