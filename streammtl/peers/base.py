"""The family of peers: other learners, run in the place of ours and scored by the same code.

Shape suffixes as in `streammtl.types`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, TypeAlias, final

import numpy as np

from streammtl.errors import CheckpointError
from streammtl.models.base import Model, Strides
from streammtl.tasks.base import Task
from streammtl.types import Floats, Ops, RowLayout, Signals, State
from streammtl.weighting.base import ApplyTo, Needs

#: An event as a peer takes it: a dictionary, a line of text.
Event: TypeAlias = Any


class Peer(Model):
    """A learner of another project: one model per task, each learning a label the moment it arrives.

    A peer is a `Model`, because PREDICT and LEARN operations are all that a learner is given: so it runs in the same
    engine in the place of the configured model, with the same decoding, the same joins, delays and expiries, and is
    scored by the same code. It differs from the models of the family `models` in two points, which is why it has a
    family of its own and cannot be named in a configuration:

    - it cannot be restored. What is inside River's trees and Vowpal Wabbit's workspaces is theirs, and writing it down
      would need pickle. `state` says only how much was learned, and `load` refuses.
    - it has no shared parameters, so there is nothing for a weighting to weigh: it gives no signals, and the task
      weights change nothing.

    A peer publishes something finite for every event, also before its first label: what a model that knows nothing
    says (`ignorance`).
    """

    family: ClassVar[str] = "peers"

    @classmethod
    def require(cls) -> None:
        """Raise `MissingExtraError` where a package is not installed that this peer needs."""

    def __init__(
        self,
        config: Model.Config,
        layout: RowLayout,
        tasks: tuple[Task, ...],
        needs: Needs = Needs.LOSSES,
        apply_to: ApplyTo = "trunk",
        seed: int = 0,
    ) -> None:
        self.require()
        self.layout = layout
        self.tasks = tasks
        self.seed = seed
        self._n_learned_T = np.zeros(len(tasks), dtype=np.int64)

    @final
    def advance(self, ops: Ops, weights_T: Floats) -> Strides:
        """Execute the operations in order."""
        outputs: list[float] = []
        row, event = -1, None
        is_labelled_NT = ~np.isnan(ops.labels_NT)
        for i, (is_learn, row_of_op) in enumerate(zip(ops.is_learn_N.tolist(), ops.row_N.tolist(), strict=True)):
            if row_of_op != row:  # an event and its labels often follow each other
                row = row_of_op
                event = self.event(ops.dense_RD[row].tolist(), ops.category_RC[row].tolist())
            if is_learn:
                for task in np.flatnonzero(is_labelled_NT[i]).tolist():
                    self.learn(task, event, float(ops.labels_NT[i, task]))
            else:
                for task in range(len(self.tasks)):
                    outputs.extend(self.predict(task, event))
        self._n_learned_T += is_labelled_NT.sum(axis=0)
        n_outputs = sum(task.n_outputs for task in self.tasks)
        n_predicted = len(ops) - int(ops.is_learn_N.sum())
        outputs_PO = np.array(outputs, dtype=np.float64).reshape(n_predicted, n_outputs)
        return Strides(outputs_PO, int(ops.is_learn_N.sum()), 0)

    @abstractmethod
    def event(self, dense_D: list[float], category_C: list[int]) -> Event:
        """The event as this peer takes it; NaN and category 0 are missing."""

    @abstractmethod
    def predict(self, task: int, event: Event) -> Sequence[float]:
        """The published columns of one task."""

    @abstractmethod
    def learn(self, task: int, event: Event, label: float) -> None:
        """Learn one label."""

    @final
    def take_signals(self) -> Signals:
        """None: there is no shared parameter that the tasks' losses could be weighted for."""
        return Signals(np.zeros(len(self.tasks), dtype=np.int64), np.full(len(self.tasks), np.nan))

    @final
    def state(self) -> State:
        """How many labels of each task were learned; not what was learned from them."""
        return {"n_learned": self._n_learned_T.copy()}

    @final
    def load(self, state: State) -> None:
        """Refuse: a peer begins at the beginning of its stream."""
        raise CheckpointError("a peer cannot be restored: run it from the beginning of its stream")


def ignorance(task: Task) -> list[float]:
    """What a model that knows nothing publishes: one half, all classes alike, or 0."""
    if task.scorer == "binary":
        return [0.5]
    return [1.0 / task.n_outputs] * task.n_outputs if task.scorer == "multiclass" else [0.0] * task.n_outputs
