"""The per-event model by itself. Shape suffixes as in `streammtl.types`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from streammtl.models._network import Network
from streammtl.models.mlp import Mlp
from streammtl.models.optimizers import Sgd
from streammtl.tasks.base import Task
from streammtl.tasks.binary import BinaryTask
from streammtl.tasks.multiclass import MulticlassTask
from streammtl.tasks.regression import RegressionTask
from streammtl.testing.models import assert_same_state, example_ops, example_tasks
from streammtl.types import Floats, Ops
from tests.models.small import build, one, only, rows_in_order

nan = math.nan
REGRESSION: tuple[Task, ...] = (RegressionTask.Config().build("y"),)
BINARY: tuple[Task, ...] = (BinaryTask.Config().build("y"),)


def line(n_rows: int) -> tuple[Floats, Floats]:
    x_RD = np.random.default_rng(0).normal(size=(n_rows, 2))
    return x_RD, 100.0 + x_RD[:, :1] - x_RD[:, 1:]


def predicts(x_RD: Any) -> Ops:
    return only(rows_in_order(x_RD, np.zeros((len(x_RD), 1))), is_learn=False)


def units(model: Mlp) -> Floats:
    unit: Floats = model.state()["statistics"]["tasks"]["y"]["unit"]
    return unit


def inputs(model: Mlp) -> Floats:
    """Running scales of the first two columns."""
    scale_6D: Floats = model.state()["statistics"]["inputs"]
    return scale_6D[:, :2]


def test_a_change_of_units_of_the_label_does_not_move_the_function() -> None:
    model = build(REGRESSION)
    x_RD, y_RT = line(2000)
    model.advance(rows_in_order(x_RD, y_RT), np.ones(1))
    before = units(model)
    # Steps of no length: nothing but the units can move. A name of its own would keep it from loading the state.
    frozen = build(REGRESSION, one(Sgd(rate=1e-30)))
    state = model.state()
    state["experts"] = {"sgd-1e-30": state["experts"]["sgd-0.05"]}
    state["mixture"] = {"y": state["mixture"]["y"]}
    frozen.load(state)
    expected = frozen.advance(predicts(x_RD[:20]), np.ones(1)).outputs_PO
    moved = np.repeat([[100.0], [300.0]], 50, axis=0)
    frozen.advance(only(rows_in_order(np.repeat(x_RD[:1], 100, axis=0), moved), is_learn=True), np.ones(1))
    assert abs(units(frozen)[0] - before[0]) > before[1]  # the mean moved by more than a deviation
    found = frozen.advance(predicts(x_RD[:20]), np.ones(1)).outputs_PO
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_the_units_of_a_head_follow_the_labels_in_few_jumps() -> None:
    model = build(REGRESSION)
    x_RD, y_RT = line(3000)
    found = []
    for row in range(3000):
        model.advance(rows_in_order(x_RD[row : row + 1], y_RT[row : row + 1]), np.ones(1))
        found.append(tuple(units(model)))
    assert len(set(found)) < 300
    assert abs(found[-1][0] - y_RT.mean()) < 0.05 * y_RT.std()
    assert found[-1][1] == pytest.approx(y_RT.std(), rel=0.03)


def test_inputs_are_standardised_by_running_mean_and_deviation() -> None:
    model = build(BINARY)
    x_RD = np.random.default_rng(0).normal(size=(500, 2)) * [1.0, 1e5] + [0.0, 1e6]
    model.advance(predicts(x_RD), np.ones(1))
    n_D, mean_D, squares_D, *_ = inputs(model)
    x32_RD = x_RD.astype(np.float32).astype(np.float64)
    np.testing.assert_array_equal(n_D, [500, 500])
    np.testing.assert_allclose(mean_D, x32_RD.mean(axis=0), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(squares_D / n_D, x32_RD.var(axis=0), rtol=1e-9)


def test_a_row_enters_the_statistics_once() -> None:
    model = build(BINARY)
    model.advance(rows_in_order([[1.0, 2.0], [3.0, nan]], [[0.0], [1.0]]), np.ones(1))
    np.testing.assert_array_equal(inputs(model)[0], [2, 1])


def test_rows_learned_without_having_been_predicted_enter_the_statistics_too() -> None:
    model = build(BINARY)
    model.advance(only(rows_in_order([[1.0, 2.0], [3.0, nan]], [[0.0], [1.0]]), is_learn=True), np.ones(1))
    np.testing.assert_array_equal(inputs(model)[0], [2, 1])


def test_a_class_never_seen_has_its_floor_only() -> None:
    model = build((MulticlassTask.Config(max_classes=3).build("y"),))
    learned = rows_in_order([[0.0, 0.0], [1.0, 1.0]], [[0.0], [2.0]])
    outputs = model.advance(learned, np.ones(1)).outputs_PO
    np.testing.assert_allclose(outputs[0], [1 / 3] * 3)
    later = model.advance(predicts([[0.0, 0.0]]), np.ones(1)).outputs_PO[0]
    assert later[1] == pytest.approx(1e-3 / 3)
    assert later.sum() == pytest.approx(1.0)


def test_a_category_outside_its_table_counts_as_missing() -> None:
    ops = example_ops(50)
    far, none = (
        Ops(ops.is_learn_N, ops.row_N, ops.labels_NT, ops.dense_RD, np.full_like(ops.category_RC, value))
        for value in (10_000, 0)
    )
    outputs = [build(example_tasks()).advance(each, np.ones(4)).outputs_PO for each in (far, none)]
    np.testing.assert_array_equal(outputs[0], outputs[1])


def test_an_operation_on_a_row_that_does_not_exist_is_refused() -> None:
    ops = predicts([[1.0, 2.0]])
    wrong = Ops(ops.is_learn_N, ops.row_N + 1, ops.labels_NT, ops.dense_RD, ops.category_RC)
    with pytest.raises(IndexError, match="operation 0 names row 1 of 1"):
        build(BINARY).advance(wrong, np.ones(1))


def test_settings_that_are_no_part_of_the_kernel_need_no_compiling() -> None:
    one_model = build(BINARY, one(Sgd(rate=0.1), clip_norm=10.0))
    other = build((*REGRESSION, MulticlassTask.Config(max_classes=9).build("z")), one(Sgd(rate=0.2)))
    assert _network(one_model).kernel is _network(other).kernel


def _network(model: Mlp) -> Network:
    return model._experts[0].networks[0]


def test_a_learn_right_after_its_predict_equals_one_in_a_later_call() -> None:
    ops = example_ops(60)
    together, apart = (build(example_tasks(), Mlp.Config()) for _ in range(2))
    together.advance(ops, np.ones(4))
    for n in range(len(ops)):
        here = slice(n, n + 1)
        each = Ops(ops.is_learn_N[here], ops.row_N[here], ops.labels_NT[here], ops.dense_RD, ops.category_RC)
        apart.advance(each, np.ones(4))
    assert_same_state(together.state(), apart.state())
