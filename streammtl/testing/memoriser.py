"""A model that learns by heart, for tests of leakage: it knows a label exactly from the moment it was told, and not
before.

Importing this module registers it as the model `memoriser`.
"""

from __future__ import annotations

from typing import Literal, final

import numpy as np

from streammtl.models.base import Model, Strides
from streammtl.tasks.base import Task
from streammtl.types import Floats, Ops, RowLayout, Signals, State
from streammtl.weighting.base import ApplyTo, Needs


@final
class Memoriser(Model):
    """Predicts the last label of exactly this feature row; what an output of 0 says where there is none.

    That is 0.5 for a binary task, equal probabilities for classes, 0 for a number and the rate 1 for a count.

    >>> from streammtl.tasks.binary import BinaryTask
    >>> layout = RowLayout(("x",), (True,), (), ())
    >>> model = Memoriser.Config().build(layout, (BinaryTask.Config().build("fraud"),))
    >>> ops = Ops(
    ...     is_learn_N=np.array([False, True, False]),
    ...     row_N=np.array([0, 0, 0]),
    ...     labels_NT=np.array([[np.nan], [1.0], [np.nan]]),
    ...     dense_RD=np.ones((1, 1), dtype=np.float32),
    ...     category_RC=np.zeros((1, 0), dtype=np.int32),
    ... )
    >>> model.advance(ops, np.ones(1)).outputs_PO
    array([[0.5],
           [1. ]])
    """

    class Config(Model.Config):
        """Settings of the memoriser: none."""

        kind: Literal["memoriser"] = "memoriser"

    def __init__(
        self,
        config: Memoriser.Config,
        layout: RowLayout,
        tasks: tuple[Task, ...],
        needs: Needs = Needs.LOSSES,
        apply_to: ApplyTo = "trunk",
        seed: int = 0,
    ) -> None:
        self._tasks = tasks
        self._labels_T_of: dict[str, Floats] = {}

    def advance(self, ops: Ops, weights_T: Floats) -> Strides:
        """Execute the operations in order."""
        outputs: list[Floats] = []
        n_steps = 0
        for is_learn, row, labels_T in zip(ops.is_learn_N, ops.row_N, ops.labels_NT, strict=True):
            key = (ops.dense_RD[row].tobytes() + ops.category_RC[row].tobytes()).hex()
            known_T = self._labels_T_of.get(key, np.full(len(self._tasks), np.nan))
            if is_learn:
                self._labels_T_of[key] = np.where(np.isnan(labels_T), known_T, labels_T)
                n_steps += 1
            else:
                outputs.append(self._output(known_T))
        width = sum(task.n_outputs for task in self._tasks)
        return Strides(np.array(outputs, dtype=np.float64).reshape(-1, width), n_steps, 0)

    def _output(self, known_T: Floats) -> Floats:
        pairs = zip(self._tasks, known_T.tolist(), strict=True)
        return np.concatenate(
            [task.publish(np.zeros((1, task.n_raw)))[0] if np.isnan(y) else task.baseline(y) for task, y in pairs]
        )

    def take_signals(self) -> Signals:
        """No labels, no losses: there is nothing to weight."""
        n_tasks = len(self._tasks)
        nothing_T = np.full(n_tasks, np.nan)
        return Signals(np.zeros(n_tasks, dtype=np.int64), nothing_T, nothing_T, np.zeros((n_tasks, n_tasks)))

    def state(self) -> State:
        """The labels by row, each row as hexadecimal text."""
        return {"labels": {key: labels_T.copy() for key, labels_T in self._labels_T_of.items()}}

    def load(self, state: State) -> None:
        """Take over a `state`."""
        self._labels_T_of = {key: np.array(labels_T) for key, labels_T in state["labels"].items()}
