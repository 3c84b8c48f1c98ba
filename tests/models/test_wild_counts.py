"""One wild label of a count task spoils nothing. Shape suffixes as in `streammtl.types`."""

from __future__ import annotations

import math

import numpy as np
import pytest

from streammtl.models._kernel_math import take_count
from streammtl.models.mlp import Mlp
from streammtl.models.optimizers import Sgd
from streammtl.tasks.base import Task
from streammtl.tasks.count import CountTask
from streammtl.types import Floats, Floats32
from tests.models.small import MEMORY, build, one, rows_in_order, several
from tests.models.small import SLOW as SLOW_EXPERT

TASKS: tuple[Task, ...] = (CountTask.Config().build("n"),)
N_ROWS, WILD = 3000, 1500


def counts() -> tuple[Floats32, Floats]:
    """Features, and labels of 0 to about 5 that depend on them."""
    rng = np.random.default_rng(0)
    x_RD = rng.normal(size=(N_ROWS, 2)).astype(np.float32)
    return x_RD, rng.poisson(np.exp(0.3 + 0.4 * x_RD[:, 0])).astype(np.float64)


def losses(config: Mlp.Config, x_RD: Floats32, labels_R: Floats, scored_R: Floats) -> Floats:
    """Half the Poisson deviance of each prediction, `scored_R` being what it should have been."""
    rate_R = build(TASKS, config).advance(rows_in_order(x_RD, labels_R[:, None]), np.ones(1)).outputs_PO[:, 0]
    safe_R = np.maximum(scored_R, 1e-300)
    return np.where(scored_R > 0.0, scored_R * np.log(safe_R / rate_R), 0.0) - scored_R + rate_R


CONFIGS = {
    "default": Mlp.Config(),
    "sgd": one(Sgd(rate=0.05)),
    "memory beside": several(SLOW_EXPERT, MEMORY),
}


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("wild", [1e4, 1e9, 1e12])
def test_soon_after_a_wild_label_the_loss_is_what_it_was(name: str, wild: float) -> None:
    x_RD, labels_R = counts()
    spoiled_R = labels_R.copy()
    spoiled_R[WILD] = wild
    calm = losses(CONFIGS[name], x_RD, labels_R, labels_R)
    found = losses(CONFIGS[name], x_RD, spoiled_R, labels_R)
    np.testing.assert_array_equal(found[: WILD + 1], calm[: WILD + 1])
    soon, later = slice(WILD + 50, WILD + 450), slice(WILD + 50, None)
    assert found[soon].mean() < 1.1 * calm[soon].mean()
    assert found[later].mean() < 1.05 * calm[later].mean()


def test_a_label_counts_as_at_most_50_deviations_above_the_mean_of_those_before() -> None:
    scale_61 = np.zeros((6, 1))
    for label in (0.0, 4.0) * 8:
        assert take_count(scale_61, 0, label, 1e5) == label
    assert take_count(scale_61, 0, 1e9, 1e5) == pytest.approx(2.0 + 50.0 * 2.0)
    assert scale_61[1, 0] == pytest.approx(2.0 + 200.0 / 17.0)  # as 100 deviations above


@pytest.mark.parametrize("before", [[], [0.0] * 1000, [1.0]])
def test_where_labels_did_not_differ_a_deviation_counts_as_1(before: list[float]) -> None:
    scale_61 = np.zeros((6, 1))
    for label in before:
        take_count(scale_61, 0, label, 1e5)
    mean = before[-1] if before else 0.0
    assert take_count(scale_61, 0, 1e9, 1e5) == mean + 50.0


def test_labels_that_are_not_wild_count_as_they_are() -> None:
    _, labels_R = counts()
    scale_61 = np.zeros((6, 1))
    assert [take_count(scale_61, 0, label, 1e5) for label in labels_R.tolist()] == labels_R.tolist()


def test_counts_of_another_size_from_some_row_on_are_followed() -> None:
    scale_61 = np.zeros((6, 1))
    labels_R = np.random.default_rng(0).poisson(2.0, size=20_000).astype(np.float64)
    for label in labels_R.tolist():
        take_count(scale_61, 0, label, 1e5)
    counted = [take_count(scale_61, 0, 1e6 + label, 1e5) for label in labels_R[:300].tolist()]
    assert math.isclose(counted[-1], 1e6, rel_tol=1e-4)
