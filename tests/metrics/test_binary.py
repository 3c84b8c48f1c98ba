"""Binary scores against scikit-learn, River and hand-computed cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pydantic import ValidationError
from sklearn import metrics as exact

from streammtl.metrics.binary import BinaryScorer
from streammtl.seeds import named_rng
from streammtl.tasks.binary import BinaryTask
from streammtl.types import Floats
from tests.metrics.examples import binary
from tests.metrics.reference import river_score

TASK = BinaryTask.Config().build("fraud")


def scores(label_B: Floats, p_B: Floats, config: BinaryScorer.Config | None = None) -> dict[str, float]:
    scorer = (config or BinaryScorer.Config()).build(TASK)
    return scorer.values(scorer.statistics(label_B, p_B[:, None], reference=0.0))


def test_tiny_case_by_hand() -> None:
    found = scores(np.array([1.0, 0.0, 1.0, 0.0]), np.array([0.9, 0.8, 0.6, 0.1]))
    assert found["auc"] == pytest.approx(0.75)  # of 4 pairs, only (0.6, 0.8) is the wrong way round
    assert found["average_precision"] == pytest.approx(0.5 * 1.0 + 0.5 * 2.0 / 3.0)
    assert found["accuracy"] == pytest.approx(0.75)
    assert found["brier"] == pytest.approx((0.01 + 0.64 + 0.16 + 0.01) / 4.0)
    assert found["log_loss"] == pytest.approx(-math.log(0.9 * 0.2 * 0.6 * 0.9) / 4.0)


def test_calibration_error_by_hand() -> None:
    # Two bins: below a half the sum of p - y is 0.1 + 0.3 - 1, above it is 0.9 + 0.7 - 1.
    config = BinaryScorer.Config(calibration_bins=2)
    found = scores(np.array([0.0, 1.0, 1.0, 0.0]), np.array([0.1, 0.3, 0.9, 0.7]), config)
    assert found["expected_calibration_error"] == pytest.approx((0.6 + 0.6) / 4.0)


def test_certain_probabilities_fall_in_the_last_bin_and_cost_a_clipped_logarithm() -> None:
    found = scores(np.array([0.0, 1.0]), np.array([1.0, 0.0]))
    assert found["log_loss"] == pytest.approx(-math.log(1e-15), rel=1e-3)
    assert found["expected_calibration_error"] == pytest.approx(1.0)


def test_ties_count_half() -> None:
    assert scores(np.array([1.0, 0.0, 0.0]), np.array([0.5, 0.5, 0.2]))["auc"] == pytest.approx(0.75)


def test_a_half_is_taken_for_yes() -> None:
    assert scores(np.array([1.0]), np.array([0.5]))["accuracy"] == 1.0


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_auc_of_one_class_is_nan(label: float) -> None:
    assert math.isnan(scores(np.full(3, label), np.array([0.1, 0.5, 0.9]))["auc"])


def test_average_precision_without_a_positive_is_nan() -> None:
    assert math.isnan(scores(np.zeros(2), np.array([0.1, 0.5]))["average_precision"])


def spread(n_rows: int, centre: float, effect: float, width: float) -> tuple[Floats, Floats]:
    """Labels and probabilities whose logits lie around `centre` with standard deviation `width`."""
    rng = named_rng(0, "spread")
    factor_B = rng.standard_normal(n_rows)
    label_B = (rng.random(n_rows) < 1.0 / (1.0 + np.exp(-centre - effect * factor_B))).astype(np.float64)
    return label_B, 1.0 / (1.0 + np.exp(-centre - width * factor_B))


def skewed(n_rows: int) -> tuple[Floats, Floats]:
    """Calibrated probabilities spread evenly over the decades from 1e-6 to 1."""
    rng = named_rng(0, "skewed")
    p_B = 10.0 ** rng.uniform(-6.0, 0.0, n_rows)
    return (rng.random(n_rows) < p_B).astype(np.float64), p_B


@pytest.mark.parametrize(
    ("case", "auc_within", "ap_within"),
    [
        pytest.param(spread(3_000, -1.0, 1.5, 1.5), 1e-4, 1e-3, id="calibrated"),
        pytest.param(spread(50_000, -6.5, 1.8, 1.8), 1e-4, 1e-3, id="rare_positives"),
        pytest.param(spread(20_000, -4.0, 6.0, 6.0), 1e-4, 1e-3, id="well_separated"),
        pytest.param(skewed(20_000), 1e-4, 1e-3, id="skewed_over_six_decades"),
        pytest.param(spread(20_000, -4.0, 1.0, 0.1), 1e-4, 5e-3, id="crowded"),
    ],
)
def test_ranking_scores_agree_with_the_exact_ones(
    case: tuple[Floats, Floats], auc_within: float, ap_within: float
) -> None:
    label_B, p_B = case
    found = scores(label_B, p_B)
    assert found["auc"] == pytest.approx(exact.roc_auc_score(label_B, p_B), abs=auc_within)
    assert found["average_precision"] == pytest.approx(exact.average_precision_score(label_B, p_B), abs=ap_within)


def test_more_cells_come_closer() -> None:
    label_B, p_B = spread(20_000, -4.0, 1.0, 0.1)
    truth = exact.roc_auc_score(label_B, p_B)
    coarse, fine = (scores(label_B, p_B, BinaryScorer.Config(n_cells=n))["auc"] for n in (256, 65536))
    assert abs(fine - truth) < 3e-5
    assert abs(coarse - truth) > 1e-3


def test_saturated_float32_probabilities_keep_their_rank() -> None:
    p_B = (1.0 / (1.0 + np.exp(-10.0 * named_rng(0, "wide").standard_normal(5_000)))).astype(np.float32)
    label_B = (named_rng(0, "labels").random(5_000) < p_B).astype(np.float64)
    found = scores(label_B, p_B.astype(np.float64))
    assert found["auc"] == pytest.approx(exact.roc_auc_score(label_B, p_B), abs=1e-4)


def test_average_scores_agree_with_scikit_learn() -> None:
    example = binary(3_000)
    label_B, p_B = example.label_B, example.outputs_BO[:, 0]
    found = scores(label_B, p_B)
    assert found["log_loss"] == pytest.approx(exact.log_loss(label_B, p_B), rel=1e-12)
    assert found["brier"] == pytest.approx(exact.brier_score_loss(label_B, p_B), rel=1e-12)
    assert found["accuracy"] == pytest.approx(exact.accuracy_score(label_B, p_B >= 0.5), rel=1e-12)


def test_calibration_error_agrees_with_brute_force() -> None:
    example = binary(3_000)
    label_B, p_B = example.label_B, example.outputs_BO[:, 0]
    total = 0.0
    for lower in np.arange(15) / 15.0:
        inside_B = (p_B >= lower) & (p_B < lower + 1.0 / 15.0)
        total += inside_B.sum() * abs(label_B[inside_B].mean() - p_B[inside_B].mean())
    assert scores(label_B, p_B)["expected_calibration_error"] == pytest.approx(total / 3_000, rel=1e-9)


def test_scores_agree_with_river() -> None:
    example = binary(2_000)
    found = scores(example.label_B, example.outputs_BO[:, 0])
    truths, p = (example.label_B > 0.5).tolist(), example.outputs_BO[:, 0].tolist()
    pairs = list(zip(truths, p, strict=True))
    assert found["log_loss"] == pytest.approx(river_score("LogLoss", pairs), rel=1e-9)
    assert found["auc"] == pytest.approx(river_score("RollingROCAUC", pairs, window_size=2_000), abs=1e-4)
    decided = [(label, probability >= 0.5) for label, probability in pairs]
    assert found["accuracy"] == pytest.approx(river_score("Accuracy", decided), rel=1e-9)


def test_too_few_cells_are_refused() -> None:
    with pytest.raises(ValidationError, match="n_cells"):
        BinaryScorer.Config(n_cells=2)
