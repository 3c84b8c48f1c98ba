"""Regression and count scores against scikit-learn, River and hand-computed cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics as exact

from streammtl.metrics.count import CountScorer
from streammtl.metrics.regression import RegressionScorer
from streammtl.seeds import named_rng
from streammtl.tasks.count import CountTask
from streammtl.tasks.regression import RegressionTask
from streammtl.types import Floats
from tests.metrics.examples import count, regression
from tests.metrics.reference import river_score


def scores(label_B: Floats, value_B: Floats, quantile: float | None = None) -> dict[str, float]:
    config = RegressionTask.Config(loss="quantile", quantile=quantile) if quantile else RegressionTask.Config()
    scorer = RegressionScorer.Config().build(config.build("spend"))
    return scorer.values(scorer.statistics(label_B, value_B[:, None], reference=float(label_B[0])))


def count_scores(label_B: Floats, rate_B: Floats) -> dict[str, float]:
    scorer = CountScorer.Config().build(CountTask.Config().build("returns"))
    return scorer.values(scorer.statistics(label_B, rate_B[:, None], reference=float(label_B[0])))


def test_tiny_case_by_hand() -> None:
    found = scores(np.array([1.0, 2.0, 6.0]), np.array([2.0, 2.0, 4.0]))
    assert found["mae"] == pytest.approx(1.0)
    assert found["rmse"] == pytest.approx(math.sqrt(5.0 / 3.0))
    assert found["r2"] == pytest.approx(1.0 - 5.0 / 14.0)
    assert found["pinball"] == pytest.approx(0.5)


def test_pinball_is_taken_at_the_quantile_the_task_aims_at() -> None:
    found = scores(np.array([1.0, 2.0]), np.array([0.0, 4.0]), quantile=0.9)
    assert found["pinball"] == pytest.approx((0.9 * 1.0 + 0.1 * 2.0) / 2.0)


@pytest.mark.parametrize(("quantile", "primary"), [(0.9, "pinball"), (0.5, "r2")])
def test_primary_score_is_what_the_task_aims_at(quantile: float, primary: str) -> None:
    task = RegressionTask.Config(loss="quantile", quantile=quantile).build("spend")
    assert RegressionScorer.Config().build(task).primary == primary


def test_r2_of_labels_that_do_not_differ_is_nan() -> None:
    found = scores(np.array([5.0, 5.0]), np.array([4.0, 6.0]))
    assert math.isnan(found["r2"])
    assert found["mae"] == 1.0


def test_r2_keeps_its_digits_for_large_labels() -> None:
    rng = named_rng(0, "large")
    label_B = 1e9 + rng.standard_normal(3_000)
    value_B = label_B + 0.3 * rng.standard_normal(3_000)
    assert scores(label_B, value_B)["r2"] == pytest.approx(exact.r2_score(label_B - 1e9, value_B - 1e9), rel=1e-9)


def test_value_that_ran_away_has_an_infinite_error() -> None:
    found = scores(np.array([1.0, 2.0]), np.array([1e200, 2.0]))
    assert (found["rmse"], found["r2"]) == (math.inf, -math.inf)


def test_scores_agree_with_scikit_learn() -> None:
    example = regression(3_000)
    label_B, value_B = example.label_B, example.outputs_BO[:, 0]
    found = scores(label_B, value_B, quantile=0.8)
    assert found["mae"] == pytest.approx(exact.mean_absolute_error(label_B, value_B), rel=1e-12)
    assert found["rmse"] == pytest.approx(exact.root_mean_squared_error(label_B, value_B), rel=1e-12)
    assert found["r2"] == pytest.approx(exact.r2_score(label_B, value_B), rel=1e-10)
    assert found["pinball"] == pytest.approx(exact.mean_pinball_loss(label_B, value_B, alpha=0.8), rel=1e-12)


@pytest.mark.parametrize(("score", "reference"), [("mae", "MAE"), ("rmse", "RMSE"), ("r2", "R2")])
def test_scores_agree_with_river(score: str, reference: str) -> None:
    example = regression(2_000)
    pairs = zip(example.label_B.tolist(), example.outputs_BO[:, 0].tolist(), strict=True)
    found = scores(example.label_B, example.outputs_BO[:, 0])
    assert found[score] == pytest.approx(river_score(reference, pairs), rel=1e-9)


def test_poisson_deviance_by_hand() -> None:
    found = count_scores(np.array([0.0, 3.0]), np.array([0.5, 2.0]))
    assert found["poisson_deviance"] == pytest.approx((2 * 0.5 + 2 * (3 * math.log(1.5) - 1.0)) / 2)


def test_a_rate_of_zero_costs_nothing_without_a_count_and_much_with_one() -> None:
    assert count_scores(np.array([0.0, 0.0]), np.zeros(2))["poisson_deviance"] == pytest.approx(0.0, abs=1e-14)
    assert count_scores(np.array([1.0]), np.zeros(1))["poisson_deviance"] == pytest.approx(2 * (math.log(1e15) - 1.0))


def test_count_scores_agree_with_scikit_learn() -> None:
    example = count(3_000)
    label_B, rate_B = example.label_B, example.outputs_BO[:, 0]
    found = count_scores(label_B, rate_B)
    assert found["mae"] == pytest.approx(exact.mean_absolute_error(label_B, rate_B), rel=1e-12)
    assert found["rmse"] == pytest.approx(exact.root_mean_squared_error(label_B, rate_B), rel=1e-12)
    assert found["r2"] == pytest.approx(exact.r2_score(label_B, rate_B), rel=1e-10)
    assert found["poisson_deviance"] == pytest.approx(exact.mean_poisson_deviance(label_B, rate_B), rel=1e-10)
