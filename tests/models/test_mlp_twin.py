"""The compiled kernel computes what plain torch computes. Shape suffixes as in `streammtl.types`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from streammtl.models.mlp import Mlp
from streammtl.models.optimizers import AdaGrad, Adam, AnyOptimizer, RmsProp, Sgd
from streammtl.tasks.base import Task
from streammtl.tasks.binary import BinaryTask
from streammtl.tasks.count import CountTask
from streammtl.tasks.multiclass import MulticlassTask
from streammtl.tasks.regression import RegressionTask
from streammtl.testing.models import LAYOUT, example_ops, example_tasks
from streammtl.types import Ops, RowLayout
from streammtl.weighting.base import ApplyTo, Needs

WEIGHTS_T = np.array([1.0, 0.5, 2.0, 1.5])

OPTIMIZERS: dict[str, AnyOptimizer] = {
    "sgd": Sgd(rate=0.02),
    "momentum": Sgd(rate=0.01, momentum=0.8, weight_decay=0.01),
    "adam": Adam(rate=0.01),
    "adagrad": AdaGrad(rate=0.02),
    "rmsprop": RmsProp(rate=0.002),
}


def assert_equal_after_learning(
    config: Mlp.Config,
    tasks: tuple[Task, ...],
    ops: Ops,
    tolerance: float,
    apply_to: ApplyTo = "trunk",
    layout: RowLayout = LAYOUT,
) -> None:
    """Run kernel and twin over the same operations and compare every parameter."""
    model = config.build(layout, tasks, Needs.LOSSES, apply_to, seed=3)
    assert isinstance(model, Mlp)
    twin = model.to_torch()
    before = model.state()["network"]["values"]
    model.advance(ops, WEIGHTS_T)
    by_name = sorted(range(len(tasks)), key=lambda t: tasks[t].name)
    for n in range(len(ops)):
        dense_D, category_C = ops.dense_RD[ops.row_N[n]], ops.category_RC[ops.row_N[n]]
        if ops.is_learn_N[n]:
            twin.learn(dense_D, category_C, ops.labels_NT[n][by_name], WEIGHTS_T[by_name], apply_to)
        else:
            twin.predict(dense_D, category_C)
    expected, found = twin.values(), model.state()["network"]["values"]
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], rtol=tolerance, atol=tolerance, err_msg=name)
    assert any((found[name] != before[name]).any() for name in found)


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_every_optimizer(kind: str) -> None:
    config = Mlp.Config(hidden=(9,), embedding_dim=2, dtype="float64", optimizer=OPTIMIZERS[kind], clip_norm=3.0)
    assert_equal_after_learning(config, example_tasks(), example_ops(250), 1e-9)


LOSSES: dict[str, tuple[Task, Task]] = {
    "binary": (
        BinaryTask.Config(class_weight=3.0, label_smoothing=0.2).build("is_high"),
        BinaryTask.Config(focal_gamma=2.0, class_weight=0.5).build("is_high"),
    ),
    "multiclass": (
        MulticlassTask.Config(classes=("0", "1", "2", "3"), label_smoothing=0.1).build("band"),
        MulticlassTask.Config(max_classes=5, label_smoothing=0.1).build("band"),
    ),
    "regression": (
        RegressionTask.Config(loss="squared").build("amount"),
        RegressionTask.Config(loss="quantile", quantile=0.8).build("amount"),
    ),
    "regression, robust": (
        RegressionTask.Config(loss="absolute").build("amount"),
        RegressionTask.Config(loss="huber", delta=0.3).build("amount"),
    ),
    "count": (CountTask.Config().build("visits"), CountTask.Config().build("visits")),
}


@pytest.mark.parametrize("losses", LOSSES)
@pytest.mark.parametrize("which", [0, 1])
def test_every_loss(losses: str, which: int) -> None:
    task = LOSSES[losses][which]
    tasks = tuple(task if task.name == other.name else other for other in example_tasks())
    config = Mlp.Config(hidden=(9,), embedding_dim=2, dtype="float64", optimizer=Sgd(rate=0.02))
    assert_equal_after_learning(config, tasks, example_ops(250, seed=1), 1e-9)


@pytest.mark.parametrize("apply_to", ["trunk", "all"])
@pytest.mark.parametrize("clips", [{}, {"clip_norm": None}, {"clip_norm": 0.5, "clip_task_norm": 0.2}])
def test_weights_and_clipping(apply_to: ApplyTo, clips: dict[str, Any]) -> None:
    config = Mlp.Config(hidden=(9,), embedding_dim=2, dtype="float64", optimizer=Sgd(rate=0.02), **clips)
    assert_equal_after_learning(config, example_tasks(), example_ops(250, seed=2), 1e-9, apply_to)


@pytest.mark.parametrize(
    "settings",
    [
        {"hidden": (17, 8, 5), "activation": "silu"},
        {"hidden": (16, 11), "head_hidden": (7, 3), "activation": "silu", "optimizer": Adam(rate=0.01)},
        {"hidden": (5,), "head_hidden": (9,)},
    ],
    ids=["three layers", "private layers", "one private layer"],
)
def test_every_architecture(settings: dict[str, Any]) -> None:
    config = Mlp.Config(embedding_dim=3, dtype="float64", **settings)
    assert_equal_after_learning(config, example_tasks(), example_ops(250, seed=4), 1e-9)


def test_dense_inputs_only() -> None:
    ops = example_ops(250)
    dense = Ops(ops.is_learn_N, ops.row_N, ops.labels_NT, ops.dense_RD, np.zeros((len(ops.dense_RD), 0), np.int32))
    layout = RowLayout(("a", "b", "c"), (True, True, False), (), ())
    config = Mlp.Config(hidden=(8, 8), dtype="float64")
    assert_equal_after_learning(config, example_tasks(), dense, 1e-9, layout=layout)


def test_categories_only() -> None:
    ops = example_ops(250)
    categories = Ops(
        ops.is_learn_N, ops.row_N, ops.labels_NT, np.zeros((len(ops.dense_RD), 0), np.float32), ops.category_RC
    )
    layout = RowLayout((), (), ("m",), (7,))
    config = Mlp.Config(hidden=(8,), dtype="float64", embedding_dim=4)
    assert_equal_after_learning(config, example_tasks(), categories, 1e-9, layout=layout)


def test_single_precision() -> None:
    config = Mlp.Config(hidden=(9,), embedding_dim=2, optimizer=Sgd(rate=0.02))
    assert_equal_after_learning(config, example_tasks(), example_ops(250), 2e-4)


def test_weights_move_both_ways() -> None:
    config = Mlp.Config(hidden=(9,), embedding_dim=2, optimizer=Sgd(rate=0.02))
    ops = example_ops(100)
    model, other = (config.build(LAYOUT, example_tasks(), seed=seed) for seed in (0, 1))
    assert isinstance(model, Mlp)
    assert isinstance(other, Mlp)
    model.advance(ops, WEIGHTS_T)
    other.from_torch(model.to_torch())
    expected, found = model.state()["network"]["values"], other.state()["network"]["values"]
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value)


def test_the_twin_predicts_what_the_model_predicts() -> None:
    config = Mlp.Config(hidden=(9,), embedding_dim=2, dtype="float64", optimizer=Sgd(rate=0.02))
    model = config.build(LAYOUT, (RegressionTask.Config().build("amount"),))
    assert isinstance(model, Mlp)
    ops = example_ops(100)
    labels_N1 = ops.labels_NT[:, 2:3].copy()
    model.advance(Ops(ops.is_learn_N, ops.row_N, labels_N1, ops.dense_RD, ops.category_RC), np.ones(1))
    twin = model.to_torch()
    mean, scale, _ = twin.statistics.unit_3T[:, 0]
    row = Ops(np.array([False]), np.array([5]), np.full((1, 1), np.nan), ops.dense_RD, ops.category_RC)
    expected = twin.predict(ops.dense_RD[5], ops.category_RC[5]) * scale + mean
    np.testing.assert_allclose(model.advance(row, np.ones(1)).outputs_PO[0], expected, rtol=1e-12)
