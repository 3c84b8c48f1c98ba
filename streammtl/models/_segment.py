"""The signals of a segment: sums over its steps, and the decayed gradients behind the Gram matrix.

Shape suffixes: T tasks, W weights of the last shared layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from streammtl.types import Bools, Floats, Floats32, Ints, Signals, State
from streammtl.weighting.base import Needs


@dataclass(frozen=True, slots=True)
class SegmentWeights:
    """The task weights of each of S segments of some operations, and the operation before which it ends.

    The last segment ends after all operations.
    """

    weights_ST: Floats
    stop_S: Ints

    @classmethod
    def constant(cls, weights_T: Floats, n_ops: int) -> SegmentWeights:
        """The same weights for all operations."""
        return cls(np.array(weights_T, dtype=np.float64, ndmin=2), np.array([n_ops], dtype=np.int64))


@final
class Segment:
    """Losses and label counts since the last `take`."""

    def __init__(self, n_tasks: int, needs: Needs = Needs.LOSSES) -> None:
        self._has_after = Needs.LOSSES_AFTER in needs
        self._n_tasks = n_tasks
        self._clear()

    def _clear(self) -> None:
        self.n_T: Ints = np.zeros(self._n_tasks, dtype=np.int64)
        self.sum_T: Floats = np.zeros(self._n_tasks)
        self.after_T: Floats = np.zeros(self._n_tasks)

    def add(self, task: int, n_labels: int, loss: float, loss_after: float) -> None:
        """One step's mean losses of one task, before and after the step."""
        self.n_T[task] += n_labels
        self.sum_T[task] += n_labels * loss
        self.after_T[task] += n_labels * loss_after

    def take(self, has_spread_T: Bools, gramian_TT: Floats | None) -> Signals:
        """The means, and start anew.

        A task whose labels have all been the same number so far has no unit to measure a loss in: its loss is near 0
        and would take all the weight of a rule that weighs by 1 / loss. It counts as without labels until they differ.
        """
        n_labels_T = np.where(has_spread_T, self.n_T, 0)
        n_T = np.where(n_labels_T > 0, n_labels_T, np.nan)
        signals = Signals(
            n_labels_T=n_labels_T,
            losses_T=self.sum_T / n_T,
            losses_after_T=self.after_T / n_T if self._has_after else None,
            gramian_TT=gramian_TT,
        )
        self._clear()
        return signals

    def state(self) -> State:
        """The sums so far."""
        return {"n_labels": self.n_T.copy(), "losses": self.sum_T.copy(), "losses_after": self.after_T.copy()}

    def load(self, state: State) -> None:
        """Take over a `state`."""
        self.n_T = np.array(state["n_labels"], dtype=np.int64)
        self.sum_T = np.array(state["losses"], dtype=np.float64)
        self.after_T = np.array(state["losses_after"], dtype=np.float64)


@final
class GradientAverages:
    """A decayed average, per task, of the gradient at the last shared layer's weight.

    `a <- b a + (1 - b) g` at each step in which the task has labels, corrected for its start by `1 - b^n`. Averages,
    not the gradients of one step, because tasks may never be labelled in the same step.
    """

    def __init__(self, n_tasks: int, n_weights: int, decay: float) -> None:
        self._decay = decay
        self.average_TW: Floats = np.zeros((n_tasks, n_weights))
        self.n_T: Ints = np.zeros(n_tasks, dtype=np.int64)

    def add(self, task: int, gradient_W: Floats32) -> None:
        """The gradient of one step of one task."""
        self.n_T[task] += 1
        self.average_TW[task] += (1.0 - self._decay) * (gradient_W - self.average_TW[task])

    def gramian(self) -> Floats:
        """`<a_k, a_j>`; 0 for a task that never had a label."""
        correction_T = np.where(self.n_T > 0, 1.0 - self._decay**self.n_T, 1.0)
        average_TW = self.average_TW / correction_T[:, None]
        # One by one: an entry must not depend on how many tasks there are, as it may in a matrix product.
        return np.array([[np.dot(row, other) for other in average_TW] for row in average_TW])

    def state(self) -> State:
        """Averages and counts."""
        return {"average": self.average_TW.copy(), "n": self.n_T.copy()}

    def load(self, state: State) -> None:
        """Take over a `state`."""
        self.average_TW = np.array(state["average"], dtype=np.float64)
        self.n_T = np.array(state["n"], dtype=np.int64)
