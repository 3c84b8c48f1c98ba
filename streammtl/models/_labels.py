"""What a model knows of its tasks' labels: their scale, and which classes it has learned.

Shape suffixes: B rows, T tasks, S scaled tasks.
"""

from __future__ import annotations

from typing import final

import numpy as np

from streammtl.models._scale import RunningScale
from streammtl.tasks.base import Task
from streammtl.types import Bools, Floats, Floats32, State

#: A standardised label is clipped to this many standard deviations: the loss of a wild label stays finite.
STANDARD_LABEL_LIMIT = 50.0


@final
class LabelStatistics:
    """Mean and deviation of the labels of scaled tasks; learned classes of tasks that hide the unseen ones."""

    def __init__(self, tasks: tuple[Task, ...], memory_rows: int) -> None:
        self._tasks = tasks
        self._scaled_S = [t for t, task in enumerate(tasks) if task.is_scaled]
        self._scale = RunningScale(len(self._scaled_S), memory_rows)
        self.mean_T: Floats = np.zeros(len(tasks))
        self.scale_T: Floats = np.ones(len(tasks))
        #: By task, whether each raw column's class was learned; all True for a task that hides none.
        self.seen: list[Bools] = [np.full(task.n_raw, not task.hides_unseen) for task in tasks]

    def update(self, labels_BT: Floats) -> list[tuple[int, float, float]]:
        """Take in these labels.

        Returns `(task, ratio, shift)` for each scaled task whose units moved: a raw output r of the old units is
        `r ratio + shift` in the new ones.
        """
        for task, seen_K in enumerate(self.seen):
            if self._tasks[task].hides_unseen:
                label_B = labels_BT[:, task]
                seen_K[label_B[np.isfinite(label_B)].astype(np.int64)] = True
        if not self._scaled_S:
            return []
        old_mean_S, old_scale_S, was_known_S = self._scale.mean_C, self._scale.scale_C, self._scale.is_known_C
        self._scale.update(labels_BT[:, self._scaled_S])
        self._spread()
        new_scale_S = self._scale.scale_C
        # Without a deviation there were no units yet, and so nothing to convert: the output starts at the mean.
        had_units_S = was_known_S & self._scale.is_known_C
        ratio_S = np.where(had_units_S, old_scale_S / new_scale_S, 1.0)
        shift_S = np.where(had_units_S, (old_mean_S - self._scale.mean_C) / new_scale_S, 0.0)
        moved = zip(self._scaled_S, ratio_S.tolist(), shift_S.tolist(), strict=True)
        return [(task, ratio, shift) for task, ratio, shift in moved if ratio != 1.0 or shift != 0.0]

    @property
    def has_spread_T(self) -> Bools:
        """False for a scaled task whose labels have all been the same so far."""
        has_spread_T = np.ones(len(self._tasks), dtype=np.bool_)
        has_spread_T[self._scaled_S] = self._scale.is_known_C
        return has_spread_T

    def _spread(self) -> None:
        self.mean_T[self._scaled_S] = self._scale.mean_C
        self.scale_T[self._scaled_S] = self._scale.scale_C

    def standardised(self, task: int, label_B: Floats) -> Floats32:
        """Labels in the units in which the model learns."""
        if self._tasks[task].is_scaled:
            label_B = (label_B - self.mean_T[task]) / self.scale_T[task]
            label_B = np.minimum(np.maximum(label_B, -STANDARD_LABEL_LIMIT), STANDARD_LABEL_LIMIT)
        return label_B.astype(np.float32)

    def state(self) -> State:
        """Statistics of the scaled tasks, and the learned classes by task name."""
        hiding = {task.name: seen for task, seen in zip(self._tasks, self.seen, strict=True) if task.hides_unseen}
        return {"scale": self._scale.state(), "seen": {name: seen.copy() for name, seen in hiding.items()}}

    def load(self, state: State) -> None:
        """Take over a `state`."""
        self._scale.load(state["scale"])
        self._spread()
        for task, seen_K in zip(self._tasks, self.seen, strict=True):
            if task.hides_unseen:
                seen_K[...] = state["seen"][task.name]
