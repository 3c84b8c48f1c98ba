from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from streammtl.changes.base import Change, chances
from streammtl.changes.drop import Drop
from streammtl.changes.prefix import Prefix
from streammtl.changes.replace import Replace
from streammtl.changes.scale import Scale
from streammtl.changes.swap import Swap
from streammtl.changes.warp import Warp
from streammtl.component import members
from streammtl.testing import changes

COURSES: tuple[dict[str, Any], ...] = (
    {"at": 7},
    {"at": 7, "course": "gradual", "over": 20},
    {"at": 7, "course": "recurring", "over": 5},
)
SETTINGS: dict[str, dict[str, Any]] = {
    "drop": {"fields": ["a", "y"], "share": 0.5},
    "prefix": {"field": "b", "text": "x-"},
    "replace": {"field": "y", "values": {0: 1, 1: 0}},
    "scale": {"field": "a", "factor": 2.0},
    "swap": {"fields": ["a", "b"]},
    "warp": {"field": "a", "origin": 1.0, "factor": 2.0},
}


def of(kind: str, **settings: Any) -> Change:
    config = members("changes")[kind].Config.model_validate({"kind": kind, **SETTINGS[kind], **settings})
    return config.build()  # type: ignore[attr-defined, no-any-return]


def test_every_change_is_checked() -> None:
    assert SETTINGS.keys() == members("changes").keys()


@pytest.mark.parametrize("check", changes.CHECKS)
@pytest.mark.parametrize("course", COURSES, ids=lambda course: str(course.get("course")))
@pytest.mark.parametrize("kind", SETTINGS)
def test_rules(kind: str, course: dict[str, Any], check: Callable[[Change], None]) -> None:
    check(of(kind, **course))


def test_courses() -> None:
    n = np.arange(12)
    assert of("scale", at=3).strength(n).tolist() == [0.0] * 3 + [1.0] * 9
    incremental = of("scale", at=2, course="incremental", over=4).strength(n)
    assert incremental.tolist() == [0, 0, 0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1, 1]
    recurring = of("scale", at=2, course="recurring", over=3).strength(n)
    assert recurring.tolist() == [0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1, 0]


def test_a_gradual_course_changes_more_and_more_records_and_none_by_a_part() -> None:
    strength = of("scale", at=1000, course="gradual", over=10_000).strength(np.arange(13_000))
    assert set(strength.tolist()) == {0.0, 1.0}
    shares = [strength[start : start + 1000].mean() for start in range(0, 13_000, 1000)]
    assert shares[0] == 0.0
    assert shares[11:] == [1.0, 1.0]
    assert shares[5] == pytest.approx(0.45, abs=0.05)


def test_chances_are_uniform_and_differ_by_seed() -> None:
    one, other = chances(np.arange(20_000), seed=1), chances(np.arange(20_000), seed=2)
    assert np.histogram(one, bins=10, range=(0, 1))[0] == pytest.approx(2000, abs=200)
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.03
    assert abs(np.corrcoef(one[1:], one[:-1])[0, 1]) < 0.03


def changed(change: Change, record: dict[str, Any], strength: float = 1.0, chance: float = 0.0) -> dict[str, Any]:
    change.apply(record, strength, chance)
    return record


def test_scale() -> None:
    change = Scale.Config(field="a", factor=2.0, offset=1.0).build()
    assert changed(change, {"a": 3}) == {"a": 7.0}
    assert changed(change, {"a": "3.5"}) == {"a": 8.0}  # a cell of a CSV file
    assert changed(change, {"a": 3}, strength=0.5) == {"a": 5.0}
    assert changed(change, {"a": "much"}) == {"a": "much"}
    assert changed(change, {}) == {}


def test_swap_also_swaps_what_is_missing() -> None:
    change = Swap.Config(fields=("a", "b")).build()
    assert changed(change, {"a": 1, "b": 2}) == {"a": 2, "b": 1}
    assert changed(change, {"a": 1}) == {"b": 1}
    assert changed(change, {}) == {}


def test_drop_takes_its_share() -> None:
    change = Drop.Config(fields=("y",), share=0.25).build()
    records = [{"y": 1, "a": 1} for _ in range(4000)]
    change.apply_all(list(records), np.arange(4000))
    assert sum("y" not in record for record in records) == pytest.approx(1000, abs=100)
    assert all("a" in record for record in records)


def test_replace_knows_values_by_their_text() -> None:
    change = Replace.Config.model_validate({"field": "y", "values": {0: 1, 1: 0, "true": "yes"}}).build()
    found = [changed(change, {"y": value}) for value in (0, 1.0, "1", True, "other", None)]
    assert [record["y"] for record in found] == [1, 0, 0, "yes", "other", None]


def test_warp_moves_only_what_comes_after_the_origin() -> None:
    change = Warp.Config(field="t", origin=100.0, factor=2.0).build()
    assert changed(change, {"t": 90}) == {"t": 90}
    assert changed(change, {"t": "130"}) == {"t": 160.0}


def test_prefix() -> None:
    change = Prefix.Config(field="id", text="b-").build()
    assert [changed(change, {"id": value})["id"] for value in ("x", 7, None, "")] == ["b-x", "b-7", None, ""]


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("scale", {"course": "gradual"}, "needs `over`"),
        ("scale", {"over": 5}, "has no `over`"),
        ("swap", {"course": "incremental", "over": 5}, "gradual instead of incremental"),
        ("swap", {"fields": ["a", "a"]}, "name two that differ"),
        ("replace", {"values": {"1": 1}}, "leave it out"),
        ("warp", {"factor": 0.0}, "greater than 0"),
    ],
)
def test_mistakes(kind: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        of(kind, **settings)


def test_a_change_of_json_stays_json() -> None:
    record = changed(of("swap"), json.loads('{"a": {"b": [1, null]}, "b": "ü"}'))
    assert record == {"a": "ü", "b": {"b": [1, None]}}
