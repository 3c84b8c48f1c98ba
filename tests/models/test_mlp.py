"""The per-event model by itself. Shape suffixes as in `streammtl.types`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streammtl.models.mlp import Mlp
from streammtl.models.optimizers import Sgd
from streammtl.tasks.base import Task
from streammtl.tasks.binary import BinaryTask
from streammtl.tasks.multiclass import MulticlassTask
from streammtl.tasks.regression import RegressionTask
from streammtl.testing.models import LAYOUT, assert_same_state, check_stays_finite, example_ops, example_tasks
from streammtl.types import Floats, Ops, RowLayout

nan = math.nan
#: As in the checks of the family: compiled once for all of them.
DEFAULT = Mlp.Config()
TWO = RowLayout(("a", "b"), (True, True), (), ())


def ops_of(x_RD: Any, labels_RT: Any, predict: bool = True) -> Ops:
    """Each row predicted, then learned."""
    dense_RD = np.asarray(x_RD, dtype=np.float32)
    labels = np.asarray(labels_RT, dtype=np.float64)
    n_rows = len(dense_RD)
    is_learn_N = np.tile([False, True] if predict else [True], n_rows)
    row_N = np.repeat(np.arange(n_rows), 2 if predict else 1)
    labels_NT = np.where(is_learn_N[:, None], labels[row_N], nan)
    return Ops(is_learn_N, row_N, labels_NT, dense_RD, np.zeros((n_rows, 0), dtype=np.int32))


def predicts(x_RD: Any, n_tasks: int = 1) -> Ops:
    dense_RD = np.asarray(x_RD, dtype=np.float32)
    n_rows = len(dense_RD)
    category_RC = np.zeros((n_rows, 0), dtype=np.int32)
    return Ops(np.zeros(n_rows, dtype=bool), np.arange(n_rows), np.full((n_rows, n_tasks), nan), dense_RD, category_RC)


def build(layout: RowLayout, tasks: tuple[Task, ...], config: Mlp.Config = DEFAULT) -> Mlp:
    model = config.build(layout, tasks)
    assert isinstance(model, Mlp)
    return model


def line(n_rows: int, slope: float = 1.0) -> tuple[Floats, Floats]:
    x_RD = np.random.default_rng(0).normal(size=(n_rows, 2))
    return x_RD, slope * (100.0 + x_RD[:, :1] - x_RD[:, 1:])


def test_a_change_of_units_of_the_label_does_not_move_the_function() -> None:
    model = build(TWO, (RegressionTask.Config().build("y"),))
    x_RD, y_RT = line(2000)
    model.advance(ops_of(x_RD, y_RT), np.ones(1))
    before = model.state()["statistics"]["tasks"]["y"]["unit"]
    frozen = build(TWO, (RegressionTask.Config().build("y"),), Mlp.Config(optimizer=Sgd(rate=1e-30)))
    frozen.load(model.state())
    expected = frozen.advance(predicts(x_RD[:20]), np.ones(1)).outputs_PO
    # Steps of no length: nothing but the units can move.
    moved = np.repeat([[100.0], [300.0]], 50, axis=0)
    frozen.advance(ops_of(np.repeat(x_RD[:1], 100, axis=0), moved, predict=False), np.ones(1))
    after = frozen.state()["statistics"]["tasks"]["y"]["unit"]
    assert abs(after[0] - before[0]) > before[1]  # the mean moved by more than a deviation
    found = frozen.advance(predicts(x_RD[:20]), np.ones(1)).outputs_PO
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_the_units_of_a_head_follow_the_labels_in_few_jumps() -> None:
    model = build(TWO, (RegressionTask.Config().build("y"),))
    x_RD, y_RT = line(3000)
    units = []
    for row in range(3000):
        model.advance(ops_of(x_RD[row : row + 1], y_RT[row : row + 1]), np.ones(1))
        units.append(tuple(model.state()["statistics"]["tasks"]["y"]["unit"]))
    assert len(set(units)) < 300
    assert abs(units[-1][0] - y_RT.mean()) < 0.05 * y_RT.std()
    assert units[-1][1] == pytest.approx(y_RT.std(), rel=0.03)


def test_inputs_are_standardised_by_running_mean_and_deviation() -> None:
    model = build(TWO, (BinaryTask.Config().build("y"),))
    x_RD = np.random.default_rng(0).normal(size=(500, 2)) * [1.0, 1e5] + [0.0, 1e6]
    model.advance(predicts(x_RD), np.ones(1))
    n_D, mean_D, squares_D = model.state()["statistics"]["inputs"]
    x32_RD = x_RD.astype(np.float32).astype(np.float64)
    np.testing.assert_array_equal(n_D, [500, 500])
    np.testing.assert_allclose(mean_D, x32_RD.mean(axis=0), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(squares_D / n_D, x32_RD.var(axis=0), rtol=1e-9)


def test_a_row_enters_the_statistics_once() -> None:
    model = build(TWO, (BinaryTask.Config().build("y"),))
    model.advance(ops_of([[1.0, 2.0], [3.0, nan]], [[0.0], [1.0]]), np.ones(1))
    np.testing.assert_array_equal(model.state()["statistics"]["inputs"][0], [2, 1])


def test_rows_learned_without_having_been_predicted_enter_the_statistics_too() -> None:
    model = build(TWO, (BinaryTask.Config().build("y"),))
    model.advance(ops_of([[1.0, 2.0], [3.0, nan]], [[0.0], [1.0]], predict=False), np.ones(1))
    np.testing.assert_array_equal(model.state()["statistics"]["inputs"][0], [2, 1])


def test_a_class_never_seen_has_its_floor_only() -> None:
    model = build(TWO, (MulticlassTask.Config(max_classes=3).build("y"),))
    learned = ops_of([[0.0, 0.0], [1.0, 1.0]], [[0.0], [2.0]])
    outputs = model.advance(learned, np.ones(1)).outputs_PO
    np.testing.assert_allclose(outputs[0], [1 / 3] * 3)
    later = model.advance(predicts([[0.0, 0.0]]), np.ones(1)).outputs_PO[0]
    assert later[1] == pytest.approx(1e-3 / 3)
    assert later.sum() == pytest.approx(1.0)


def test_a_wild_label_or_row_is_survived() -> None:
    model = build(TWO, (RegressionTask.Config().build("y"),))
    x_RD, y_RT = line(4000)
    x_RD[1000], y_RT[1500] = 1e30, -1e30
    outputs = model.advance(ops_of(x_RD, y_RT), np.ones(1)).outputs_PO
    residual = np.mean((outputs[-500:, 0] - y_RT[-500:, 0]) ** 2)
    assert residual < 0.05 * y_RT[-500:].var()


def test_features_in_other_units_are_followed() -> None:
    model = build(TWO, (RegressionTask.Config().build("y"),))
    x_RD, y_RT = line(6000)
    x_RD[2000:] *= 1e6
    outputs = model.advance(ops_of(x_RD, y_RT), np.ones(1)).outputs_PO
    residual = np.mean((outputs[-500:, 0] - y_RT[-500:, 0]) ** 2)
    assert residual < 0.05 * y_RT[-500:].var()


def test_a_category_outside_its_table_counts_as_missing() -> None:
    ops = example_ops(50)
    far, none = (
        Ops(ops.is_learn_N, ops.row_N, ops.labels_NT, ops.dense_RD, np.full_like(ops.category_RC, value))
        for value in (10_000, 0)
    )
    outputs = [build(LAYOUT, example_tasks()).advance(each, np.ones(4)).outputs_PO for each in (far, none)]
    np.testing.assert_array_equal(outputs[0], outputs[1])


def test_an_operation_on_a_row_that_does_not_exist_is_refused() -> None:
    ops = predicts([[1.0, 2.0]])
    wrong = Ops(ops.is_learn_N, ops.row_N + 1, ops.labels_NT, ops.dense_RD, ops.category_RC)
    with pytest.raises(IndexError, match="operation 0 names row 1 of 1"):
        build(TWO, (BinaryTask.Config().build("y"),)).advance(wrong, np.ones(1))


def test_settings_that_are_no_part_of_the_kernel_need_no_compiling() -> None:
    one, other = (
        build(TWO, tasks, Mlp.Config(optimizer=Sgd(rate=rate), clip_norm=None))
        for rate, tasks in (
            (0.1, (BinaryTask.Config().build("y"),)),
            (0.2, (RegressionTask.Config().build("z"), MulticlassTask.Config(max_classes=9).build("y"))),
        )
    )
    assert one._advance is other._advance


_any_float32 = st.floats(width=32, allow_nan=True, allow_infinity=True)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(st.tuples(*[_any_float32] * 3, *[st.floats(-1e30, 1e30)] * 2), min_size=1, max_size=30),
    rate=st.sampled_from([1e-3, 0.02, 1.0, 10.0]),
    clip=st.sampled_from([None, 10.0]),
)
def test_parameters_stay_finite_whatever_arrives(rows: list[tuple[float, ...]], rate: float, clip: float) -> None:
    tasks = example_tasks()
    values_R5 = np.array(rows)
    with np.errstate(over="ignore"):
        dense_RD = np.repeat(values_R5[:, :3], 3, axis=0).astype(np.float32)
    labels_RT = np.full((len(dense_RD), 4), nan)
    labels_RT[:, 0] = np.arange(len(dense_RD)) % 2
    labels_RT[:, 1] = np.arange(len(dense_RD)) % 3
    labels_RT[:, 2] = np.repeat(values_R5[:, 3], 3)
    labels_RT[:, 3] = np.minimum(np.abs(np.repeat(values_R5[:, 4], 3)), 1e12)
    is_learn_N = np.tile([False, True], len(dense_RD))
    row_N = np.repeat(np.arange(len(dense_RD)), 2)
    labels_NT = np.where(is_learn_N[:, None], labels_RT[row_N], nan)
    category_RC = (row_N[::2, None] % 7).astype(np.int32)
    model = build(LAYOUT, tasks, Mlp.Config(optimizer=Sgd(rate=rate), clip_norm=clip))
    outputs = model.advance(Ops(is_learn_N, row_N, labels_NT, dense_RD, category_RC), np.ones(4)).outputs_PO
    assert np.isfinite(outputs).all()
    state = model.state()
    assert all(np.isfinite(value).all() for value in state["network"]["values"].values())
    assert np.isfinite(state["statistics"]["inputs"]).all()


@pytest.mark.parametrize("rate", [1.0, 10.0])
def test_stays_finite_with_large_unclipped_steps(rate: float) -> None:
    check_stays_finite(Mlp.Config(optimizer=Sgd(rate=rate), clip_norm=None))


def test_a_learn_right_after_its_predict_equals_one_in_a_later_call() -> None:
    ops = example_ops(60)
    together, apart = (build(LAYOUT, example_tasks()) for _ in range(2))
    together.advance(ops, np.ones(4))
    for n in range(len(ops)):
        here = slice(n, n + 1)
        one = Ops(ops.is_learn_N[here], ops.row_N[here], ops.labels_NT[here], ops.dense_RD, ops.category_RC)
        apart.advance(one, np.ones(4))
    assert_same_state(together.state(), apart.state())
