"""Checks that every feature passes.

    @pytest.mark.parametrize("kind", sorted(members("features")))
    def test_rows_are_independent(kind):
        check_rows_are_independent(EXAMPLES[kind])

A feature of your own gets an `Example` of its own. Shape suffixes as in `streammtl.features.base`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from streammtl.features.base import Feature, FeatureProblem
from streammtl.features.boolean import Boolean
from streammtl.features.categorical import Categorical
from streammtl.features.numeric import Numeric
from streammtl.features.text import Text
from streammtl.features.time import Time
from streammtl.features.vector import Vector
from streammtl.types import Floats32, Ints32

#: The event time of a row; one value in the middle of every sequence has none.
_TIME_S = 1_700_000_000.0

#: Numbers at the ends of what floats can hold.
EXTREMES = (1e30, -1e30, 1e-30, 3.5e38, 1e308, -1e308, 5e-324, 0.0, -0.0, 10**300, math.inf, -math.inf, math.nan)


@dataclass(frozen=True)
class Example:
    """Settings of a feature, values that it takes, and values of the right type that it must report as problems."""

    config: Feature.Config
    values: tuple[Any, ...]
    problems: tuple[Any, ...] = ()

    def build(self, seed: int = 0) -> Feature:
        """The feature."""
        return self.config.build("example", seed)


_TIMES: tuple[Any, ...] = ("2024-02-29T23:59:59", 1_700_000_000, 1_700_000_000_123, "2024-01-01T00:00:00+02:00", 0)
_BAD_TIMES: tuple[Any, ...] = ("yesterday", 1e300, "1066-10-14", "")

EXAMPLES: dict[str, Example] = {
    "numeric": Example(Numeric.Config(), (1.5, -2, 0, 1e30, 1e-30)),
    "numeric-log": Example(Numeric.Config(transform="log1p_signed"), (1.5, -2, 0, 1e300)),
    "boolean": Example(Boolean.Config(), (True, False, 1, 0, 1.0, 0.0), (2, 0.5, -1, 10**400)),
    "categorical": Example(Categorical.Config(table_size=16), ("a", "b", 3, 3.5, True, False, "x" * 500, "\ud800")),
    "time": Example(Time.Config(), ()),
    "time-field": Example(Time.Config(field="when", utc_offset_h=-5.5), _TIMES, _BAD_TIMES[:3]),
    "vector": Example(Vector.Config(length=2), ([1.0, -2.0], [0.0, 1e30]), ([], [1.0], [1.0, 2.0, 3.0])),
    "text": Example(Text.Config(dimensions=8), ("Card lost", "lost", "a b c d", "\ud800 x")),
    "text-characters": Example(
        Text.Config(dimensions=8, unit="characters", min_n=2, max_n=3), ("AB-12", "ab", "x  y\tz")
    ),
}


def check_names_are_unique(example: Example) -> None:
    """Columns have names of their own that begin with the feature's, and one scale or table size each."""
    feature = example.build()
    names = (*feature.dense_names, *feature.category_names)
    assert names, "the feature has no column"
    assert len(set(names)) == len(names)
    assert all(name.startswith("example") for name in names)
    assert len(feature.dense_is_scaled) == len(feature.dense_names)
    assert len(feature.table_sizes) == len(feature.category_names)
    assert all(size >= 2 for size in feature.table_sizes)


def check_wire_type_takes_the_values(example: Example) -> None:
    """The typed decoder takes every value of the example as it is."""
    feature = example.build()
    for value in (*example.values, *example.problems):
        msgspec.convert(value, feature.wire_type)


def check_every_cell_is_written(example: Example) -> None:
    """What was in the row before does not show; numbers are finite or NaN, categories within their table."""
    feature = example.build()
    values = _values(example)
    first = encode(feature, values, fill=7)
    second = encode(feature, values, fill=9)
    _assert_equal(first, second)
    dense_BD, category_BC, _ = first
    assert np.all(np.isfinite(dense_BD) | np.isnan(dense_BD))
    assert np.all((category_BC >= 0) & (category_BC < np.array(feature.table_sizes, dtype=np.int32)))


def check_missing_is_not_a_value(example: Example) -> None:
    """Missing is NaN or row 0 in every column; no value is all NaN, nor row 0 anywhere."""
    feature = example.build()
    dense_BD, category_BC, problems = encode(feature, [None], time_s=math.nan)
    assert np.isnan(dense_BD).all()
    assert (category_BC == 0).all()
    assert problems == []
    dense_BD, category_BC, problems = encode(feature, list(example.values) or [None])
    assert problems == []
    assert not np.isnan(dense_BD).any()
    assert (category_BC > 0).all()


def check_rows_are_independent(example: Example) -> None:
    """A row is the same, bit for bit, alone and among others, in any order."""
    feature = example.build()
    values = _values(example) * 7  # enough rows that vectorised code works on full vectors and on a rest
    together = encode(feature, values)
    backwards = encode(feature, values[::-1])
    n_rows = len(values)
    for row, value in enumerate(values):
        dense_D, category_C, problems = encode(example.build(), [value])
        np.testing.assert_array_equal(together[0][row], dense_D[0])
        np.testing.assert_array_equal(together[1][row], category_C[0])
        np.testing.assert_array_equal(backwards[0][n_rows - 1 - row], dense_D[0])
        assert [detail for at, detail in together[2] if at == row] == [detail for _, detail in problems]


def check_numbers_may_be_an_array(example: Example) -> None:
    """Where the field may hold a float, an array of floats means what a list of them means, NaN being None."""
    feature = example.build()
    if feature.field is None or not _takes(feature, 0.5):
        return
    numbers = [None, 0.5, 1.0, 0.0, -0.0, 1e30, -1e-30, 3.5e38, 1e308]
    as_array: Any = np.array(numbers, dtype=np.float64)
    _assert_equal(encode(feature, as_array), encode(example.build(), numbers))


def check_problems_are_reported(example: Example) -> None:
    """Each value that cannot be used is reported once, under its row, in words."""
    feature = example.build()
    values = _values(example)
    *_, problems = encode(feature, values)
    expected = [row for row, value in enumerate(values) if any(value is bad for bad in example.problems)]
    assert [row for row, _ in problems] == expected
    assert all(detail for _, detail in problems)


def check_same_seed_same_columns(example: Example) -> None:
    """Two features of the same configuration, name and seed agree; what came before does not matter."""
    one, other = example.build(seed=3), example.build(seed=3)
    values = _values(example)
    encode(one, values[::-1])
    _assert_equal(encode(one, values), encode(other, values))


def check_extremes_stay_finite(example: Example) -> None:
    """Numbers at the ends of float64 become finite numbers or missing, without a warning."""
    feature = example.build()
    for number in EXTREMES:
        value: Any = number
        try:
            value = msgspec.convert(number, feature.wire_type)
        except msgspec.ValidationError:
            value = [number] * len(feature.dense_names)
            if not _takes(feature, value):
                continue
        dense_BD, category_BC, _ = encode(feature, [value])
        assert not np.isinf(dense_BD).any()
        if not math.isfinite(number) and feature.field is not None:
            assert np.isnan(dense_BD).all()
            assert (category_BC == 0).all()


def encode(
    feature: Feature, values: Sequence[Any], time_s: float = _TIME_S, fill: int = 7
) -> tuple[Floats32, Ints32, list[FeatureProblem]]:
    """The columns of `values` and the problems; `fill` is in the columns before."""
    dense_BD = np.full((len(values), len(feature.dense_names)), fill, dtype=np.float32)
    category_BC = np.full((len(values), len(feature.category_names)), fill, dtype=np.int32)
    given = values if feature.field is not None else ()
    problems = feature.encode(given, np.full(len(values), time_s), dense_BD, category_BC)
    return dense_BD, category_BC, problems


def _values(example: Example) -> list[Any]:
    return [None, *example.values, None, *example.problems]


def _takes(feature: Feature, value: Any) -> bool:
    try:
        msgspec.convert(value, feature.wire_type)
    except msgspec.ValidationError:
        return False
    return True


def _assert_equal(
    one: tuple[Floats32, Ints32, list[FeatureProblem]], other: tuple[Floats32, Ints32, list[FeatureProblem]]
) -> None:
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])
    assert one[2] == other[2]
