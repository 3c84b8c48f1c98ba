"""The compiled kernel computes what plain torch computes. Shape suffixes as in `streammtl.types`.

Every combination of widths, columns, optimizer and precision compiles a kernel of its own, the first time on a machine:
so tests share them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from streammtl.models._experts import NetworkExpert
from streammtl.models._mlp_quantiles import Quantiles
from streammtl.models.mlp import Mlp
from streammtl.models.optimizers import AdaGrad, Adam, Factored, KernelOptimizer, RmsProp, Sgd
from streammtl.tasks.base import Task
from streammtl.tasks.binary import BinaryTask
from streammtl.tasks.count import CountTask
from streammtl.tasks.multiclass import MulticlassTask
from streammtl.tasks.regression import RegressionTask
from streammtl.testing.models import LAYOUT, example_ops, example_tasks
from streammtl.types import Ops, RowLayout, State
from streammtl.weighting.base import ApplyTo, Needs

#: Compiles many kernels.
pytestmark = pytest.mark.slow

WEIGHTS_T = np.array([1.0, 0.5, 2.0, 1.5])

OPTIMIZERS: dict[str, KernelOptimizer] = {
    "sgd": Sgd(rate=0.05),
    "momentum": Sgd(rate=0.01, momentum=0.8, weight_decay=0.01),
    "adam": Adam(rate=0.01),
    "adagrad": AdaGrad(rate=0.02),
    "rmsprop": RmsProp(rate=0.002),
    "factored": Factored(rate=0.1),
}
#: All of them; slow are those that the other tests can do without, since each compiles a kernel.
KINDS = [
    "sgd",
    "adam",
    "factored",
    *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("momentum", "adagrad", "rmsprop")),
]


def settings(optimizer: KernelOptimizer = OPTIMIZERS["sgd"], **others: Any) -> dict[str, Any]:
    """Of a model with one small network."""
    small = {"hidden": (9,), "embedding_dim": 2, "dtype": "float64"}
    return {**small, "experts": (NetworkExpert(optimizer=optimizer),), **others}


def values_of(model: Mlp, expert: int = 0) -> State:
    values: State = list(model.state()["experts"].values())[expert]["values"]
    return values


def as_read(
    ops: Ops, config: Mlp.Config, layout: RowLayout = LAYOUT, expert: int = 0, after: State | None = None
) -> Ops:
    """On rows as the expert's network reads them; `after` is the state of a model that has seen others before."""
    chosen = config.experts[expert]
    assert isinstance(chosen, NetworkExpert)
    if not any(layout.dense_is_scaled):
        return ops
    quantiles = Quantiles(layout, config.tails, config.bins if chosen.bins else None)
    if after is not None:
        quantiles.load(after["quantiles"])
    return quantiles.place(ops)


def assert_equal_after_learning(
    config: Mlp.Config,
    tasks: tuple[Task, ...],
    ops: Ops,
    tolerance: float = 1e-9,
    apply_to: ApplyTo = "trunk",
    layout: RowLayout = LAYOUT,
    expert: int = 0,
) -> State:
    """Run kernel and twin over the same operations and compare every parameter; returns those of the kernel."""
    model = config.build(layout, tasks, Needs.LOSSES, apply_to, seed=3)
    assert isinstance(model, Mlp)
    twin = model.to_torch(expert)
    before = values_of(model, expert)
    model.advance(ops, WEIGHTS_T)
    by_name = sorted(range(len(tasks)), key=lambda t: tasks[t].name)
    ops = as_read(ops, config, layout, expert)
    for n in range(len(ops)):
        dense_D, category_C = ops.dense_RD[ops.row_N[n]], ops.category_RC[ops.row_N[n]]
        if ops.is_learn_N[n]:
            twin.learn(dense_D, category_C, ops.labels_NT[n][by_name], WEIGHTS_T[by_name], apply_to)
        else:
            twin.predict(dense_D, category_C)
    expected, found = twin.values(), values_of(model, expert)
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], rtol=tolerance, atol=tolerance, err_msg=name)
    assert any((found[name] != before[name]).any() for name in found)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_every_optimizer(kind: str) -> None:
    config = Mlp.Config(**settings(OPTIMIZERS[kind], clip_norm=3.0))
    assert_equal_after_learning(config, example_tasks(), example_ops(250))


@pytest.mark.parametrize("cap", [0.1, None])
@pytest.mark.parametrize("kind", ["sgd", "factored"])
def test_caps(kind: str, cap: float | None) -> None:
    config = Mlp.Config(**settings(OPTIMIZERS[kind], cap=cap))
    assert_equal_after_learning(config, example_tasks(), example_ops(250))


@pytest.mark.parametrize("kind", KINDS)
def test_a_cap_shortens_the_steps_of_sgd_and_factored_only(kind: str) -> None:
    weights = []
    for cap in (1.0, 0.1, None):
        model = Mlp.Config(**settings(OPTIMIZERS[kind], cap=cap)).build(LAYOUT, example_tasks(), seed=3)
        assert isinstance(model, Mlp)
        model.advance(example_ops(250), WEIGHTS_T)
        weights.append(values_of(model)["heads/visits/weight"])
    differs = [not np.array_equal(weights[0], other) for other in weights[1:]]
    assert differs == [kind in ("sgd", "factored")] * 2


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
    assert_equal_after_learning(Mlp.Config(**settings()), tasks, example_ops(120, seed=1))


@pytest.mark.parametrize("kind", ["sgd", "factored"])
@pytest.mark.parametrize("apply_to", ["trunk", "all"])
@pytest.mark.parametrize("clips", [{}, {"cap": None}, {"clip_norm": 0.5, "clip_task_norm": 0.2}])
def test_weights_and_clipping(apply_to: ApplyTo, clips: dict[str, Any], kind: str) -> None:
    config = Mlp.Config(**settings(OPTIMIZERS[kind], **clips))
    assert_equal_after_learning(config, example_tasks(), example_ops(120, seed=2), apply_to=apply_to)


@pytest.mark.parametrize("apply_to", ["trunk", "all"])
@pytest.mark.parametrize(
    "others",
    [
        settings(hidden=(5,), head_hidden=(9, 3), activation="relu"),
        settings(OPTIMIZERS["factored"], hidden=(17, 8, 5), head_hidden=(7,), embedding_dim=3),
    ],
    ids=["two private layers", "three layers and a private one"],
)
def test_every_architecture(others: dict[str, Any], apply_to: ApplyTo) -> None:
    assert_equal_after_learning(Mlp.Config(**others), example_tasks(), example_ops(120, seed=4), apply_to=apply_to)


@pytest.mark.parametrize("kind", [pytest.param("sgd", marks=pytest.mark.slow), "factored"])
def test_a_linear_model(kind: str) -> None:
    leader = NetworkExpert(optimizer=OPTIMIZERS["sgd"])
    linear = NetworkExpert(optimizer=OPTIMIZERS[kind], hidden=())
    config = Mlp.Config(**settings(experts=(leader, linear)))
    assert_equal_after_learning(config, example_tasks(), example_ops(250), expert=1)


def test_bins_of_dense_columns() -> None:
    expert = NetworkExpert(optimizer=OPTIMIZERS["factored"], bins=True)
    config = Mlp.Config(**settings(experts=(expert,)))
    assert_equal_after_learning(config, example_tasks(), example_ops(400))


@pytest.mark.slow
def test_dense_inputs_only() -> None:
    ops = example_ops(250)
    dense = Ops(ops.is_learn_N, ops.row_N, ops.labels_NT, ops.dense_RD, np.zeros((len(ops.dense_RD), 0), np.int32))
    layout = RowLayout(("a", "b", "c"), (True, True, False), (), ())
    config = Mlp.Config(**settings(hidden=(8, 8)))
    assert_equal_after_learning(config, example_tasks(), dense, layout=layout)


@pytest.mark.slow
def test_categories_only() -> None:
    ops = example_ops(250)
    categories = Ops(
        ops.is_learn_N, ops.row_N, ops.labels_NT, np.zeros((len(ops.dense_RD), 0), np.float32), ops.category_RC
    )
    layout = RowLayout((), (), ("m",), (7,))
    config = Mlp.Config(**settings(OPTIMIZERS["factored"]))
    assert_equal_after_learning(config, example_tasks(), categories, layout=layout)


def test_categories_that_no_table_has_and_labels_of_no_class() -> None:
    ops = example_ops(120)
    category_RC, labels_NT = ops.category_RC.copy(), ops.labels_NT.copy()
    category_RC[::9], category_RC[1::9] = 7, -1
    labels_NT[::5, 1] = np.where(np.isnan(labels_NT[::5, 1]), np.nan, 4.0)
    strange = Ops(ops.is_learn_N, ops.row_N, labels_NT, ops.dense_RD, category_RC)
    assert_equal_after_learning(Mlp.Config(**settings()), example_tasks(), strange)


@pytest.mark.parametrize("kind", ["sgd", "factored"])
def test_wild_counts(kind: str) -> None:
    ops = example_ops(120)
    labels_NT = ops.labels_NT.copy()
    labels_NT[::17, 3] *= 1e9
    wild = Ops(ops.is_learn_N, ops.row_N, labels_NT, ops.dense_RD, ops.category_RC)
    assert_equal_after_learning(Mlp.Config(**settings(OPTIMIZERS[kind])), example_tasks(), wild)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sgd", "factored"])
def test_labels_and_features_whose_units_change(kind: str) -> None:
    ops = example_ops(1600)
    late_R = np.arange(len(ops.dense_RD)) > 500
    dense_RD, labels_NT = ops.dense_RD.copy(), ops.labels_NT.copy()
    dense_RD[~late_R] *= 1e5
    labels_NT[ops.row_N <= 500, 2] *= 1e5
    wide = Ops(ops.is_learn_N, ops.row_N, labels_NT, dense_RD, ops.category_RC)
    assert_equal_after_learning(Mlp.Config(**settings(OPTIMIZERS[kind])), example_tasks(), wide, 1e-8)


@pytest.mark.parametrize("kind", [pytest.param("sgd", marks=pytest.mark.slow), "factored"])
def test_single_precision(kind: str) -> None:
    config = Mlp.Config(**settings(OPTIMIZERS[kind], dtype="float32"))
    assert_equal_after_learning(config, example_tasks(), example_ops(250), 2e-4)


def test_weights_move_both_ways() -> None:
    ops = example_ops(100)
    model, other = (Mlp.Config(**settings()).build(LAYOUT, example_tasks(), seed=seed) for seed in (0, 1))
    assert isinstance(model, Mlp)
    assert isinstance(other, Mlp)
    model.advance(ops, WEIGHTS_T)
    other.from_torch(model.to_torch())
    expected, found = values_of(model), values_of(other)
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_twin_of_a_model_that_has_learned_goes_on_as_it_does(kind: str) -> None:
    first, second = example_ops(150), example_ops(150, seed=1)
    config = Mlp.Config(**settings(OPTIMIZERS[kind]))
    model = config.build(LAYOUT, example_tasks())
    assert isinstance(model, Mlp)
    model.advance(first, WEIGHTS_T)
    twin = model.to_torch()
    learns = np.flatnonzero(second.is_learn_N)[:50]
    features = second.dense_RD, second.category_RC
    ops = Ops(second.is_learn_N[learns], second.row_N[learns], second.labels_NT[learns], *features)
    read = as_read(ops, config, after=model.state())
    by_name = [2, 1, 0, 3]  # amount, band, is_high, visits
    for n in range(len(read)):
        row = read.row_N[n]
        twin.learn(read.dense_RD[row], read.category_RC[row], read.labels_NT[n][by_name], WEIGHTS_T[by_name], "trunk")
    model.advance(ops, WEIGHTS_T)
    expected, found = twin.values(), values_of(model)
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-9, atol=1e-9, err_msg=name)


def test_the_twin_predicts_what_the_model_predicts() -> None:
    config = Mlp.Config(**settings())
    model = config.build(LAYOUT, (RegressionTask.Config().build("amount"),))
    assert isinstance(model, Mlp)
    ops = example_ops(100)
    labels_N1 = ops.labels_NT[:, 2:3].copy()
    model.advance(Ops(ops.is_learn_N, ops.row_N, labels_N1, ops.dense_RD, ops.category_RC), np.ones(1))
    twin = model.to_torch()
    mean, scale, _ = twin.statistics.unit_3T[:, 0]
    row = Ops(np.array([False]), np.array([5]), np.full((1, 1), np.nan), ops.dense_RD, ops.category_RC)
    read = as_read(row, config, after=model.state())
    expected = twin.predict(read.dense_RD[0], read.category_RC[0]) * scale + mean
    np.testing.assert_allclose(model.advance(row, np.ones(1)).outputs_PO[0], expected, rtol=1e-12)
