"""The kernel's losses, run as plain Python, are those of the tasks; so are their derivatives."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from streammtl.component import members
from streammtl.errors import ConfigError
from streammtl.models._kernel_math import (
    LOSS_CODES,
    deviation,
    mixing_loss,
    published,
    take_inputs,
    take_value,
    task_loss,
)
from streammtl.tasks.base import Task
from streammtl.tasks.binary import BinaryTask
from streammtl.tasks.count import CountTask
from streammtl.testing.tasks import EXAMPLES
from streammtl.types import Floats


def parameters_of(task: Task) -> Floats:
    parameter_3: Floats = np.array([*task.kernel_loss().parameters, 0.0, 0.0, 0.0])[:3]
    return parameter_3


def kernel_loss(task: Task, raw_K: list[float], label: float, hidden: int | None = None) -> tuple[float, list[float]]:
    loss = task.kernel_loss()
    weight_K = np.ones(task.n_raw) if loss.class_weight_K is None else loss.class_weight_K.astype(np.float64)
    slope_K = np.zeros(task.n_raw)
    seen_K = np.arange(task.n_raw) != hidden
    code = LOSS_CODES.index(loss.code)
    value = task_loss(code, label, np.array(raw_K), slope_K, seen_K, 0, task.n_raw, parameters_of(task), weight_K)
    return value, slope_K.tolist()


def torch_loss(task: Task, raw_K: list[float], label: float, hidden: int | None = None) -> tuple[float, list[float]]:
    raw_1K = torch.tensor([raw_K], dtype=torch.float64, requires_grad=True)
    seen_1K = raw_1K if hidden is None else raw_1K.masked_fill(torch.arange(task.n_raw) == hidden, -math.inf)
    loss = task.loss_torch(seen_1K, torch.tensor([label], dtype=torch.float64))[0]
    return loss.item(), torch.autograd.grad(loss, raw_1K)[0][0].tolist()


def labels_of(task: Task) -> list[float]:
    if task.scorer == "binary":
        return [0.0, 1.0]
    if task.scorer == "multiclass":
        return [0.0, 2.0]
    return [0.0, 0.5, 1.0, 3.0, 20.0] + ([-3.0] if task.scorer == "regression" else [1e9])


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_loss_and_slope_are_those_of_torch(name: str) -> None:
    task = EXAMPLES[name].build()
    task.encode_labels(EXAMPLES[name].values)
    rng = np.random.default_rng(0)
    for size in (0.0, 1.0, 30.0):
        for label in labels_of(task):
            raw_K = (size * rng.normal(size=task.n_raw)).tolist()
            hidden = 1 if task.hides_unseen else None
            expected, slopes = torch_loss(task, raw_K, label, hidden)
            found, found_slopes = kernel_loss(task, raw_K, label, hidden)
            # The class weights of the tasks are float32.
            assert found == pytest.approx(expected, rel=1e-6, abs=1e-12)
            np.testing.assert_allclose(found_slopes, slopes, rtol=1e-6, atol=1e-9)


def test_every_kind_of_task_has_an_example_here() -> None:
    assert {EXAMPLES[name].config.model_dump()["kind"] for name in EXAMPLES} >= set(members("tasks"))


def test_a_raw_output_that_is_not_finite_has_no_loss() -> None:
    task = BinaryTask.Config().build("y")
    assert all(math.isnan(kernel_loss(task, [raw], 1.0)[0]) for raw in (math.nan, math.inf, -math.inf))


def test_a_task_that_only_torch_knows_says_so() -> None:
    with pytest.raises(ConfigError, match="known to torch only"):
        Task.kernel_loss(CountTask.Config().build("y"))


def test_a_running_scale_is_mean_and_deviation() -> None:
    values = np.random.default_rng(0).normal(5.0, 3.0, size=400)
    scale_61 = np.zeros((6, 1))
    for value in values:
        take_value(scale_61, 0, float(value), 1e6)
    assert scale_61[1, 0] == pytest.approx(values.mean())
    assert deviation(scale_61, 0) == pytest.approx(values.std())


def test_a_running_scale_forgets() -> None:
    scale_61 = np.zeros((6, 1))
    for value in [*[0.0, 2.0] * 500, *[10.0, 12.0] * 500]:
        take_value(scale_61, 0, value, 50.0)
    assert scale_61[1, 0] == pytest.approx(11.0, abs=0.1)
    assert deviation(scale_61, 0) == pytest.approx(1.0, abs=0.1)


def test_a_constant_has_no_deviation() -> None:
    scale_61 = np.zeros((6, 1))
    for _ in range(100):
        take_value(scale_61, 0, 0.1, 1e6)
    assert deviation(scale_61, 0) == 0.0


def test_a_wild_value_counts_as_a_hundred_deviations() -> None:
    scale_61 = np.zeros((6, 1))
    for value in [-1.0, 1.0] * 50:
        take_value(scale_61, 0, value, 1e6)
    take_value(scale_61, 0, 1e30, 1e6)
    assert scale_61[1, 0] == pytest.approx(100.0 / 101.0)


def test_a_wild_first_value_is_forgotten_within_some_dozen() -> None:
    for wild in (1e3, 1e6, 1e30):
        scale_61 = np.zeros((6, 1))
        take_value(scale_61, 0, wild, 1e6)
        for value in [-1.0, 1.0] * 50:
            take_value(scale_61, 0, value, 1e6)
        assert scale_61[1, 0] == pytest.approx(0.0, abs=0.1)
        assert deviation(scale_61, 0) == pytest.approx(1.0, abs=0.1)


def test_a_scale_that_is_far_too_wide_starts_anew() -> None:
    scale_61 = np.zeros((6, 1))
    for value in [*[-1e6, 1e6] * 2000, *[-1.0, 1.0] * 1000]:
        take_value(scale_61, 0, value, 1e6)
    assert deviation(scale_61, 0) == pytest.approx(1.0, abs=0.1)


def test_a_quiet_time_is_no_new_scale() -> None:
    scale_61 = np.zeros((6, 1))
    is_anew = [take_value(scale_61, 0, value, 1e6) for value in [*[-10.0, 10.0] * 1000, *[-1.0, 1.0] * 1000, 0.0]]
    assert not any(is_anew)


def test_inputs_enter_their_scales_as_single_values_do() -> None:
    rng = np.random.default_rng(0)
    dense_RD = (rng.normal(size=(3000, 4)) * [1.0, 1e-6, 1e6, 1.0] + [0.0, 1.0, 1e9, 0.0]).astype(np.float32)
    dense_RD[rng.random(dense_RD.shape) < 0.02] = np.nan
    dense_RD[0, 0], dense_RD[700, 1], dense_RD[900:, 2] = 1e30, -1e20, 7.0
    together, alone, inverse_D = np.zeros((6, 4)), np.zeros((6, 4)), np.ones(4)
    is_scaled_D = np.array([True, True, True, False])
    for row in range(len(dense_RD)):
        take_inputs(dense_RD, row, is_scaled_D, together, inverse_D, 1500.0)
        for d in range(3):
            if np.isfinite(dense_RD[row, d]):
                take_value(alone, d, float(dense_RD[row, d]), 1500.0)
        known_D = np.array([deviation(together, d) for d in range(4)])
        np.testing.assert_allclose(inverse_D, np.where(known_D > 0.0, 1.0 / np.where(known_D > 0.0, known_D, 1.0), 1.0))
    np.testing.assert_allclose(together, alone, rtol=1e-9)
    assert not together[:, 3].any()


@pytest.mark.parametrize("raw", [math.nan, math.inf, -math.inf])
def test_what_is_published_for_an_output_that_is_not_finite_says_nothing(raw: float) -> None:
    assert published(raw) == 0.0


def test_what_is_published_is_bounded() -> None:
    assert [published(raw) for raw in (-1e30, -3.5, 1e30)] == [-100.0, -3.5, 100.0]


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_losses_that_weigh_experts_are_bounded_and_least_where_the_output_is_right(name: str) -> None:
    task = EXAMPLES[name].build()
    task.encode_labels(EXAMPLES[name].values)
    code = LOSS_CODES.index(task.kernel_loss().code)
    seen_K = np.ones(task.n_raw, dtype=bool)
    bound, parameter_3 = 20.0 if code <= 1 else 4.0, parameters_of(task)
    right = {0: 50.0, 1: 0.0, 6: math.log(2.0)}.get(code, 2.0)
    label = 1.0 if code == 0 else 0.0 if code == 1 else 2.0
    raw_K = np.full(task.n_raw, -50.0 if code == 1 else right)
    raw_K[0] = right
    assert mixing_loss(code, label, raw_K, seen_K, 0, task.n_raw, parameter_3) == pytest.approx(0.0, abs=1e-9)
    for wild in (math.nan, math.inf, -1e30, 1e38):
        raw_K[0] = wild
        assert 0.0 <= mixing_loss(code, label, raw_K, seen_K, 0, task.n_raw, parameter_3) <= bound


@pytest.mark.parametrize(("raw", "expected"), [(0.0, 1.8), (1.5, 0.1), (-9.0, 4.0)])
def test_experts_of_a_quantile_are_weighed_by_twice_the_pinball_loss(raw: float, expected: float) -> None:
    loss_3, seen_K = np.array([0.9, 0.0, 0.0]), np.ones(1, dtype=bool)
    code = LOSS_CODES.index("quantile")
    assert mixing_loss(code, 1.0, np.array([raw]), seen_K, 0, 1, loss_3) == pytest.approx(expected)
