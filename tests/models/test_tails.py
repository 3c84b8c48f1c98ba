"""Tails of dense values by running quantiles, and what they are good for. Shape suffixes as in `streammtl.types`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from streammtl.models._mlp_quantiles import Quantiles
from streammtl.models._quantiles import sort
from streammtl.models.optimizers import Factored
from streammtl.tasks.regression import RegressionTask
from streammtl.testing.models import LAYOUT as SMALL_LAYOUT
from streammtl.types import Floats, Floats32, Ops, RowLayout
from tests.models.sampled import Sample
from tests.models.small import build, explained, one, rows_in_order

nan, inf = math.nan, math.inf
LAYOUT = RowLayout(("x",), (True,), (), ())


def predicts(x_R: Any) -> Ops:
    dense_RD = np.asarray(x_R, dtype=np.float32)[:, None]
    n_rows = len(dense_RD)
    no_categories = np.zeros((n_rows, 0), dtype=np.int32)
    return Ops(np.zeros(n_rows, dtype=bool), np.arange(n_rows), np.full((n_rows, 1), nan), dense_RD, no_categories)


def tails_of(x_R: Any) -> Floats32:
    placed = Quantiles(LAYOUT, True, None).place(predicts(x_R))
    tails_R: Floats32 = placed.dense_RD[placed.row_N, 1]
    return tails_R


class BruteForce:
    """Keeps the sample, and finds where the tails begin when it is due."""

    def __init__(self) -> None:
        self.sample = Sample()
        self.sides: list[tuple[float, float]] = [(0.0, inf), (0.0, inf)]  # where a tail begins, its mean length

    def tail_of(self, value: float) -> float:
        if not math.isfinite(value):
            return 0.0
        if ordered := self.sample.take(value):
            n_beyond = len(ordered) // 64
            self.sides = [self.side(ordered, n_beyond), self.side(ordered[::-1], n_beyond)]
        (low, below), (high, above) = self.sides
        return math.log1p(max(value - high, 0.0) / above) - math.log1p(max(low - value, 0.0) / below)

    @staticmethod
    def side(ordered: list[float], n_beyond: int) -> tuple[float, float]:
        edge = ordered[n_beyond]
        lengths = [abs(value - edge) for value in ordered[:n_beyond] if value != edge]
        return edge, sum(lengths) / len(lengths) if lengths else inf


def test_tails_are_those_of_brute_force() -> None:
    rng = np.random.default_rng(0)
    x_R = np.where(rng.random(9000) < 0.9, 0.0, rng.normal(size=9000) ** 3).astype(np.float32)
    x_R[rng.random(9000) < 0.1] = rng.choice([nan, inf, -inf])
    column = BruteForce()
    expected = [column.tail_of(float(value)) for value in x_R]
    assert min(expected) < -1.0 < 1.0 < max(expected)
    np.testing.assert_allclose(tails_of(x_R), expected, rtol=1e-6)


def test_one_value_in_64_lies_in_either_tail() -> None:
    tails_R = tails_of(np.random.default_rng(0).normal(size=40_000))[4096:]
    for share in ((tails_R < 0.0).mean(), (tails_R > 0.0).mean()):
        assert 0.5 / 64 < share < 2.0 / 64


def test_values_beyond_an_edge_by_the_mean_length_have_a_tail_of_log_2() -> None:
    x_R = np.arange(64.0)  # the least and the largest lie beyond the edges 1 and 62, each by 1
    found_R = tails_of([*x_R, 30.0, 62.0, 63.0, 65.0, 1.0, 0.0, -6.0])[64:]
    log = math.log(2.0)
    np.testing.assert_allclose(found_R, [0.0, 0.0, log, 2.0 * log, 0.0, -log, -3.0 * log], rtol=1e-6)


def test_before_there_are_64_values_there_are_no_tails() -> None:
    assert not tails_of([*np.arange(62.0), 1e9]).any()


@pytest.mark.parametrize("missing", [nan, inf, -inf])
def test_what_is_missing_has_no_tail_and_enters_no_sample(missing: float) -> None:
    x_R = np.random.default_rng(0).normal(size=300)
    with_missing = np.insert(x_R, np.arange(0, 300, 4), missing)
    is_missing = ~np.isfinite(with_missing)
    found_R = tails_of(with_missing)
    assert not found_R[is_missing].any()
    np.testing.assert_array_equal(found_R[~is_missing], tails_of(x_R))


@pytest.mark.parametrize("value", [0.0, 1e30, -3.4e38, 1e-40])
def test_a_constant_column_has_no_tails(value: float) -> None:
    assert not tails_of(np.full(200, value)).any()


def test_tails_are_finite_however_far_the_values_lie() -> None:
    largest = float(np.finfo(np.float32).max)
    tails_R = tails_of([*np.linspace(0.0, 1e-28, 64), largest, -largest])
    assert np.isfinite(tails_R).all()
    assert tails_R[64] > 100.0 > -100.0 > tails_R[65]


def test_samples_are_sorted_as_numbers() -> None:
    rng = np.random.default_rng(0)
    values = (rng.normal(size=512) * 10.0 ** rng.integers(-44, 38, size=512)).astype(np.float32)
    values[::7], values[1::7] = 0.0, -0.0
    expected = np.sort(values)
    sort(values)
    np.testing.assert_array_equal(values, expected)


def at_the_end_of_a_column(n_rows: int) -> tuple[Floats, Floats]:
    """A feature whose least values are rare and close to each other, and a label that depends on nothing else."""
    rng = np.random.default_rng(0)
    x_R = np.maximum(rng.normal(80.0, 35.0, size=n_rows), rng.uniform(1.0, 10.0, size=n_rows))
    return x_R[:, None], (300.0 / x_R + rng.normal(size=n_rows))[:, None]


def test_what_depends_on_the_end_of_a_column_is_learned_with_tails() -> None:
    x_R1, labels_R1 = at_the_end_of_a_column(6000)
    found = {}
    for tails in (True, False):
        model = build((RegressionTask.Config().build("y"),), one(Factored(rate=0.04), tails=tails))
        outputs_R = model.advance(rows_in_order(x_R1, labels_R1), np.ones(1)).outputs_PO[:, 0]
        found[tails] = explained(outputs_R[3000:], labels_R1[3000:, 0])
    assert found[True] > 0.8
    assert found[True] > found[False] + 0.1


def test_without_tails_networks_read_the_columns_alone() -> None:
    layouts = []
    for tails in (True, False):
        model = build((RegressionTask.Config().build("y"),), one(Factored(rate=0.04), tails=tails))
        layouts.append(model.to_torch().values()["heads/y/marks"].shape[1])
    n_scaled = sum(SMALL_LAYOUT.dense_is_scaled)
    assert layouts == [SMALL_LAYOUT.n_dense + n_scaled, SMALL_LAYOUT.n_dense]
