"""What each feature computes, against values worked out by hand or by brute force."""

from __future__ import annotations

import itertools
import math
import re
from typing import Any

import numpy as np
import pytest
import xxhash
from pydantic import ValidationError

from streammtl.features import categorical, text
from streammtl.features.base import to_dense
from streammtl.features.boolean import Boolean
from streammtl.features.categorical import Categorical, category_text
from streammtl.features.numeric import Numeric
from streammtl.features.text import Text
from streammtl.features.time import Time
from streammtl.features.vector import Vector
from streammtl.seeds import named_seed
from streammtl.testing.features import encode

NAN = math.nan


def test_to_dense_takes_what_float32_cannot_hold_as_missing() -> None:
    dense_B = to_dense(np.array([1.0, 3.4e38, 3.5e38, -1e300, math.inf, NAN, 1e-300]))
    np.testing.assert_array_equal(dense_B, np.array([1.0, 3.4e38, NAN, NAN, NAN, NAN, 0.0], dtype=np.float32))


def test_numeric_is_scaled_and_boolean_is_not() -> None:
    assert Numeric.Config().build("x").dense_is_scaled == (True,)
    assert Boolean.Config().build("x").dense_is_scaled == (False,)


def test_log_keeps_the_sign_and_takes_numbers_beyond_float32() -> None:
    dense_BD, _, _ = encode(Numeric.Config(transform="log1p_signed").build("x"), [9.0, -9.0, 0.0, 1e300])
    np.testing.assert_allclose(dense_BD[:, 0], [math.log(10), -math.log(10), 0.0, 300 * math.log(10)], rtol=1e-7)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, "3"),
        (3.0, "3"),
        ("3", "3"),
        ("3.0", "3"),
        (-0.0, "0"),
        (1e22, "1" + "0" * 22),
        (10**22, "1" + "0" * 22),
        ("1e+22", "1" + "0" * 22),
        (0.1, "0.1"),
        ("0.10", "0.10"),
        ("007", "007"),
        ("1_0", "1_0"),
        (True, "true"),
        ("true", "true"),
        ("True", "true"),
        ("Truely", "Truely"),
        (np.float64(3.0), "3"),
        (np.int64(3), "3"),
        (np.True_, "true"),
        ("", None),
        (None, None),
        (NAN, None),
        ("nan", None),
        (-math.inf, None),
    ],
)
def test_a_category_has_one_text_in_all_formats(value: Any, expected: str | None) -> None:
    assert category_text(value) == expected


def test_what_python_writes_for_a_float_is_the_category_of_that_float() -> None:
    numbers = [0.1, -2.5, 3.0, 1e16, 1e22, 1.5e-7, 123456789.0, -0.0]
    assert [category_text(repr(number)) for number in numbers] == [category_text(number) for number in numbers]


def test_row_of_a_category_is_its_seeded_hash() -> None:
    feature = Categorical.Config(table_size=100).build("code", seed=5)
    _, category_BC, _ = encode(feature, ["DE", None])
    expected = 1 + xxhash.xxh3_64_intdigest(b"DE", named_seed(5, "categorical", "code")) % 99
    assert category_BC[:, 0].tolist() == [expected, 0]


def test_seed_and_name_move_the_categories() -> None:
    values = [str(i) for i in range(50)]
    config = Categorical.Config(table_size=1000)
    columns = {
        encode(config.build(name, seed), values)[1].tobytes() for name, seed in (("a", 0), ("a", 1), ("b", 0), ("b", 1))
    }
    assert len(columns) == 4


def test_true_and_1_are_two_categories_in_any_company() -> None:
    feature = Categorical.Config(table_size=1000).build("x")
    alone = [int(encode(feature, [value])[1][0, 0]) for value in (True, 1, "true", "1")]
    together = encode(feature, [True, 1, "true", "1"])[1][:, 0].tolist()
    assert alone == together == [alone[0], alone[1], alone[0], alone[1]]
    assert alone[0] != alone[1]


def test_forgetting_hashes_changes_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    values = [f"v{i % 13} w{i % 7}" for i in range(60)]
    configs = (Categorical.Config(table_size=64), Text.Config(dimensions=8))
    before = [encode(config.build("x"), values) for config in configs]
    monkeypatch.setattr(categorical, "N_REMEMBERED", 4)
    monkeypatch.setattr(text, "N_REMEMBERED", 4)
    for config, (dense_BD, category_BC, _) in zip(configs, before, strict=True):
        after = encode(config.build("x"), values)
        np.testing.assert_array_equal(after[0], dense_BD)
        np.testing.assert_array_equal(after[1], category_BC)


def test_day_and_week_are_circles_that_begin_at_midnight_and_on_monday() -> None:
    monday_s = 1_704_067_200.0  # 2024-01-01 00:00 UTC, a Monday
    feature = Time.Config().build("t")
    assert feature.dense_names == ("t.day_sin", "t.day_cos", "t.week_sin", "t.week_cos")
    np.testing.assert_allclose(encode(feature, [None], monday_s)[0], [[0, 1, 0, 1]], atol=1e-7)
    half_week = encode(feature, [None], monday_s + 3.5 * 86400)[0]
    np.testing.assert_allclose(half_week, [[0, -1, 0, -1]], atol=1e-7)


def test_offset_from_utc_moves_midnight() -> None:
    feature = Time.Config(parts=("day",), utc_offset_h=1.0).build("t")
    np.testing.assert_allclose(encode(feature, [None], 23 * 3600.0)[0], [[0, 1]], atol=1e-7)


def test_time_of_a_field_is_read_in_its_unit() -> None:
    feature = Time.Config(field="opened", time_unit="ms", parts=("day",)).build("t")
    dense_BD, _, problems = encode(feature, [21_600_000, "x"])
    np.testing.assert_allclose(dense_BD, [[1.0, 0.0], [NAN, NAN]], atol=1e-7)
    assert problems[0][0] == 1


def test_text_is_the_normalised_signed_count_of_its_hashed_n_grams() -> None:
    dimensions, seed = 16, named_seed(2, "text", "note")
    values = ["Lost card, lost", "new CARD", "ä"]
    expected_BD = np.zeros((3, dimensions))
    for row, value in enumerate(values):
        words = re.findall(r"\w+", value.lower())
        for gram in [*words, *(f"{a} {b}" for a, b in itertools.pairwise(words))]:
            digest = xxhash.xxh3_64_intdigest(gram.encode(), seed)
            expected_BD[row, digest % dimensions] += -1 if digest >> 63 else 1
        expected_BD[row] /= np.linalg.norm(expected_BD[row])
    dense_BD, _, _ = encode(Text.Config(dimensions=dimensions).build("note", seed=2), values)
    np.testing.assert_allclose(dense_BD, expected_BD, rtol=1e-6)


def test_characters_are_taken_across_single_spaces() -> None:
    feature = Text.Config(unit="characters", min_n=2, max_n=2, dimensions=64).build("code")
    dense_BD, _, _ = encode(feature, ["a  b", "a\tb", "ab"])
    np.testing.assert_array_equal(dense_BD[0], dense_BD[1])
    assert not np.array_equal(dense_BD[0], dense_BD[2])


def test_text_beyond_the_limit_is_not_read() -> None:
    feature = Text.Config(max_characters=5).build("note")
    dense_BD, _, _ = encode(feature, ["aa bb", "aa bb cc"])
    np.testing.assert_array_equal(dense_BD[0], dense_BD[1])


def test_text_whose_n_grams_cancel_is_zero_and_not_missing() -> None:
    feature = Text.Config(dimensions=1, max_n=1).build("note")
    one_D = {word: encode(feature, [word])[0][0, 0] for word in ("a", "b", "c", "d", "e", "f")}
    plus = next(word for word, value in one_D.items() if value > 0)
    minus = next(word for word, value in one_D.items() if value < 0)
    assert encode(feature, [f"{plus} {minus}"])[0].tolist() == [[0.0]]


def test_text_settings_must_make_sense() -> None:
    with pytest.raises(ValidationError, match=r"min_n \(3\) must not be greater than max_n \(2\)"):
        Text.Config(min_n=3)


def test_vector_may_be_left_unscaled() -> None:
    assert Vector.Config(length=2, scaled=False).build("v").dense_is_scaled == (False, False)
    assert Vector.Config(length=2).build("v").dense_names == ("v[0]", "v[1]")


def test_a_vector_of_nulls_alone_is_missing_however_long() -> None:
    feature = Vector.Config(length=2).build("v")
    forms: list[Any] = [[[None, None, None], [1.0, 2.0]], np.array([[np.nan] * 2, [1.0, 2.0]])]
    for values in forms:
        dense_BD = np.zeros((2, 2), dtype=np.float32)
        assert feature.encode(values, np.zeros(2), dense_BD, np.zeros((2, 0), dtype=np.int32)) == []
        assert np.isnan(dense_BD[0]).all()
        assert dense_BD[1].tolist() == [1.0, 2.0]


def test_vectors_of_another_length_are_problems_in_both_forms() -> None:
    feature = Vector.Config(length=2).build("v")
    expected = [(0, "expected 2 numbers, found 3")]
    forms: list[Any] = [[[1.0, 2.0, None], None], np.array([[1.0, 2.0, np.nan], [np.nan] * 3])]
    for values in forms:
        dense_BD = np.zeros((2, 2), dtype=np.float32)
        assert feature.encode(values, np.zeros(2), dense_BD, np.zeros((2, 0), dtype=np.int32)) == expected
