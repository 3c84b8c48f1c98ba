"""Checks that every task passes.

    @pytest.mark.parametrize("kind", sorted(members("tasks")))
    def test_labels_become_floats(kind):
        check_labels_become_floats(example(kind))

A task of your own gets an `Example` of its own. Shape suffixes as in `streammtl.tasks.base`.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from streammtl.table import Table
from streammtl.tasks.base import Task
from streammtl.tasks.binary import BinaryTask
from streammtl.tasks.count import CountTask
from streammtl.tasks.multiclass import MulticlassTask
from streammtl.tasks.regression import RegressionTask
from streammtl.types import Floats

#: What no task takes for a label.
NONSENSE: tuple[Any, ...] = ("nan", "", math.nan, math.inf, -math.inf, [1], {"a": 1}, object())


@dataclass(frozen=True)
class Example:
    """Settings of a task, and labels that it reads, in this order."""

    config: Task.Config
    values: tuple[Any, ...]
    has_nonsense_text: bool = True  # False: "nan" is the name of a class like any other

    def build(self) -> Task:
        """The task."""
        return self.config.build("example")


_CLASSES: tuple[Any, ...] = ("b", "a", 3, True)

EXAMPLES: dict[str, Example] = {
    "binary": Example(BinaryTask.Config(), (1, 0, True, False, "true", "false", "0", "1", 0.0, 1.0)),
    "binary-weighted": Example(BinaryTask.Config(class_weight=7.0, label_smoothing=0.1), (1, 0)),
    "binary-focal": Example(BinaryTask.Config(focal_gamma=2.0), (1, 0)),
    "multiclass": Example(MulticlassTask.Config(classes=("a", "b", "3", "true")), _CLASSES),
    "multiclass-discovered": Example(
        MulticlassTask.Config(max_classes=4, label_smoothing=0.1, class_weights={"a": 3.0}), _CLASSES, False
    ),
    "regression": Example(RegressionTask.Config(), (1.5, -2, 0, 1e30, "2.5")),
    "regression-huber": Example(RegressionTask.Config(loss="huber", delta=0.5), (1.5, -2, 0)),
    "regression-absolute": Example(RegressionTask.Config(loss="absolute"), (1.5, -2, 0)),
    "regression-quantile": Example(RegressionTask.Config(loss="quantile", quantile=0.9), (1.5, -2, 0)),
    "count": Example(CountTask.Config(), (0, 1, 2.5, 1e12, "3")),
}


def _raw(task: Task, n_rows: int, scale: float = 3.0) -> Floats:
    return scale * np.random.default_rng(0).standard_normal((n_rows, task.n_raw))


def check_labels_become_floats(example: Example) -> None:
    """Every label that a task reads becomes a finite float; None becomes NaN; a column may be empty or all None."""
    task = example.build()
    label_B, problems = task.encode_labels([None, *example.values, None])
    assert problems == []
    assert label_B.dtype == np.float64
    np.testing.assert_array_equal(np.isnan(label_B), [True, *(False for _ in example.values), True])
    again_B, _ = task.encode_labels([*example.values])
    np.testing.assert_array_equal(again_B, label_B[1:-1])
    for value, label in zip(example.values, again_B, strict=True):
        assert task.encode_labels([value])[0][0] == label
    assert task.encode_labels([])[0].shape == (0,)
    assert np.isnan(task.encode_labels([None, None])[0]).all()


def check_nonsense_is_a_problem(example: Example) -> None:
    """What is no label is named by its row, and harms none of the others."""
    task = example.build()
    for nonsense in NONSENSE:
        if nonsense == "nan" and not example.has_nonsense_text:
            continue
        label_B, problems = task.encode_labels([example.values[0], nonsense, None, example.values[1]])
        assert [row for row, _ in problems] == [1], nonsense
        assert len(problems[0][1]) < 200
        np.testing.assert_array_equal(np.isnan(label_B), [False, True, True, False])


def check_publishes_finite_rows(example: Example) -> None:
    """Raw outputs of any size become finite columns, each row as if it were alone."""
    task = example.build()
    for scale in (1.0, 30.0, 1e6):
        raw_BK = _raw(task, 100, scale)
        outputs_BO = task.publish(raw_BK)
        assert outputs_BO.shape == (100, task.n_outputs)
        assert np.isfinite(outputs_BO).all()
        for row in range(100):
            np.testing.assert_array_equal(task.publish(raw_BK[row : row + 1])[0], outputs_BO[row])
    assert task.publish(np.zeros((0, task.n_raw))).shape == (0, task.n_outputs)


def check_describes_as_json(example: Example) -> None:
    """A published row becomes valid JSON."""
    task = example.build()
    task.encode_labels(example.values)
    for row_O in task.publish(_raw(task, 5)):
        text = json.dumps(task.describe(row_O), allow_nan=False)
        assert json.loads(text) == task.describe(row_O)


def check_describes_columns_as_rows(example: Example) -> None:
    """The rows described together are the rows described one by one."""
    task = example.build()
    task.encode_labels(example.values)
    outputs_BO = task.publish(_raw(task, 5))
    described = [document["it"] for document in Table({"it": task.describe_rows(outputs_BO)})]
    assert described == [task.describe(row_O) for row_O in outputs_BO]


def check_loss_is_finite_and_not_negative(example: Example) -> None:
    """Losses and their gradients are finite for any raw output that a network may give, and no loss is negative."""
    import torch

    task = example.build()
    label_B, _ = task.encode_labels(example.values)
    if task.is_scaled:
        label_B = np.clip(label_B, -50.0, 50.0)
    for scale in (0.0, 1.0, 100.0, 1e6):
        raw_BK = torch.tensor(_raw(task, len(label_B), scale), dtype=torch.float32, requires_grad=True)
        loss_B = task.loss_torch(raw_BK, torch.tensor(label_B, dtype=torch.float32))
        assert loss_B.shape == label_B.shape
        loss_B.sum().backward()  # type: ignore[no-untyped-call]
        assert raw_BK.grad is not None
        assert torch.isfinite(loss_B).all()
        assert (loss_B >= 0.0).all()
        assert torch.isfinite(raw_BK.grad).all()


def check_gradient_is_that_of_the_loss(example: Example) -> None:
    """The gradient equals central differences of the loss."""
    import torch

    task = example.build()
    label_B, _ = task.encode_labels(example.values)
    label_B = label_B[np.abs(label_B) < 100.0]
    raw_BK = _raw(task, len(label_B))
    labels = torch.from_numpy(label_B)

    def total(raw: Floats) -> float:
        return float(task.loss_torch(torch.from_numpy(raw), labels).sum())

    tensor = torch.from_numpy(raw_BK.copy()).requires_grad_()
    task.loss_torch(tensor, labels).sum().backward()  # type: ignore[no-untyped-call]
    assert tensor.grad is not None
    step = 1e-6
    for row, column in np.ndindex(*raw_BK.shape):
        up_BK, down_BK = raw_BK.copy(), raw_BK.copy()
        up_BK[row, column] += step
        down_BK[row, column] -= step
        slope = (total(up_BK) - total(down_BK)) / (2.0 * step)
        np.testing.assert_allclose(float(tensor.grad[row, column]), slope, rtol=1e-4, atol=1e-5)


def check_baseline_is_a_published_row(example: Example) -> None:
    """The no-change prediction of every label has the shape of an output; without a label it is NaN."""
    task = example.build()
    for label in task.encode_labels(example.values)[0]:
        row_O = task.baseline(float(label))
        assert row_O.shape == (task.n_outputs,)
        assert np.isfinite(row_O).all()
    assert np.isnan(task.baseline(math.nan)).all()


def check_state_resumes(example: Example) -> None:
    """A task that loads a state, by way of JSON, reads labels as the one that it was taken from."""
    task, resumed = example.build(), example.build()
    label_B, _ = task.encode_labels(example.values)
    state = json.loads(json.dumps(task.state()))
    resumed.load(state)
    assert resumed.state() == state
    np.testing.assert_array_equal(resumed.encode_labels(example.values[::-1])[0], label_B[::-1])


def check_expiry_value_is_encoded(example: Example) -> None:
    """With `on_expiry: value`, the label of an expiry is that value as any label."""
    given = example.config.model_dump(exclude_unset=True)
    expiry = {"horizon_s": 60.0, "on_expiry": "value", "expiry_value": example.values[0]}
    task = type(example.config).model_validate(given | expiry).build("example")
    assert task.expiry_label() == task.encode_labels(example.values[:1])[0][0]
    assert math.isnan(example.build().expiry_label())
