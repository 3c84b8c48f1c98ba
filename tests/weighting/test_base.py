"""The protocol, and the pieces that formulas share."""

from __future__ import annotations

import numpy as np
import pytest

from streammtl.errors import ConfigError
from streammtl.testing.weighting import segment
from streammtl.weighting.base import LOSS_MAX, LOSS_MIN, DecayedLosses, bounded, by_task, softmax
from streammtl.weighting.equal import Equal
from streammtl.weighting.geometric import Geometric


def test_weights_of_active_tasks_sum_to_their_number() -> None:
    weighting = Geometric.Config().build(("a", "b", "c"))
    weights_T = weighting.update(segment([1, 1, 0], [1.0, 3.0, 0.0]))
    np.testing.assert_allclose(weights_T, [1.5, 0.5, 1.0], rtol=1e-15)


def test_segment_without_labels_changes_nothing() -> None:
    weighting = Geometric.Config().build(("a", "b"))
    before_T = weighting.update(segment([1, 1], [1.0, 3.0]))
    np.testing.assert_array_equal(weighting.update(segment([0, 0], [0.0, 0.0])), before_T)
    assert weighting.n_skipped == 0


def test_segment_with_a_nan_loss_is_skipped_for_every_task_and_counted() -> None:
    weighting = Geometric.Config().build(("a", "b"))
    np.testing.assert_array_equal(weighting.update(segment([1, 1], [float("nan"), 3.0])), [1.0, 1.0])
    assert weighting.n_skipped == 1


def test_weights_handed_out_earlier_do_not_change() -> None:
    weighting = Geometric.Config().build(("a", "b"))
    first_T = weighting.update(segment([1, 1], [1.0, 3.0]))
    weighting.update(segment([1, 1], [3.0, 1.0]))
    np.testing.assert_allclose(first_T, [1.5, 0.5])


def test_forty_nine_equal_tasks_weigh_exactly_one() -> None:  # where 1 / 49 * 49 would not be 1
    weighting = Equal.Config().build(tuple(f"task_{i}" for i in range(49)))
    np.testing.assert_array_equal(weighting.update(segment([1] * 49, [1.0] * 49)), np.ones(49))


def test_losses_are_bounded() -> None:
    np.testing.assert_array_equal(bounded(np.array([-1.0, 0.0, 0.5, 1e300])), [LOSS_MIN, LOSS_MIN, 0.5, LOSS_MAX])


def test_softmax_of_huge_numbers_is_finite() -> None:
    np.testing.assert_array_equal(softmax(np.array([1e300, -1e300, 1e300])), [0.5, 0.0, 0.5])


def test_values_by_task_are_in_task_order() -> None:
    np.testing.assert_array_equal(by_task("here", {"b": 2.0}, ("a", "b"), default=1.0), [1.0, 2.0])


def test_unknown_task_in_a_setting_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"weighting\.weights names the task 'frod'.*did you mean 'fraud'"):
        by_task("weighting.weights", {"frod": 2.0}, ("fraud", "loss"), default=1.0)


def test_decayed_loss_is_the_weighted_mean_over_labels() -> None:
    losses = DecayedLosses(n_tasks=2, half_life=2.0)
    n_labels, values = [3, 1, 5, 2], [0.5, 4.0, 0.25, 8.0]
    for n, loss in zip(n_labels, values, strict=True):
        mean_A = losses.update(np.array([1]), np.array([n]), np.array([loss]))
    masses = [n * 2.0 ** (-age / 2.0) for n, age in zip(n_labels, (3, 2, 1, 0), strict=True)]
    expected = sum(m * loss for m, loss in zip(masses, values, strict=True)) / sum(masses)
    np.testing.assert_allclose(mean_A, [expected], rtol=1e-14)


def test_first_decayed_loss_is_the_loss_itself() -> None:
    losses = DecayedLosses(n_tasks=1, half_life=1000.0)
    np.testing.assert_array_equal(losses.update(np.array([0]), np.array([7]), np.array([0.3])), [0.3])


def test_average_survives_a_tiny_loss_after_a_huge_one() -> None:
    losses = DecayedLosses(n_tasks=1, half_life=0.01)
    losses.update(np.array([0]), np.array([1]), np.array([1e300]))
    np.testing.assert_allclose(losses.update(np.array([0]), np.array([1]), np.array([0.0])), [0.0], atol=1e-12)
