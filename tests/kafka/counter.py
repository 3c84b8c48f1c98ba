"""A model that counts: how many labels it was told, and their sum, so that whatever is lost or comes twice shows.

It is no learner, so tests that run over the registry must not meet it: `register` is for processes of their own.
"""

from __future__ import annotations

from typing import Literal, final

import numpy as np

from streammtl import component
from streammtl.models.base import Model, Strides
from streammtl.tasks.base import Task
from streammtl.types import Floats, Ops, RowLayout, Signals, State
from streammtl.weighting.base import ApplyTo, Needs


@final
class Counter(Model):
    """For one regression task, whose prediction is the sum of all labels so far: no two states predict the same."""

    class Config(Model.Config):
        """Settings of the counter: none."""

        kind: Literal["counter"] = "counter"

    def __init__(
        self,
        config: Counter.Config,
        layout: RowLayout,
        tasks: tuple[Task, ...],
        needs: Needs = Needs.LOSSES,
        apply_to: ApplyTo = "trunk",
        seed: int = 0,
    ) -> None:
        self._count = self._sum = 0

    def advance(self, ops: Ops, weights_T: Floats) -> Strides:
        """Count and sum."""
        label_N = np.where(ops.is_learn_N, ops.labels_NT[:, 0], 0.0).astype(np.int64)
        sum_N = self._sum + np.cumsum(label_N)
        n_learned = int(ops.is_learn_N.sum())
        self._count += n_learned
        self._sum = int(sum_N[-1]) if len(sum_N) else self._sum
        return Strides(sum_N[~ops.is_learn_N, np.newaxis].astype(np.float64), n_learned, 0)

    def take_signals(self) -> Signals:
        """No losses."""
        return Signals(np.zeros(1, dtype=np.int64), np.full(1, np.nan), np.full(1, np.nan), np.zeros((1, 1)))

    def state(self) -> State:
        """Two integers."""
        return {"count": self._count, "sum": self._sum}

    def load(self, state: State) -> None:
        """Take over a `state`."""
        self._count, self._sum = state["count"], state["sum"]


component._REGISTRY["models"].pop("counter")


def register() -> None:
    """Make it the model `counter` of this process."""
    component._REGISTRY["models"]["counter"] = Counter
