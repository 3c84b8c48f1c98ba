"""Features side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from streammtl.encode import RowEncoder
from streammtl.errors import ConfigError
from streammtl.features.boolean import Boolean
from streammtl.features.categorical import Categorical
from streammtl.features.numeric import Numeric
from streammtl.features.time import Time
from streammtl.features.vector import Vector

NAN = np.nan


def test_columns_stand_in_the_order_of_the_features() -> None:
    features = (
        Vector.Config(length=2).build("v"),
        Categorical.Config(table_size=9).build("c"),
        Numeric.Config().build("n"),
        Categorical.Config(table_size=5).build("k"),
        Boolean.Config(field="n").build("b"),
    )
    encoder = RowEncoder(features)
    assert encoder.layout.dense_names == ("v[0]", "v[1]", "n", "b")
    assert encoder.layout.dense_is_scaled == (True, True, True, False)
    assert encoder.layout.category_names == ("c", "k")
    assert encoder.layout.table_sizes == (9, 5)
    columns: dict[str, list[Any]] = {"v": [[1.0, 2.0]], "c": ["x"], "n": [1], "k": [None]}
    dense_BD, category_BC, problems = encoder.encode(columns, np.zeros(1))
    assert dense_BD.tolist() == [[1.0, 2.0, 1.0, 1.0]]
    assert category_BC[0, 0] > 0
    assert category_BC[0, 1] == 0
    assert problems == []
    assert dense_BD.dtype == np.float32
    assert category_BC.dtype == np.int32


def test_a_field_that_is_not_there_is_missing() -> None:
    dense_BD, _, _ = RowEncoder((Numeric.Config().build("n"),)).encode({}, np.zeros(2))
    np.testing.assert_array_equal(dense_BD, [[NAN], [NAN]])


def test_time_without_a_field_is_that_of_the_event() -> None:
    encoder = RowEncoder((Time.Config(parts=("day",)).build("t"),))
    dense_BD, _, _ = encoder.encode({}, np.array([0.0, NAN]))
    np.testing.assert_array_equal(dense_BD, [[0.0, 1.0], [NAN, NAN]])


def test_problems_name_the_feature_and_come_in_order_of_the_rows() -> None:
    encoder = RowEncoder((Boolean.Config().build("b"), Vector.Config(length=1).build("v")))
    *_, problems = encoder.encode({"b": [1, 1, 2], "v": [[], [1.0], [1.0]]}, np.zeros(3))
    assert problems == [
        (0, "feature 'v': expected 1 numbers, found 0"),
        (2, "feature 'b': expected true, false, 1 or 0, found 2"),
    ]


def test_no_row_is_no_problem() -> None:
    features = (Numeric.Config().build("n"), Categorical.Config().build("c"), Time.Config().build("t"))
    dense_BD, category_BC, _ = RowEncoder(features).encode({"n": [], "c": []}, np.zeros(0))
    assert (dense_BD.shape, category_BC.shape) == ((0, 5), (0, 1))


def test_columns_of_one_name_are_refused() -> None:
    features = (Vector.Config(length=1, field="a").build("x"), Numeric.Config(field="b").build("x[0]"))
    with pytest.raises(ConfigError, match=r"columns of the same name: x\[0\]"):
        RowEncoder(features)
