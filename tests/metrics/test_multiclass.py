"""Multiclass scores against scikit-learn, River and hand-computed cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics as exact

from streammtl.metrics.multiclass import MulticlassScorer
from streammtl.tasks.multiclass import MulticlassTask
from streammtl.types import Floats
from tests.metrics.examples import multiclass
from tests.metrics.reference import river_score


def scores(label_B: Floats, outputs_BO: Floats) -> dict[str, float]:
    task = MulticlassTask.Config(max_classes=outputs_BO.shape[1]).build("kind")
    scorer = MulticlassScorer.Config().build(task)
    return scorer.values(scorer.statistics(label_B, outputs_BO, reference=0.0))


def test_tiny_case_by_hand() -> None:
    # Labels 0 0 1 1, predictions 0 0 1 0: hits 2 and 1, labels 2 and 2, predictions 3 and 1.
    outputs_BO = np.array([[0.8, 0.2], [0.6, 0.4], [0.1, 0.9], [0.7, 0.3]])
    found = scores(np.array([0.0, 0.0, 1.0, 1.0]), outputs_BO)
    assert found["accuracy"] == pytest.approx(0.75)
    assert found["macro_f1"] == pytest.approx((2 * 2 / 5 + 2 * 1 / 3) / 2)
    assert found["kappa"] == pytest.approx((0.75 - 0.5) / (1 - 0.5))
    assert found["log_loss"] == pytest.approx(-math.log(0.8 * 0.6 * 0.9 * 0.3) / 4)


def test_classes_that_never_occurred_are_not_in_the_mean() -> None:
    outputs_BO = np.array([[0.8, 0.2, 0.0, 0.0, 0.0], [0.1, 0.9, 0.0, 0.0, 0.0]])
    assert scores(np.array([0.0, 1.0]), outputs_BO)["macro_f1"] == 1.0


def test_class_that_was_only_predicted_counts_as_zero() -> None:
    outputs_BO = np.array([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8]])
    assert scores(np.array([0.0, 0.0]), outputs_BO)["macro_f1"] == pytest.approx((2 / 3 + 0.0) / 2)


def test_kappa_of_one_class_is_nan() -> None:
    assert math.isnan(scores(np.zeros(3), np.array([[0.9, 0.1]] * 3))["kappa"])


def test_kappa_of_one_class_with_uneven_weights_is_nan() -> None:
    scorer = MulticlassScorer.Config().build(MulticlassTask.Config(max_classes=2).build("kind"))
    statistics_S = scorer.statistics(np.zeros(3), np.array([[0.9, 0.1]] * 3), reference=0.0)
    assert math.isnan(scorer.values(statistics_S * 0.1)["kappa"])


def test_a_probability_of_zero_costs_a_clipped_logarithm() -> None:
    assert scores(np.array([1.0]), np.array([[1.0, 0.0]]))["log_loss"] == pytest.approx(-math.log(1e-15))


def test_scores_agree_with_scikit_learn() -> None:
    example = multiclass(3_000)
    label_B, predicted_B = example.label_B, example.outputs_BO.argmax(axis=1)
    found = scores(label_B, example.outputs_BO)
    assert found["accuracy"] == pytest.approx(exact.accuracy_score(label_B, predicted_B), rel=1e-12)
    assert found["macro_f1"] == pytest.approx(exact.f1_score(label_B, predicted_B, average="macro"), rel=1e-12)
    assert found["kappa"] == pytest.approx(exact.cohen_kappa_score(label_B, predicted_B), rel=1e-12)
    assert found["log_loss"] == pytest.approx(
        exact.log_loss(label_B, example.outputs_BO, labels=[0, 1, 2, 3]), rel=1e-12
    )


@pytest.mark.parametrize(
    ("score", "reference"), [("accuracy", "Accuracy"), ("macro_f1", "MacroF1"), ("kappa", "CohenKappa")]
)
def test_scores_of_classes_agree_with_river(score: str, reference: str) -> None:
    example = multiclass(2_000)
    pairs = zip(example.label_B.tolist(), example.outputs_BO.argmax(axis=1).tolist(), strict=True)
    found = scores(example.label_B, example.outputs_BO)
    assert found[score] == pytest.approx(river_score(reference, pairs), rel=1e-9)


def test_log_loss_agrees_with_river() -> None:
    example = multiclass(2_000)
    rows = [dict(enumerate(row_O.tolist())) for row_O in example.outputs_BO]
    pairs = zip(example.label_B.astype(int).tolist(), rows, strict=True)
    found = scores(example.label_B, example.outputs_BO)
    assert found["log_loss"] == pytest.approx(river_score("CrossEntropy", pairs), rel=1e-9)
