"""What a step of the shared-bottom model does, against a plain torch network.

Shape suffixes as in `streammtl.types`; B rows of a step.
"""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from streammtl.models._labels import LabelStatistics
from streammtl.models.optimizers import Sgd
from streammtl.models.shared_bottom import SharedBottom
from streammtl.tasks.base import Task
from streammtl.tasks.binary import BinaryTask
from streammtl.tasks.count import CountTask
from streammtl.tasks.multiclass import MulticlassTask
from streammtl.tasks.regression import RegressionTask
from streammtl.types import Floats, Ops, RowLayout, Signals
from streammtl.weighting.base import Needs

nan = math.nan
RATE = 0.5
LAYOUT = RowLayout(("a", "b"), (False, False), (), ())
X_RD = np.array([[0.5, -1.0], [2.0, 0.1], [-0.3, 0.7]], dtype=np.float32)
TASKS = (BinaryTask.Config().build("yes"), CountTask.Config().build("count"))
#: The last row has no label of the second task.
LABELS_RT = np.array([[1.0, 2.0], [0.0, 5.0], [1.0, nan]])


def learns(labels_RT: Floats, x_RD: Any = X_RD) -> Ops:
    n_rows = len(labels_RT)
    category_RC = np.zeros((n_rows, 0), dtype=np.int32)
    return Ops(np.ones(n_rows, dtype=bool), np.arange(n_rows), labels_RT, x_RD, category_RC)


def predicts(x_RD: Any = X_RD, n_tasks: int = 2) -> Ops:
    n_rows = len(x_RD)
    labels_NT = np.full((n_rows, n_tasks), nan)
    return Ops(np.zeros(n_rows, dtype=bool), np.arange(n_rows), labels_NT, x_RD, np.zeros((n_rows, 0), dtype=np.int32))


def config(**settings: Any) -> SharedBottom.Config:
    return SharedBottom.Config(
        **{"hidden": (4,), "rows_per_step": 3, "optimizer": Sgd(rate=RATE), "clip_norm": None} | settings
    )


class Plain:
    """The same network with one backward pass per task, for two steps on the same rows."""

    def __init__(self, state: dict[str, Any]) -> None:
        tensors = state["network"]["trunk"]["tensors"]
        self.trunk = [torch.tensor(tensors[name], requires_grad=True) for name in ("0.weight", "0.bias")]
        self.heads = [
            [torch.tensor(state["network"]["heads"][task.name]["tensors"][n], requires_grad=True) for n in names]
            for task in TASKS
            for names in [("0.weight", "0.bias")]
        ]

    def shared(self) -> torch.Tensor:
        x_BI = torch.cat((torch.from_numpy(X_RD), torch.zeros(3, 2)), dim=1)
        return torch.relu(functional.linear(x_BI, *self.trunk))

    def loss(self, task: int) -> torch.Tensor:
        rows = np.flatnonzero(~np.isnan(LABELS_RT[:, task]))
        raw_BK = functional.linear(self.shared()[rows], *self.heads[task])
        label_B = torch.tensor(LABELS_RT[rows, task], dtype=torch.float32)
        return TASKS[task].loss_torch(raw_BK, label_B).mean()

    def step(self, trunk_weights: tuple[float, float], head_weights: tuple[float, float]) -> list[float]:
        losses = [self.loss(task) for task in (0, 1)]
        into_trunk = [torch.zeros_like(p) for p in self.trunk]
        updates = []
        for task in (0, 1):
            *trunk, weight, bias = torch.autograd.grad(losses[task], [*self.trunk, *self.heads[task]])
            into_trunk = [total + trunk_weights[task] * g for total, g in zip(into_trunk, trunk, strict=True)]
            updates += [(p, head_weights[task] * g) for p, g in zip(self.heads[task], (weight, bias), strict=True)]
        with torch.no_grad():
            for parameter, gradient in [*updates, *zip(self.trunk, into_trunk, strict=True)]:
                parameter.sub_(RATE * gradient)
        return [loss.item() for loss in losses]


def assert_same_network(model: SharedBottom, plain: Plain) -> None:
    network = model.state()["network"]
    for got, expected in zip(network["trunk"]["tensors"].values(), plain.trunk, strict=True):
        np.testing.assert_allclose(got, expected.detach().numpy(), rtol=1e-5, atol=1e-6)
    for task, head in zip(TASKS, plain.heads, strict=True):
        for got, expected in zip(network["heads"][task.name]["tensors"].values(), head, strict=True):
            np.testing.assert_allclose(got, expected.detach().numpy(), rtol=1e-5, atol=1e-6)


def build(settings: SharedBottom.Config, *args: Any, tasks: tuple[Task, ...] = TASKS) -> SharedBottom:
    model = settings.build(LAYOUT, tasks, *args)
    assert isinstance(model, SharedBottom)
    return model


def test_weights_scale_the_gradient_into_the_trunk_only() -> None:
    model = build(config())
    plain = Plain(model.state())
    for _ in range(3):
        model.advance(learns(LABELS_RT), np.array([0.3, 1.7]))
        plain.step((0.3, 1.7), (1.0, 1.0))
    assert_same_network(model, plain)


def test_weights_scale_the_heads_too_with_apply_to_all() -> None:
    model = build(config(), Needs.LOSSES, "all")
    plain = Plain(model.state())
    for _ in range(3):
        model.advance(learns(LABELS_RT), np.array([0.3, 1.7]))
        plain.step((0.3, 1.7), (0.3, 1.7))
    assert_same_network(model, plain)


def test_signals_are_mean_losses_before_and_after() -> None:
    model = build(config(), Needs.LOSSES_AFTER)
    plain = Plain(model.state())
    before, after = [], []
    for _ in range(2):
        model.advance(learns(LABELS_RT), np.ones(2))
        before.append(plain.step((1.0, 1.0), (1.0, 1.0)))
        after.append([plain.loss(task).item() for task in (0, 1)])
    signals = model.take_signals()
    np.testing.assert_array_equal(signals.n_labels_T, [6, 4])
    np.testing.assert_allclose(signals.losses_T, np.mean(before, axis=0), rtol=1e-5)
    assert signals.losses_after_T is not None
    np.testing.assert_allclose(signals.losses_after_T, np.mean(after, axis=0), rtol=1e-5)


def gramian(signals: Signals) -> Floats:
    assert signals.gramian_TT is not None
    return signals.gramian_TT


def test_gramian_is_that_of_decayed_gradients_of_the_last_shared_weight() -> None:
    model = build(config(), Needs.GRAMIAN)
    plain = Plain(model.state())
    decay = math.exp(-3 / 256)
    total = np.zeros((2, 16))
    for _ in range(3):
        gradients = [torch.autograd.grad(plain.loss(t), plain.trunk[0])[0].numpy().ravel() for t in (0, 1)]
        total = decay * total + (1.0 - decay) * np.array(gradients)
        model.advance(learns(LABELS_RT), np.ones(2))
        plain.step((1.0, 1.0), (1.0, 1.0))
    average = total / (1.0 - decay**3)
    np.testing.assert_allclose(gramian(model.take_signals()), average @ average.T, rtol=1e-4)


def test_a_task_gradient_is_clipped_before_its_weight() -> None:
    def moved(weight: float) -> Floats:
        model = build(config(clip_task_norm=1e-3))
        model.advance(learns(LABELS_RT), np.ones(2))  # the heads leave zero, the trunk cannot move yet
        before: Floats = model.state()["network"]["trunk"]["tensors"]["0.weight"]
        model.advance(learns(LABELS_RT), np.array([weight, 0.0]))
        after: Floats = model.state()["network"]["trunk"]["tensors"]["0.weight"]
        return after - before

    np.testing.assert_allclose(moved(2.0), 2.0 * moved(1.0), rtol=1e-2, atol=1e-7)
    assert 0.0 < np.abs(moved(1.0)).max() < 10 * RATE * 1e-3


def test_the_gradient_of_all_parameters_is_clipped() -> None:
    model = build(config(clip_norm=1e-2))
    before = model.state()["network"]
    model.advance(learns(LABELS_RT), np.ones(2))
    after = model.state()["network"]
    groups = [("trunk", before["trunk"], after["trunk"])]
    groups += [(name, before["heads"][name], after["heads"][name]) for name in ("yes", "count")]
    moves = [new["tensors"][n] - old["tensors"][n] for _, old, new in groups for n in old["tensors"]]
    assert math.sqrt(sum(float((move**2).sum()) for move in moves)) == pytest.approx(RATE * 1e-2, rel=1e-3)


def test_a_head_without_labels_keeps_its_parameters_and_moments() -> None:
    model = build(config(optimizer={"kind": "adam"}))
    model.advance(learns(LABELS_RT), np.ones(2))
    before = model.state()["network"]["heads"]["count"]
    model.advance(learns(np.array([[1.0, nan]] * 3)), np.ones(2))
    after = model.state()["network"]["heads"]["count"]
    assert before["n_steps"] == after["n_steps"] == 1
    for kind in ("tensors", "slots"):
        for name, array in before[kind].items():
            np.testing.assert_array_equal(after[kind][name], array)


def test_embedding_rows_that_do_not_occur_stay() -> None:
    layout = RowLayout((), (), ("m",), (5,))
    model = config(rows_per_step=2, optimizer={"kind": "adam"}).build(layout, (TASKS[0],))
    category_RC = np.array([[1], [3]], dtype=np.int32)
    ops = Ops(np.ones(2, dtype=bool), np.arange(2), np.array([[1.0], [0.0]]), np.zeros((2, 0), np.float32), category_RC)
    before = model.state()["network"]["embeddings"]["tensors"]["m"]
    for _ in range(2):
        model.advance(ops, np.ones(1))
    moved_B = (model.state()["network"]["embeddings"]["tensors"]["m"] != before).any(axis=1)
    np.testing.assert_array_equal(moved_B, [False, True, False, True, False])


def test_a_step_whose_gradient_is_not_finite_is_skipped_and_counted() -> None:
    wild = np.array([[1.0, 1e12]] * 3)
    model = build(config())
    model.advance(learns(LABELS_RT), np.ones(2))
    model.take_signals()
    before = model.state()["network"]
    strides = model.advance(learns(wild, np.full((3, 2), 8.0, dtype=np.float32)), np.ones(2))
    assert (strides.n_steps, strides.n_steps_skipped) == (0, 1)
    np.testing.assert_array_equal(
        model.state()["network"]["trunk"]["tensors"]["0.weight"], before["trunk"]["tensors"]["0.weight"]
    )
    np.testing.assert_array_equal(model.take_signals().n_labels_T, [0, 0])


def test_published_values_do_not_jump_when_the_units_of_the_labels_move() -> None:
    tasks = (RegressionTask.Config().build("y"),)
    # A rate so small that all that moves is the mean and the deviation of the labels.
    model = build(config(optimizer=Sgd(rate=1e-12)), tasks=tasks)
    fast = build(config(optimizer=Sgd(rate=0.1)), tasks=tasks)
    for _ in range(20):
        fast.advance(learns(np.array([[10.0], [30.0], [20.0]])), np.ones(1))
    model.load(fast.state())
    before_PO = model.advance(predicts(n_tasks=1), np.ones(1)).outputs_PO
    assert np.ptp(before_PO) > 5.0
    for shift in (100.0, -1e4, 1e6):
        model.advance(learns(np.array([[shift], [30.0], [20.0]])), np.ones(1))
        after_PO = model.advance(predicts(n_tasks=1), np.ones(1)).outputs_PO
        scale = float(model.state()["labels"]["scale"]["squares"][0]) ** 0.5
        np.testing.assert_allclose(after_PO, before_PO, atol=1e-5 * scale)


def test_units_of_the_labels_do_not_matter() -> None:
    labels_RT = np.array([[1.0], [3.0], [2.0]])
    outputs = []
    for unit in (1.0, 1e6, 1e-6):
        model = build(config(rows_per_step=1), tasks=(RegressionTask.Config().build("y"),))
        for _ in range(30):
            model.advance(learns(unit * labels_RT), np.ones(1))
        outputs.append(model.advance(predicts(n_tasks=1), np.ones(1)).outputs_PO / unit)
    np.testing.assert_allclose(outputs[1], outputs[0], rtol=1e-3)
    np.testing.assert_allclose(outputs[2], outputs[0], rtol=1e-3)


def test_a_class_is_published_from_the_step_that_learned_it() -> None:
    task = MulticlassTask.Config(max_classes=3).build("band")
    model = build(config(rows_per_step=1), tasks=(task,))
    task.encode_labels(["low", "high"])  # known to the task, not yet to the model
    assert task.describe(model.advance(predicts(X_RD[:1], 1), np.ones(1)).outputs_PO[0])["class"] is None
    model.advance(learns(np.array([[1.0]])), np.ones(1))
    described = task.describe(model.advance(predicts(X_RD[:1], 1), np.ones(1)).outputs_PO[0])
    assert described == {"class": "high", "probabilities": {"high": pytest.approx(0.9993333)}}


def test_standardised_labels_are_clipped() -> None:
    labels = LabelStatistics((RegressionTask.Config().build("y"),), memory_rows=1000)
    labels.update(np.array([[-1.0], [1.0]]))
    np.testing.assert_array_equal(labels.standardised(0, np.array([1e30, -1e30, 0.5])), [50.0, -50.0, 0.5])


def test_a_missing_value_is_the_mean_with_a_mark() -> None:
    layout = RowLayout(("a",), (True,), (), ())
    model = config(rows_per_step=2).build(layout, (TASKS[0],))
    assert isinstance(model, SharedBottom)
    model._inputs.update(np.array([[1.0], [3.0]], dtype=np.float32))
    inputs_BI = np.zeros((3, 2), dtype=np.float32)
    model._inputs.write(np.array([[3.0], [nan], [1e38]], dtype=np.float32), inputs_BI)
    np.testing.assert_array_equal(inputs_BI, [[1.0, 0.0], [0.0, 1.0], [8.0, 0.0]])


def test_importing_the_family_does_not_import_torch() -> None:
    import subprocess
    import sys

    code = "import sys; from streammtl.component import members; members('models'); members('tasks'); " + (
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
