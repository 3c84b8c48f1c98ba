"""However the stream is cut into turns, and wherever the watch stops and goes on: the same alarms, the same state."""

from __future__ import annotations

import functools
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streammtl.digest import digest
from streammtl.errors import CheckpointMismatchError
from streammtl.testing.drift import rewritten
from streammtl.types import Alarm, AlarmSubject
from tests.watch.streams import FRAUD, KIND, TASKS, Stream, calm, observe, watch_of

N = 1500
#: Everything is watched, sensitively, in small blocks.
EVERYTHING: dict[str, Any] = {
    "block": 12,
    "reference_blocks": 3,
    "error": {"kind": "adwin", "delta": 0.1, "min_window_length": 2},
    "features": {"kind": "page_hinkley", "feed": "values", "threshold": 15.0},
    "predictions": {"kind": "page_hinkley", "threshold": 8.0},
}


@functools.cache
def restless() -> Stream:
    """Everything changes in the middle; values, labels and predictions are missing here and there."""
    stream, rng = calm(N), np.random.default_rng(5)
    dense_ED, labels_ET, outputs_EO = stream.dense_ED.copy(), stream.labels_ET.copy(), stream.outputs_EO.copy()
    dense_ED[700:] += 2.0
    dense_ED[rng.random(dense_ED.shape) < 0.1] = np.nan
    outputs_EO[800:, 4] += 3.0
    labels_ET[800:, 0] = 1.0 - (outputs_EO[800:, 0] > 0.5)
    outputs_EO[rng.random(N) < 0.02] = np.nan
    labels_ET[rng.random(labels_ET.shape) < [0.1, 0.5, 0.3]] = np.nan
    category_EC = stream.category_EC.copy()
    category_EC[900:] = 3
    return stream.where(dense_ED=dense_ED, category_EC=category_EC, labels_ET=labels_ET, outputs_EO=outputs_EO)


def run(cuts: list[int], **config: Any) -> tuple[list[Alarm], str]:
    tasks = (FRAUD, KIND, *TASKS[2:])
    watch = watch_of(tasks, **config)
    alarms: list[Alarm] = []
    for start, stop in zip([0, *cuts], [*cuts, N], strict=True):
        alarms += observe(watch, restless(), start, stop)
    return alarms, digest(watch.state())


def by_stage(alarms: list[Alarm]) -> list[list[Alarm]]:
    """Those of events and those of labels: a turn gives one kind after the other."""
    return [
        [a for a in alarms if a.subject != AlarmSubject.ERROR],
        [a for a in alarms if a.subject == AlarmSubject.ERROR],
    ]


@functools.cache
def whole(config: str) -> tuple[list[Alarm], str]:
    return run([], **json.loads(config))


CUTS = st.lists(st.integers(0, N), max_size=12).map(sorted)


@settings(max_examples=30, deadline=None)
@given(cuts=CUTS)
def test_cuts_make_no_difference(cuts: list[int]) -> None:
    alarms, state = run(cuts, **EVERYTHING)
    expected_alarms, expected_state = whole(json.dumps(EVERYTHING))
    assert by_stage(alarms) == by_stage(expected_alarms)
    assert state == expected_state


@pytest.mark.parametrize("rows", [1, 7, 12, 64])
def test_turns_of_any_size_make_no_difference(rows: int) -> None:
    alarms, state = run(list(range(rows, N, rows)), **EVERYTHING)
    assert by_stage(alarms) == by_stage(whole(json.dumps(EVERYTHING))[0])
    assert state == whole(json.dumps(EVERYTHING))[1]


def test_the_restless_stream_has_alarms_of_every_kind() -> None:
    names = {(alarm.subject, alarm.name) for alarm in whole(json.dumps(EVERYTHING))[0]}
    assert {subject for subject, _ in names} == set(AlarmSubject)
    assert {(AlarmSubject.FEATURE, "amount"), (AlarmSubject.FEATURE, "merchant")} <= names


@settings(max_examples=15, deadline=None)
@given(stop=st.integers(0, N))
def test_a_watch_that_takes_over_a_state_goes_on_exactly(stop: int) -> None:
    first, second = watch_of(**EVERYTHING), watch_of(**EVERYTHING)
    alarms = observe(first, restless(), 0, stop)
    second.load(rewritten(first.state()))
    assert digest(second.state()) == digest(first.state())
    alarms += observe(second, restless(), stop)
    assert by_stage(alarms) == by_stage(whole(json.dumps(EVERYTHING))[0])
    assert digest(second.state()) == whole(json.dumps(EVERYTHING))[1]


def test_a_state_is_not_changed_by_what_comes_later() -> None:
    watch = watch_of(**EVERYTHING)
    observe(watch, restless(), 0, 800)
    state = watch.state()
    before = digest(state)
    observe(watch, restless(), 800)
    assert digest(state) == before


def test_a_task_without_labels_changes_nothing_for_the_others() -> None:
    stream = restless()
    silent = stream.where(labels_ET=np.where(np.arange(3) == 1, np.nan, stream.labels_ET))
    alarms = observe(watch_of(**EVERYTHING), silent)
    expected = whole(json.dumps(EVERYTHING))[0]
    assert by_stage(alarms)[1] == [alarm for alarm in by_stage(expected)[1] if alarm.name != "kind"]


def test_a_state_of_another_watch_is_refused() -> None:
    state = watch_of(features="adwin").state()
    with pytest.raises(CheckpointMismatchError, match="features are not watched here, but they were"):
        watch_of().load(state)
    with pytest.raises(CheckpointMismatchError, match="predictions are watched here, but they were not"):
        watch_of(features="adwin", predictions="adwin").load(state)
    with pytest.raises(CheckpointMismatchError, match="the signals watched are amount, amount"):
        watch_of(features="adwin", feature_columns=["amount"]).load(state)
