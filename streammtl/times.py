"""Event times: from what stands in a record to seconds since the epoch.

A number counts seconds or milliseconds; text is a number or ISO 8601. Text without an offset from UTC is UTC.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

import msgspec
import numpy as np

from streammtl.types import Floats

#: How a time is read. `s`, `ms`: what a number counts. `auto`: milliseconds above `MILLISECONDS_ABOVE`, else seconds.
#: In these three, text is a number if it reads as one, else ISO 8601. `iso`: ISO 8601 text only.
TimeUnit: TypeAlias = Literal["auto", "s", "ms", "iso"]

#: As seconds, 1e11 lies in the year 5138; as milliseconds, in March 1973.
MILLISECONDS_ABOVE = 1e11

EARLIEST_S = -2_208_988_800.0  # 1900-01-01
LATEST_S = 253_402_300_800.0  # 10000-01-01, excluded

_EPOCH = datetime(1970, 1, 1)
_EPOCH_UTC = datetime(1970, 1, 1, tzinfo=UTC)


def read_times(values: Sequence[Any], unit: TimeUnit = "auto") -> tuple[Floats, list[tuple[int, str]]]:
    """Seconds since the epoch, and what is wrong with which value.

    `values` hold None, numbers or text. A missing value (None, empty text, NaN, infinity) is NaN and no problem; a
    problem's second is NaN too.

    >>> read_times(["1996-05-07T00:30:00", 831429000, None])
    (array([8.31429e+08, 8.31429e+08,         nan]), [])
    """
    seconds_B = _read_fast(values, unit)
    problems: list[tuple[int, str]] = []
    if seconds_B is None:
        seconds_B = np.full(len(values), np.nan)
        for row, value in enumerate(values):
            try:
                seconds_B[row] = _read_one(value, unit)
            except (ValueError, OverflowError, TypeError):
                problems.append((row, f"expected a time ({_EXPECTED[unit]}), found {_short(value)}"))
    with np.errstate(invalid="ignore"):
        outside_B = (seconds_B < EARLIEST_S) | (seconds_B >= LATEST_S)
    for row in np.flatnonzero(outside_B).tolist():
        problems.append((row, f"the time {_short(values[row])} is not between the years 1900 and 9999"))
        seconds_B[row] = np.nan
    return seconds_B, sorted(problems)


def times_of_numbers(number_B: Floats, unit: TimeUnit) -> Floats:
    """Seconds since the epoch of numbers, in another unit than `iso`; NaN where missing, or outside all years.

    >>> times_of_numbers(np.array([831429000.0, 831429000500.0, 1e300]), "auto")
    array([8.31429e+08, 8.31429e+08,         nan])
    """
    seconds_B = _scale(number_B.copy(), unit)
    with np.errstate(invalid="ignore"):
        seconds_B[~((seconds_B >= EARLIEST_S) & (seconds_B < LATEST_S))] = np.nan
    return seconds_B


_EXPECTED = {
    "auto": "epoch seconds or milliseconds, or ISO 8601",
    "s": "epoch seconds or ISO 8601",
    "ms": "epoch milliseconds or ISO 8601",
    "iso": "ISO 8601 text",
}


def _read_fast(values: Sequence[Any], unit: TimeUnit) -> Floats | None:
    """A whole column of one kind at once; None when it is not of one kind, or when anything is wrong with it."""
    kinds = set(map(type, values))
    try:
        if kinds <= {int, float} and unit != "iso":
            return _scale(np.array(values, dtype=np.float64), unit)
        if kinds != {str}:
            return None
        if unit != "iso" and _as_number(values[0]) is not None:
            return _scale(np.array(msgspec.convert(values, list[float], strict=False)), unit)
        if unit != "iso" and any(map(str.isdigit, values)):
            return None
        return np.array([_read_iso(value) for value in values])
    except (ValueError, OverflowError, msgspec.ValidationError):
        return None


def _read_one(value: Any, unit: TimeUnit) -> float:
    if value is None or value == "":
        return math.nan
    if isinstance(value, str):
        number = None if unit == "iso" else _as_number(value)
        return _read_iso(value) if number is None else float(_scale(np.array([number]), unit)[0])
    if isinstance(value, bool) or not isinstance(value, int | float) or unit == "iso":
        raise TypeError("not a time")
    return float(_scale(np.array([float(value)]), unit)[0])


def _as_number(text: str) -> float | None:
    try:
        return msgspec.convert(text, float, strict=False)
    except msgspec.ValidationError:
        return None


def _read_iso(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment - (_EPOCH if moment.tzinfo is None else _EPOCH_UTC)).total_seconds()


def _scale(number_B: Floats, unit: TimeUnit) -> Floats:
    number_B[~np.isfinite(number_B)] = np.nan
    if unit == "s":
        return number_B
    if unit == "ms":
        return number_B / 1000.0
    return np.where(np.abs(number_B) > MILLISECONDS_ABOVE, number_B / 1000.0, number_B)


def _short(value: Any) -> str:
    if isinstance(value, int) and value.bit_length() > 200:
        return "an integer of more than 60 digits"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
