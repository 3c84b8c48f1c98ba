"""Scores do not depend on how the stream was cut into turns, nor on a stop in between: bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streammtl.errors import CheckpointMismatchError
from streammtl.evaluate import Evaluate
from streammtl.types import Outcome, State
from tests.evaluate.streams import feed, rows, stream, tasks

CONFIG = Evaluate.Config(window=100, block=20, half_life=5.3)
N_ROWS = 700
STREAM = stream(N_ROWS)


def assert_same_bits(found: Any, expected: Any) -> None:
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key in expected:
            assert_same_bits(found[key], expected[key])
    elif isinstance(expected, np.ndarray):
        assert found.dtype == expected.dtype
        assert found.tobytes() == expected.tobytes()
    else:
        assert repr(found) == repr(expected)


def state_after(cuts: list[int], outcome: Outcome = STREAM) -> tuple[State, str]:
    evaluate = CONFIG.build(tasks())
    feed(evaluate, outcome, cuts)
    return evaluate.state(), repr(evaluate.report())


WHOLE = state_after([])


@settings(deadline=None, max_examples=30)
@given(cuts=st.lists(st.integers(0, N_ROWS), max_size=30))
def test_turns_do_not_matter(cuts: list[int]) -> None:
    state, report = state_after(cuts)
    assert_same_bits(state, WHOLE[0])
    assert report == WHOLE[1]


@pytest.mark.parametrize("size", [1, 7, 64])
def test_turns_of_equal_size_do_not_matter(size: int) -> None:
    state, report = state_after(list(range(size, N_ROWS, size)))
    assert_same_bits(state, WHOLE[0])
    assert report == WHOLE[1]


def test_reporting_changes_nothing() -> None:
    evaluate = CONFIG.build(tasks())
    for start in range(0, N_ROWS, 50):
        feed(evaluate, rows(STREAM, start, start + 50))
        assert repr(evaluate.report()) == repr(evaluate.report())
    assert_same_bits(evaluate.state(), WHOLE[0])


@pytest.mark.parametrize("stop", [0, 1, 137, 640])
def test_loaded_scores_go_on_as_if_nothing_had_happened(stop: int) -> None:
    evaluate, other = CONFIG.build(tasks()), CONFIG.build(tasks())
    feed(evaluate, rows(STREAM, 0, stop))
    feed(other, stream(300, seed=1))
    other.load(evaluate.state())
    assert repr(other.report()) == repr(evaluate.report())
    feed(other, rows(STREAM, stop, N_ROWS))
    assert_same_bits(other.state(), WHOLE[0])
    assert repr(other.report()) == WHOLE[1]


def test_state_does_not_change_when_more_is_observed() -> None:
    evaluate = CONFIG.build(tasks())
    feed(evaluate, rows(STREAM, 0, 350))
    state = evaluate.state()
    feed(evaluate, rows(STREAM, 350, N_ROWS))
    again = CONFIG.build(tasks())
    feed(again, rows(STREAM, 0, 350))
    assert_same_bits(state, again.state())


def test_state_holds_only_what_a_checkpoint_can_write() -> None:
    def leaves(tree: Any) -> list[Any]:
        return [leaf for value in tree.values() for leaf in leaves(value)] if isinstance(tree, dict) else [tree]

    for state in (WHOLE[0], CONFIG.build(tasks()).state()):
        for leaf in leaves(state):
            assert leaf is None or type(leaf) in (int, float, np.ndarray)
            assert not isinstance(leaf, float) or np.isfinite(leaf)


def test_state_of_other_tasks_is_refused() -> None:
    with pytest.raises(CheckpointMismatchError, match="cannot take over"):
        CONFIG.build(tasks()[:2]).load(CONFIG.build(tasks()).state())


@pytest.mark.parametrize(("window", "block"), [(20, 20), (150, 30)])
def test_state_of_another_window_or_block_is_refused(window: int, block: int) -> None:
    other = Evaluate.Config(window=window, block=block).build(tasks())
    with pytest.raises(CheckpointMismatchError, match=f"window of {window} labels in blocks of {block}"):
        other.load(WHOLE[0])


@pytest.mark.parametrize("block", [1, 10, 100])
def test_block_size_changes_no_score(block: int) -> None:
    evaluate = Evaluate.Config(window=100, block=block, half_life=5.3).build(tasks())
    feed(evaluate, STREAM, [200, 210])
    assert repr(evaluate.report()) == WHOLE[1]
