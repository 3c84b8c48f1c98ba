"""Limits of rejected records, counted along the stream and not by turns."""

from __future__ import annotations

import numpy as np
import pytest

from streammtl.errors import LimitError
from streammtl.limits import Limits
from streammtl.run.limits import RejectLimits


def stops_at(limits: Limits, marks: str, size: int) -> int | None:
    """After how many records of `x` (rejected) and `.`, taken `size` at a time, the limit says stop."""
    checked = RejectLimits(limits)
    for start in range(0, len(marks), size):
        part = marks[start : start + size]
        try:
            checked.check(np.array([mark == "x" for mark in part], np.bool_))
        except LimitError:
            return start + len(part)
    return None


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("marks", "passes"),
    [("xx.xx.xx", True), ("xxx", False), (".xxx.", False), ("x.x.x.x.x", True), ("xx.xxx", False), ("", True)],
)
def test_records_in_a_row_are_counted_across_turns(marks: str, passes: bool, size: int) -> None:
    assert (stops_at(Limits(rejects_in_row=2), marks, size) is None) == passes


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("marks", "passes"),
    [
        ("xx", True),  # no whole window yet
        ("xx..", True),
        ("xxx.", False),
        ("..xx..xx..xx", True),
        ("....x.xx....", False),
    ],
)
def test_the_share_is_that_of_every_window_of_the_stream(marks: str, passes: bool, size: int) -> None:
    limits = Limits(rejects_ratio=0.5, rejects_window=4)
    assert (stops_at(limits, marks, size) is None) == passes


def test_by_single_records_the_stop_is_at_the_first_that_is_too_much() -> None:
    assert stops_at(Limits(rejects_in_row=2), "..xxxx", 1) == 5
    assert stops_at(Limits(rejects_ratio=0.5, rejects_window=4), "..xxxx", 1) == 5


def test_without_limits_everything_passes() -> None:
    assert stops_at(Limits(), "x" * 1000, 7) is None
