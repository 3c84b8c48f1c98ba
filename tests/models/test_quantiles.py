"""Tails and bins of dense values by running quantiles, against brute force. Shape suffixes as in `streammtl.types`."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from typing import Any

import numpy as np
import pytest

from streammtl.models._mlp_quantiles import Quantiles
from streammtl.testing.models import assert_same_state, cut
from streammtl.types import Floats32, Ints32, Ops, RowLayout
from tests.models.sampled import Sample

nan = math.nan
LAYOUT = RowLayout(("x", "y"), (True, True), ("m",), (5,))
N_PARTS = 8


def predicts(x_RD: Any) -> Ops:
    dense_RD = np.asarray(x_RD, dtype=np.float32)
    n_rows = len(dense_RD)
    category_RC = (np.arange(n_rows, dtype=np.int32) % 5)[:, None]
    return Ops(np.zeros(n_rows, dtype=bool), np.arange(n_rows), np.full((n_rows, 1), nan), dense_RD, category_RC)


def bins_of(x_R: Any) -> Ints32:
    """The bins of the first column."""
    x_RD = np.column_stack((x_R, np.zeros(len(x_R))))
    placed = Quantiles(LAYOUT, True, N_PARTS).place(predicts(x_RD))
    bins_R: Ints32 = placed.category_RC[placed.row_N, 1]
    return bins_R


class BruteForce:
    """One column: keeps the sample, sorts it when it is due, counts edges."""

    def __init__(self) -> None:
        self.sample = Sample()
        self.edges: list[float] = []

    def bin_of(self, value: float) -> int:
        if not math.isfinite(value):
            return 0
        if ordered := self.sample.take(value):
            self.edges = [ordered[(q * len(ordered)) // N_PARTS] for q in range(1, N_PARTS)]
        return 1 + bisect_left(self.edges, value) + bisect_right(self.edges, value)


def stream(n_rows: int) -> Floats32:
    rng = np.random.default_rng(0)
    x_R = np.where(rng.random(n_rows) < 0.4, 0.0, rng.normal(size=n_rows)).astype(np.float32)
    x_R[rng.random(n_rows) < 0.1] = rng.choice([nan, math.inf, -math.inf])
    return x_R


def test_bins_are_those_of_brute_force() -> None:
    x_R = stream(12_000)
    column = BruteForce()
    assert bins_of(x_R).tolist() == [column.bin_of(float(value)) for value in x_R]


def test_edges_are_quantiles_of_the_values() -> None:
    bins = Quantiles(LAYOUT, True, N_PARTS)
    x_R = np.random.default_rng(0).permutation(256).astype(np.float32)
    bins.place(predicts(np.column_stack((x_R, -x_R))))
    np.testing.assert_array_equal(bins.edge_ZQ[0, : N_PARTS - 1], [32, 64, 96, 128, 160, 192, 224])
    assert (bins.edge_ZQ[:, N_PARTS - 1 :] == math.inf).all()


def test_parts_hold_about_as_many_values_each() -> None:
    x_R = np.random.default_rng(0).normal(size=20_000)
    counts = np.bincount(bins_of(x_R)[-4000:], minlength=2 * N_PARTS)
    assert counts[1::2].min() > 0.6 * 4000 / N_PARTS
    assert counts[1::2].max() < 1.5 * 4000 / N_PARTS
    assert counts[0] == 0


def test_a_value_that_half_of_the_rows_have_gets_a_bin_of_its_own() -> None:
    rng = np.random.default_rng(0)
    x_R = np.where(rng.random(2000) < 0.5, 7.0, rng.normal(7.0, 1.0, size=2000))
    bins_R = bins_of(x_R)[1024:]  # then edges stay until there are 2,048 values
    is_seven_R = x_R[1024:] == 7.0
    (of_seven,) = set(bins_R[is_seven_R].tolist())
    assert of_seven not in bins_R[~is_seven_R]


@pytest.mark.parametrize("missing", [nan, math.inf, -math.inf])
def test_what_is_missing_is_in_bin_0_and_enters_no_sample(missing: float) -> None:
    x_R = np.arange(64.0)
    with_missing = np.insert(x_R, np.arange(0, 64, 4), missing)
    is_missing = ~np.isfinite(with_missing)
    found_R = bins_of(with_missing)
    assert (found_R[is_missing] == 0).all()
    np.testing.assert_array_equal(found_R[~is_missing], bins_of(x_R))


def test_before_there_are_edges_all_values_are_in_one_bin() -> None:
    assert set(bins_of(np.arange(31.0)).tolist()) == {1}


@pytest.mark.parametrize("value", [0.0, 1e30, -3.4e38, 1e-40])
def test_a_constant_column_has_one_bin(value: float) -> None:
    assert len(set(bins_of(np.full(200, value))[32:].tolist())) == 1


def test_bins_lie_within_their_table() -> None:
    largest = np.finfo(np.float32).max
    bins_R = bins_of([*np.arange(64.0), largest, -largest])
    bins = Quantiles(LAYOUT, True, N_PARTS)
    assert bins.binned_layout.table_sizes == (5, 2 * N_PARTS, 2 * N_PARTS)
    assert bins_R.max() == 2 * N_PARTS - 1
    assert bins_R.min() >= 1


def test_a_changed_stream_is_followed_within_the_memory_of_the_sample() -> None:
    rng = np.random.default_rng(0)
    bins = Quantiles(LAYOUT, True, N_PARTS)
    for loc, n_rows in ((0.0, 40_000), (100.0, 4 * 16_384)):
        bins.place(predicts(rng.normal(loc, 1.0, size=(n_rows, 2))))
    median = float(bins.edge_ZQ[0, N_PARTS // 2 - 1])
    assert median == pytest.approx(100.0, abs=0.3)


def test_categories_and_dense_values_stay_as_they_are() -> None:
    ops = predicts(np.random.default_rng(0).normal(size=(100, 2)))
    placed = Quantiles(LAYOUT, True, N_PARTS).place(ops)
    np.testing.assert_array_equal(placed.dense_RD[placed.row_N, :2], ops.dense_RD)
    np.testing.assert_array_equal(placed.category_RC[placed.row_N, :1], ops.category_RC)


@pytest.mark.parametrize("size", [1, 7, 64])
def test_they_do_not_depend_on_cuts_and_resume_to_the_last_bit(size: int) -> None:
    rng = np.random.default_rng(0)
    x_RD = rng.normal(size=(300, 2))
    row_N = rng.integers(0, 300, size=600)
    is_learn_N = rng.random(600) < 0.6  # more rows learned than predicted: some enter when they are learned
    given = predicts(x_RD)
    ops = Ops(is_learn_N, row_N, np.zeros((600, 1)), given.dense_RD, given.category_RC)
    whole, pieces = Quantiles(LAYOUT, True, N_PARTS), Quantiles(LAYOUT, True, N_PARTS)
    expected = whole.place(ops)
    found = []
    for piece in cut(ops, size):
        resumed = Quantiles(LAYOUT, True, N_PARTS)
        resumed.load(pieces.state())
        pieces = resumed
        contiguous = Ops(
            piece.is_learn_N,
            np.ascontiguousarray(piece.row_N),
            piece.labels_NT,
            np.ascontiguousarray(piece.dense_RD),
            np.ascontiguousarray(piece.category_RC),
        )
        placed = pieces.place(contiguous)
        found.append(np.column_stack((placed.category_RC[placed.row_N], placed.dense_RD[placed.row_N])))
    all_expected = np.column_stack((expected.category_RC[expected.row_N], expected.dense_RD[expected.row_N]))
    assert all_expected[:, -2:].any()  # tails
    np.testing.assert_array_equal(np.concatenate(found), all_expected)
    assert_same_state(pieces.state(), whole.state())
    np.testing.assert_array_equal(pieces.edge_ZQ, whole.edge_ZQ)


def test_only_standardised_columns_have_bins() -> None:
    layout = RowLayout(("vector", "x"), (False, True), ("m",), (5,))
    x_R = np.arange(64.0)
    placed = Quantiles(layout, True, N_PARTS).place(predicts(np.column_stack((np.zeros(64), x_R))))
    assert placed.category_RC.shape == (64, 2)
    np.testing.assert_array_equal(placed.category_RC[:, 1], bins_of(x_R))


def test_a_state_holds_finite_numbers_only() -> None:
    state = Quantiles(LAYOUT, True, N_PARTS).state()
    assert all(np.isfinite(value).all() for value in state.values())
