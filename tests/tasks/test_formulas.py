"""Losses and outputs against numbers worked out by hand."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from streammtl.tasks.base import Task
from streammtl.tasks.binary import BinaryTask
from streammtl.tasks.count import CountTask
from streammtl.tasks.multiclass import MulticlassTask
from streammtl.tasks.regression import RegressionTask


def loss(config: Task.Config, raw: Sequence[float], label: float) -> float:
    task = config.build("y")
    return float(
        task.loss_torch(torch.tensor([raw], dtype=torch.float64), torch.tensor([label], dtype=torch.float64))[0]
    )


LOG_ODDS = math.log(0.8 / 0.2)  # the logit of probability 0.8


def test_binary_loss_is_the_log_loss() -> None:
    assert loss(BinaryTask.Config(), [LOG_ODDS], 1.0) == pytest.approx(-math.log(0.8))
    assert loss(BinaryTask.Config(), [LOG_ODDS], 0.0) == pytest.approx(-math.log(0.2))


def test_class_weight_counts_for_positives_only() -> None:
    assert loss(BinaryTask.Config(class_weight=3.0), [LOG_ODDS], 1.0) == pytest.approx(-3.0 * math.log(0.8))
    assert loss(BinaryTask.Config(class_weight=3.0), [LOG_ODDS], 0.0) == pytest.approx(-math.log(0.2))


def test_label_smoothing_mixes_both_classes() -> None:
    expected = -0.9 * math.log(0.8) - 0.1 * math.log(0.2)
    assert loss(BinaryTask.Config(label_smoothing=0.2), [LOG_ODDS], 1.0) == pytest.approx(expected)


def test_focal_loss_shrinks_by_the_power_of_what_is_missing() -> None:
    assert loss(BinaryTask.Config(focal_gamma=2.0), [LOG_ODDS], 1.0) == pytest.approx(-(0.2**2) * math.log(0.8))
    assert loss(BinaryTask.Config(focal_gamma=2.0), [LOG_ODDS], 0.0) == pytest.approx(-(0.8**2) * math.log(0.2))


def test_binary_probability_keeps_its_tail() -> None:
    p_BO = BinaryTask.Config().build("y").publish(np.array([[LOG_ODDS], [-100.0], [1e6], [-1e6]]))
    np.testing.assert_allclose(p_BO[:, 0], [0.8, math.exp(-100.0), 1.0, 0.0], rtol=1e-14)


RAW = [math.log(0.5), math.log(0.3), math.log(0.2)]


def test_multiclass_loss_is_the_weighted_log_loss() -> None:
    config = MulticlassTask.Config(classes=("a", "b", "c"), class_weights={"b": 4.0})
    assert loss(config, RAW, 0.0) == pytest.approx(-math.log(0.5))
    assert loss(config, RAW, 1.0) == pytest.approx(-4.0 * math.log(0.3))


def test_multiclass_smoothing_leaves_out_unseen_classes() -> None:
    config = MulticlassTask.Config(max_classes=4, label_smoothing=0.3)
    mean = -(math.log(0.5) + math.log(0.3) + math.log(0.2)) / 3
    assert loss(config, [*RAW, -math.inf], 2.0) == pytest.approx(-0.7 * math.log(0.2) + 0.3 * mean)


@pytest.mark.parametrize(
    ("config", "residual", "expected"),
    [
        (RegressionTask.Config(), 3.0, 4.5),
        (RegressionTask.Config(loss="huber"), 0.5, 0.125),
        (RegressionTask.Config(loss="huber"), -3.0, 2.5),
        (RegressionTask.Config(loss="huber", delta=2.0), 3.0, 4.0),
        (RegressionTask.Config(loss="absolute"), -3.0, 3.0),
        (RegressionTask.Config(loss="quantile", quantile=0.9), 2.0, 1.8),
        (RegressionTask.Config(loss="quantile", quantile=0.9), -2.0, 0.2),
    ],
)
def test_regression_losses(config: RegressionTask.Config, residual: float, expected: float) -> None:
    assert loss(config, [1.0], 1.0 + residual) == pytest.approx(expected)


@pytest.mark.parametrize("label", [0.0, 1e-9, 0.5, 1.0, 3.0, 1e6])
@pytest.mark.parametrize("log_rate", [-2.0, 0.0, 1.5, 20.0])
def test_count_loss_is_half_the_poisson_deviance(label: float, log_rate: float) -> None:
    rate = math.exp(log_rate)
    expected = rate - label * log_rate + (label * math.log(label) - label if label else 0.0)
    assert loss(CountTask.Config(), [log_rate], label) == pytest.approx(expected, abs=1e-6 * max(label, 1e-6))


def test_count_loss_goes_on_as_a_tangent_beyond_the_largest_log_rate() -> None:
    assert loss(CountTask.Config(), [32.0], 0.0) == pytest.approx(3.0 * math.exp(30.0))


def test_count_rate_is_clamped() -> None:
    rate_BO = CountTask.Config().build("y").publish(np.array([[1e6], [-1e6]]))
    np.testing.assert_allclose(rate_BO[:, 0], [math.exp(30.0), math.exp(-30.0)])
