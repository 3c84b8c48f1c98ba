"""Nothing finite in the input breaks the per-event model, and it gets over what is wild. Shape suffixes as in
`streammtl.types`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streammtl.models._experts import NetworkExpert
from streammtl.models.mlp import Mlp
from streammtl.models.optimizers import AdaGrad, Adam, Factored, KernelOptimizer, RmsProp, Sgd
from streammtl.tasks.base import Task
from streammtl.tasks.regression import RegressionTask
from streammtl.testing.models import LAYOUT, assert_same_state, check_stays_finite, example_ops, example_tasks
from streammtl.types import Floats, Ops, State
from tests.models.small import MEMORY, SINGLE, build, explained, one, rows_in_order, several, smooth

nan = math.nan
TASKS: tuple[Task, ...] = (RegressionTask.Config().build("y"),)
DEFAULT = Mlp.Config()


def assert_finite(state: State, path: str = "") -> None:
    for key, value in state.items():
        if isinstance(value, dict):
            assert_finite(value, f"{path}{key}/")
        else:
            assert np.isfinite(value).all(), path + key


# -- nothing finite makes anything infinite

#: Sizes from 1e-30 to 1e30 and either sign; 0; and what counts as missing.
_sizes = st.floats(-30.0, 30.0).map(lambda exponent: 10.0**exponent)
_finite = st.one_of(_sizes, _sizes.map(lambda size: -size), st.just(0.0), st.floats(-3.0, 3.0))
_feature = st.one_of(_finite, st.sampled_from([nan, math.inf, -math.inf]))
_rows = st.lists(st.tuples(_feature, _feature, _feature, _finite, _finite), min_size=1, max_size=25)
_repeats = st.integers(1, 40)


def wild_ops(rows: list[tuple[float, ...]], n_repeats: int) -> Ops:
    """Each row some times over: constant columns, labels alike, changes of units. All four tasks have labels."""
    values = np.repeat(np.array(rows), n_repeats, axis=0)
    n_rows = len(values)
    number_R = np.arange(n_rows)
    labels_RT = np.column_stack((number_R % 2, number_R % 3, values[:, 3], np.minimum(np.abs(values[:, 4]), 1e12)))
    return rows_in_order(values[:, :3], labels_RT, number_R % 7)


def check_stays_finite_on(config: Mlp.Config, ops: Ops) -> None:
    model = build(example_tasks(), config)
    assert np.isfinite(model.advance(ops, np.ones(4)).outputs_PO).all()
    assert_finite(model.state())
    assert all(math.isfinite(share) for shares in model.insights()["shares"].values() for share in shares.values())


@settings(max_examples=60, deadline=None)
@given(rows=_rows, n_repeats=_repeats)
def test_the_default_stays_finite_whatever_arrives(rows: list[tuple[float, ...]], n_repeats: int) -> None:
    check_stays_finite_on(DEFAULT, wild_ops(rows, n_repeats))


ABSURD: list[KernelOptimizer] = [
    Sgd(rate=10.0),
    Factored(rate=10.0),
    Adam(rate=10.0, beta1=0.0, beta2=0.0),
    Adam(rate=10.0),
    AdaGrad(rate=10.0),
    RmsProp(rate=10.0),
    Sgd(rate=10.0, momentum=0.999, weight_decay=1.0),
]


@pytest.mark.parametrize("cap", [1.0, None])
@settings(max_examples=60, deadline=None)
@given(rows=_rows, n_repeats=_repeats)
def test_stays_finite_at_an_absurd_rate(cap: float | None, rows: list[tuple[float, ...]], n_repeats: int) -> None:
    check_stays_finite_on(one(Sgd(rate=10.0), cap=cap), wild_ops(rows, n_repeats))


@pytest.mark.slow  # each optimizer compiles for some seconds
@pytest.mark.parametrize("optimizer", ABSURD, ids=lambda optimizer: f"{optimizer.kind}")
@settings(max_examples=60, deadline=None)
@given(rows=_rows, n_repeats=_repeats)
def test_every_optimizer_stays_finite_at_an_absurd_rate(
    optimizer: KernelOptimizer, rows: list[tuple[float, ...]], n_repeats: int
) -> None:
    check_stays_finite_on(one(optimizer, cap=None), wild_ops(rows, n_repeats))


@settings(max_examples=30, deadline=None)
@given(rows=_rows, n_repeats=_repeats)
def test_other_kinds_of_experts_stay_finite(rows: list[tuple[float, ...]], n_repeats: int) -> None:
    config = several(one(Sgd(rate=1.0)).experts[0], SINGLE, MEMORY)
    check_stays_finite_on(config, wild_ops(rows, n_repeats))


@pytest.mark.parametrize("cap", [1.0, None])
@pytest.mark.parametrize("rate", [1.0, 10.0])
def test_passes_the_check_of_the_family_at_large_rates(rate: float, cap: float | None) -> None:
    check_stays_finite(one(Sgd(rate=rate), cap=cap))


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_an_infinite_feature_is_a_missing_one(value: float) -> None:
    ops = example_ops(200)
    dense_RD = np.where(np.isnan(ops.dense_RD), np.float32(value), ops.dense_RD)
    infinite = Ops(ops.is_learn_N, ops.row_N, ops.labels_NT, dense_RD, ops.category_RC)
    missing_model, infinite_model = (build(example_tasks(), DEFAULT) for _ in range(2))
    expected_PO = missing_model.advance(ops, np.ones(4)).outputs_PO
    np.testing.assert_array_equal(infinite_model.advance(infinite, np.ones(4)).outputs_PO, expected_PO)
    assert_same_state(infinite_model.state(), missing_model.state())


def test_labels_alike_up_to_rounding_teach_nothing() -> None:
    model = build(TASKS)
    labels_R = 1e15 + np.tile([0.0, 0.125, 0.25], 50)
    x_RD = np.random.default_rng(0).normal(size=(150, 3))
    before = model.state()["experts"]["sgd-0.05"]["values"]
    outputs_PO = model.advance(rows_in_order(x_RD, labels_R[:, None]), np.ones(1)).outputs_PO
    np.testing.assert_allclose(outputs_PO[1:, 0], 1e15, rtol=1e-12)
    after = model.state()["experts"]["sgd-0.05"]["values"]
    assert all((after[name] == before[name]).all() for name in before)


# -- it gets over what is wild

N_ROWS = 6000
#: Changes features and labels in place.
_Change: TypeAlias = Callable[[Floats, Floats], None]


def changed(change: _Change, seed: int = 0) -> tuple[Any, Floats]:
    x_RD, y_RT, category_R = smooth(N_ROWS, seed)
    change(x_RD, y_RT)
    return rows_in_order(x_RD, y_RT, category_R), y_RT[:, 0]


def late_score(change: _Change, config: Mlp.Config = DEFAULT, seed: int = 0) -> float:
    """R2 of the last 1,000 rows."""
    ops, y_R = changed(change, seed)
    outputs_PO = build(TASKS, config).advance(ops, np.ones(1)).outputs_PO
    return explained(outputs_PO[-1000:, 0], y_R[-1000:])


@cache
def clean_score() -> float:
    return late_score(lambda x_RD, y_RT: None)


def set_feature(row: int, value: float) -> _Change:
    return lambda x_RD, y_RT: x_RD.__setitem__((row, 0), value)


def set_label(row: int, value: float) -> _Change:
    return lambda x_RD, y_RT: y_RT.__setitem__((row, 0), value)


def units(from_row: int, features: float, labels: float) -> _Change:
    def change(x_RD: Floats, y_RT: Floats) -> None:
        x_RD[from_row:, :2] *= features
        y_RT[from_row:] *= labels

    return change


#: What happens, and by how much the score may be less than that of a clean run.
CHANGES: dict[str, tuple[_Change, float]] = {
    "wild first feature": (set_feature(0, 1e30), 0.01),
    "wild first feature, not that wild": (set_feature(0, 1e3), 0.01),
    "wild fourth feature": (set_feature(3, -1e30), 0.01),
    "wild feature later": (set_feature(2000, 1e30), 0.01),
    "wild first label": (set_label(0, 1e30), 0.01),
    "wild first label, not that wild": (set_label(0, 1e4), 0.01),
    "wild first label, hardly wild": (set_label(0, 300.0), 0.01),
    "wild fourth label": (set_label(3, -1e30), 0.05),
    "wild label later": (set_label(2000, 1e30), 0.03),
    "features in units of a millionth": (units(2500, 1e6, 1.0), 0.01),
    "features in units of a million": (units(2500, 1e-6, 1.0), 0.01),
    "labels in units of a millionth": (units(2500, 1.0, 1e6), 0.06),
    "labels in units of a million": (units(2500, 1.0, 1e-6), 0.02),
    "all in units of a million": (units(2500, 1e-6, 1e-6), 0.02),
    "features constant at first": (lambda x_RD, y_RT: x_RD.__setitem__((slice(2000), 0), 7.0), 0.02),
    "labels constant at first": (lambda x_RD, y_RT: y_RT.__setitem__(slice(2000), 7.0), 0.02),
    "units from the smallest to the largest": (units(0, 1e-30, 1e29), 0.01),
}


@pytest.mark.parametrize("name", CHANGES)
def test_learns_as_well_as_before_after(name: str) -> None:
    change, loss = CHANGES[name]
    assert clean_score() > 0.9
    assert late_score(change) > clean_score() - loss


@pytest.mark.parametrize("expert", DEFAULT.experts, ids=lambda expert: f"{expert.title}")
def test_every_expert_learns_as_well_where_labels_were_constant_at_first(expert: NetworkExpert) -> None:
    change, loss = CHANGES["labels constant at first"]
    alone = Mlp.Config(experts=(expert,))
    for seed in range(4):
        clean = late_score(lambda x_RD, y_RT: None, alone, seed)
        assert clean > 0.85
        assert late_score(change, alone, seed) > clean - loss


@pytest.mark.parametrize("seed", range(3))
def test_one_rare_label_moves_no_prediction_far(seed: int) -> None:
    x_RD, y_RT, category_R = smooth(1000, seed)
    y_RT[:] = 0.0
    y_RT[500] = 1000.0  # as the loss by a fraud, where most transactions lose nothing
    outputs_PO = build(TASKS).advance(rows_in_order(x_RD, y_RT, category_R), np.ones(1)).outputs_PO
    squares_P = outputs_PO[:, 0] ** 2
    assert squares_P[:501].max() == 0.0
    assert squares_P[501:].sum() < 0.5 * 1000.0**2  # what it cost to have learned from it: less than the label did


def test_the_layout_is_that_of_the_family() -> None:
    # `smooth` makes three columns, of which the last is not standardised: units must not change there.
    assert LAYOUT.dense_is_scaled == (True, True, False)
