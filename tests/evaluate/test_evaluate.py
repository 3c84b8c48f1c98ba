"""What the scores of the published predictions cover."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from pydantic import ValidationError

from streammtl.component import members
from streammtl.errors import ConfigError
from streammtl.evaluate import Evaluate, TaskReport
from streammtl.metrics.base import Scorer
from streammtl.tasks.binary import BinaryTask
from streammtl.tasks.regression import RegressionTask
from streammtl.types import Floats
from tests.evaluate.streams import feed, single, stream, tasks
from tests.metrics.examples import binary

LOSS = RegressionTask.Config().build("loss")
FRAUD = BinaryTask.Config().build("fraud")
SMALL = Evaluate.Config(window=4, block=2, half_life=1.0)


def report_of(label_L: Floats, output_L: Floats, baseline_L: Floats | None = None) -> TaskReport:
    evaluate = SMALL.build((LOSS,))
    evaluate.observe(single(label_L, output_L, baseline_L), n_events=10)
    return evaluate.report()["loss"]


def test_running_score_covers_all_labels_also_of_the_incomplete_block() -> None:
    assert report_of(np.arange(1.0, 6.0), np.zeros(5)).scores["mae"] == 3.0


def test_windowed_score_covers_the_last_labels() -> None:
    assert report_of(np.arange(1.0, 8.0), np.zeros(7)).windowed["mae"] == (4 + 5 + 6 + 7) / 4


def test_fading_weight_halves_with_every_half_life() -> None:
    # Half-life of one label: weights 1/4, 1/2, 1.
    assert report_of(np.array([1.0, 2.0, 4.0]), np.zeros(3)).fading["mae"] == pytest.approx((0.25 + 1.0 + 4.0) / 1.75)


def test_fading_scores_stay_exact_over_many_half_lives() -> None:
    label_L = np.sin(np.arange(1000.0))
    weight_L = 0.5 ** np.arange(999.0, -1.0, -1.0)
    expected = float((weight_L * np.abs(label_L)).sum() / weight_L.sum())
    assert report_of(label_L, np.zeros(1000)).fading["mae"] == pytest.approx(expected, rel=1e-12)


def test_no_change_is_scored_over_labels_with_a_known_one_before() -> None:
    report = report_of(np.array([1.0, 2.0, 5.0]), np.zeros(3), np.array([np.nan, 1.0, 2.0]))
    assert report.no_change["mae"] == 2.0
    assert report.no_change_windowed["mae"] == 2.0
    assert report.no_change_fading["mae"] == pytest.approx((0.5 * 1.0 + 3.0) / 1.5)


def test_no_change_has_no_score_that_says_nothing_about_it() -> None:
    evaluate = Evaluate.Config().build(tasks())
    feed(evaluate, stream(200))
    report = evaluate.report()
    assert set(report["fraud"].no_change) == {"auc", "average_precision", "brier", "accuracy"}
    assert set(report["kind"].no_change) == {"accuracy", "macro_f1", "kappa"}
    assert set(report["returns"].no_change) == {"mae", "rmse", "r2"}
    assert set(report["loss"].no_change) == set(report["loss"].scores)


def test_task_without_labels_has_no_scores() -> None:
    evaluate = Evaluate.Config().build(tasks())
    for report in evaluate.report().values():
        assert report.labels == 0
        assert math.isnan(report.coverage)
        assert math.isnan(report.delay_mean_s)
        assert math.isnan(report.delay_max_s)
        assert all(math.isnan(score) for score in report.scores.values())
        assert all(math.isnan(score) for score in report.no_change_windowed.values())


def test_absent_labels_of_other_tasks_change_nothing() -> None:
    both, alone = (Evaluate.Config().build(chosen) for chosen in ((FRAUD, LOSS), (LOSS,)))
    outcome = single(np.array([1.0, 3.0]), np.array([1.0, 2.0]))
    alone.observe(outcome, n_events=2)
    nan_L1 = np.full((2, 1), np.nan)
    wider = dataclasses.replace(
        outcome,
        labels_LT=np.hstack((nan_L1, outcome.labels_LT)),
        outputs_LO=np.hstack((np.full((2, 1), 0.5), outcome.outputs_LO)),
        baseline_LT=np.hstack((nan_L1, outcome.baseline_LT)),
    )
    both.observe(wider, n_events=2)
    assert repr(both.report()["loss"]) == repr(alone.report()["loss"])
    assert both.report()["fraud"].labels == 0


def test_unpublished_predictions_are_counted_and_not_scored() -> None:
    report = report_of(np.array([1.0, 2.0, 3.0]), np.array([np.nan, 1.0, np.inf]))
    assert (report.labels, report.unscored) == (3, 2)
    assert report.scores["mae"] == 1.0


def test_expiries_are_scored_but_are_no_labels_that_somebody_sent() -> None:
    evaluate = SMALL.build((LOSS,))
    outcome = dataclasses.replace(
        single(np.array([1.0, 2.0, 0.0]), np.zeros(3)),
        delay_s_L=np.array([10.0, 20.0, 604800.0]),
        is_expiry_L=np.array([False, False, True]),
    )
    evaluate.observe(outcome, n_events=8)
    report = evaluate.report()["loss"]
    assert (report.labels, report.expiries, report.coverage) == (2, 1, 0.25)
    assert (report.delay_mean_s, report.delay_max_s) == (15.0, 20.0)
    assert report.scores["mae"] == 1.0


def test_unknown_delays_are_left_out_of_the_mean() -> None:
    evaluate = SMALL.build((LOSS,))
    outcome = dataclasses.replace(single(np.ones(2), np.zeros(2)), delay_s_L=np.array([np.nan, 4.0]))
    evaluate.observe(outcome, n_events=2)
    assert evaluate.report()["loss"].delay_mean_s == 4.0


def test_events_without_labels_lower_the_coverage() -> None:
    evaluate = SMALL.build((LOSS,))
    evaluate.observe(single(np.ones(1), np.ones(1)), n_events=1)
    evaluate.observe(single(np.zeros(0), np.zeros(0)), n_events=3)
    assert evaluate.report()["loss"].coverage == 0.25


def test_windowed_r2_of_labels_far_from_the_first_one_keeps_its_digits() -> None:
    label_L = np.array([0.0, 1e9, 1e9 + 1.0, 1e9 + 2.0, 1e9 + 3.0])
    report = report_of(label_L, label_L + 0.5)
    assert report.windowed["r2"] == pytest.approx(1.0 - 4 * 0.25 / 5.0)


def test_scores_equal_those_of_the_scorer_over_all_rows() -> None:
    outcome = stream(900)
    evaluate = Evaluate.Config().build(tasks())
    feed(evaluate, outcome, [13, 400])
    first = 0
    for number, task in enumerate(tasks()):
        last = first + task.n_outputs
        label_L, outputs_LO = outcome.labels_LT[:, number], outcome.outputs_LO[:, first:last]
        scored_L = ~np.isnan(label_L) & ~np.isnan(outputs_LO).any(axis=1)
        config = members("metrics")[task.scorer].Config()
        assert isinstance(config, Scorer.Config)
        scorer = config.build(task)
        whole = scorer.values(scorer.statistics(label_L[scored_L], outputs_LO[scored_L], label_L[scored_L][0]))
        report = evaluate.report()[task.name]
        assert report.scores == pytest.approx(whole, rel=1e-12)
        assert report.windowed == pytest.approx(whole, rel=1e-9)  # fewer labels than the window holds
        first = last


def test_composite_is_none_unless_asked_for() -> None:
    assert SMALL.build((LOSS,)).composite() is None


def test_composite_is_the_mean_of_the_primary_scores() -> None:
    one, two = binary(300, seed=1), binary(300, seed=2)
    pair = (BinaryTask.Config().build("one"), BinaryTask.Config().build("two"))
    evaluate = Evaluate.Config.model_validate({"composite": "mean"}).build(pair)
    outcome = single(one.label_B, one.outputs_BO[:, 0])
    both = dataclasses.replace(
        outcome,
        labels_LT=np.column_stack((one.label_B, two.label_B)),
        outputs_LO=np.column_stack((one.outputs_BO, two.outputs_BO)),
        baseline_LT=np.full((300, 2), np.nan),
    )
    evaluate.observe(both, n_events=300)
    report = evaluate.report()
    assert evaluate.composite() == pytest.approx((report["one"].scores["auc"] + report["two"].scores["auc"]) / 2)


def test_losses_count_negative_in_the_composite_and_weights_are_relative() -> None:
    task = RegressionTask.Config(loss="quantile", quantile=0.9).build("spend")
    evaluate = Evaluate.Config.model_validate({"composite": {"weights": {"spend": 2.0}}}).build((task,))
    evaluate.observe(single(np.array([1.0, 2.0]), np.zeros(2)), n_events=2)
    assert evaluate.composite() == pytest.approx(-0.9 * 1.5)


def test_composite_is_nan_until_every_task_has_a_score() -> None:
    evaluate = Evaluate.Config.model_validate({"composite": "mean"}).build((LOSS, FRAUD))
    composite = evaluate.composite()
    assert composite is not None
    assert math.isnan(composite)


def test_window_that_is_no_multiple_of_the_block_is_refused() -> None:
    with pytest.raises(ValidationError, match="window must be a multiple of block: 250 is not a multiple of 100; 300"):
        Evaluate.Config(window=250)


@pytest.mark.parametrize(
    ("composite", "message"),
    [
        ("median", "should be 'mean'"),
        ({"weights": {}}, "at least 1 item"),
        ({"weights": {"loss": 0}}, "greater than 0"),
    ],
)
def test_composite_that_means_nothing_is_refused_with_one_reason(composite: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message) as caught:
        Evaluate.Config.model_validate({"composite": composite})
    assert caught.value.error_count() == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"composite": {"weights": {"fraud": 1.0}}}, "composite.weights names the task 'fraud'"),
        ({"scorers": {"fraud": "binary"}}, "scorers names the task 'fraud'"),
        ({"scorers": {"loss": "binary"}}, "the task is scored by 'regression'"),
    ],
)
def test_settings_that_do_not_fit_the_tasks_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Evaluate.Config.model_validate(settings).build((LOSS,))


def test_settings_of_a_scorer_reach_it() -> None:
    config = Evaluate.Config.model_validate({"scorers": {"fraud": {"kind": "binary", "n_cells": 64}}})
    evaluate = config.build((FRAUD,))
    evaluate.observe(single(np.array([1.0, 0.0]), np.array([0.5001, 0.5])), n_events=2)
    assert evaluate.report()["fraud"].scores["auc"] == 0.5  # a tie: both lie in one of 64 cells
