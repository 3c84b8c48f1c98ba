"""Reading a column of labels: whole columns at once in the common case, one by one where something is unusual."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from types import NoneType
from typing import Any

import numpy as np

from streammtl.tasks.base import LabelProblem
from streammtl.types import Floats

#: Largest size of a numeric label: its square, summed over any stream, stays far from the end of float64.
LABEL_LIMIT = 1e30

_PLAIN_NUMBERS = frozenset({float, int, NoneType})


def read_numbers(values: Sequence[Any], low: float, high: float) -> tuple[Floats, list[LabelProblem]]:
    """Numbers between `low` and `high`, or text that stands for one; NaN for None and for a problem's row."""
    if _PLAIN_NUMBERS.issuperset(map(type, values)):
        try:
            label_B = np.array(values, dtype=np.float64)
        except OverflowError:  # an integer beyond float64
            pass
        else:
            n_readable = int(np.count_nonzero((label_B >= low) & (label_B <= high)))
            if n_readable + values.count(None) == len(values):
                return label_B, []
    return read_each(values, lambda value: _read_number(value, low, high))


def read_known(values: Sequence[Any], label_of: Mapping[Any, float]) -> Floats:
    """The labels of the values that the mapping knows; NaN elsewhere."""
    try:
        return np.array(list(map(label_of.get, values)), dtype=np.float64)
    except TypeError:  # a value that cannot be a key, such as a list
        return np.array(
            [label_of.get(value) if isinstance(value, Hashable) else None for value in values], dtype=np.float64
        )


def read_each(values: Sequence[Any], read: Callable[[Any], float]) -> tuple[Floats, list[LabelProblem]]:
    """One by one; `read` raises ValueError with what is wrong."""
    label_B = np.full(len(values), np.nan)
    problems: list[LabelProblem] = []
    for row, value in enumerate(values):
        if value is None:
            continue
        try:
            label_B[row] = read(value)
        except ValueError as error:
            problems.append((row, str(error)))
    return label_B, problems


def shown(value: Any) -> str:
    """A value as a message shows it: never long."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _read_number(value: Any, low: float, high: float) -> float:
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, bool) or not isinstance(plain, int | float | str):
        raise ValueError(f"expected a number, found {shown(value)}")
    try:
        number = float(plain)
    except (ValueError, OverflowError):
        raise ValueError(f"expected a number, found {shown(value)}") from None
    if not low <= number <= high:
        raise ValueError(f"expected a number between {low:g} and {high:g}, found {shown(value)}")
    return number
