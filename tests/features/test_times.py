"""How a time is read."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from streammtl.times import TimeUnit, read_times

NAN = math.nan


@pytest.mark.parametrize(
    ("unit", "value", "seconds"),
    [
        ("auto", 1_700_000_000, 1_700_000_000.0),
        ("auto", 1_700_000_000.25, 1_700_000_000.25),
        ("auto", 1_700_000_000_250, 1_700_000_000.25),
        ("auto", "1700000000250", 1_700_000_000.25),
        ("auto", "20240101", 20_240_101.0),
        ("auto", "2024-01-01", 1_704_067_200.0),
        ("auto", -1000, -1000.0),
        ("s", 200_000_000_000, 200_000_000_000.0),
        ("s", "12.5", 12.5),
        ("s", "1970-01-01T00:00:01", 1.0),
        ("ms", 12_500, 12.5),
        ("ms", 1e-3, 1e-6),
        ("iso", "1970-01-02", 86_400.0),
        ("iso", "19700102", 86_400.0),
        ("iso", "1970-01-01T00:00:00.5Z", 0.5),
        ("iso", "1970-01-01 02:00+02:00", 0.0),
        ("iso", "1969-12-31T23:59:59", -1.0),
    ],
)
def test_time_is_read_by_its_unit(unit: TimeUnit, value: Any, seconds: float) -> None:
    """Alone, beside a value of its own kind, and beside one of another kind."""
    for values in ([value], [value, value], [value, None]):
        seconds_B, problems = read_times(values, unit)
        assert seconds_B[0] == seconds
        assert problems == []


@pytest.mark.parametrize("value", [None, "", NAN, math.inf])
def test_missing_time_is_nan_and_no_problem(value: Any) -> None:
    seconds_B, problems = read_times([value, 5], "s")
    np.testing.assert_array_equal(seconds_B, [NAN, 5.0])
    assert problems == []


@pytest.mark.parametrize(
    ("unit", "value"),
    [
        ("auto", "yesterday"),
        ("auto", "1e999"),
        ("auto", True),
        ("auto", 10**400),
        ("auto", 1e300),
        ("auto", "1899-12-31T23:59:59"),
        ("auto", 253_402_300_800_000),
        ("s", 253_402_300_800),
        ("s", -3_000_000_000),
        ("iso", 5),
        ("iso", "12.5"),
        ("iso", "0001-01-01T00:00:00+14:00"),
    ],
)
def test_bad_time_is_a_problem_of_its_row_only(unit: TimeUnit, value: Any) -> None:
    good = "2024-01-01T00:00:00"
    seconds_B, problems = read_times([good, value, good], unit)
    np.testing.assert_array_equal(seconds_B, [1_704_067_200.0, NAN, 1_704_067_200.0])
    assert [row for row, _ in problems] == [1]
    assert read_times([value], unit)[1][0][1] == problems[0][1]
