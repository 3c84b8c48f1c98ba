"""What the labels of each task say about the predictions that were published for their events.

Shape suffixes as in `streammtl.types`; B scored labels of one task.
"""

from __future__ import annotations

from typing import Any, Final, final

import numpy as np

from streammtl.report.confusion import Confusion
from streammtl.report.delays import Delays
from streammtl.report.reliability import Reliability
from streammtl.report.residuals import Residuals
from streammtl.tasks.base import Task
from streammtl.types import Bools, Floats, Outcome

#: Numbers that wait to be counted, at most: counting many at a time costs a tenth of counting a few.
MAX_WAITING: Final = 200_000


@final
class Diagnostics:
    """Counts every scored label of every task, in cells that are fixed beforehand.

    >>> from streammtl.tasks.regression import RegressionTask
    >>> diagnostics = Diagnostics((RegressionTask.Config().build("price"),))
    >>> outcome = Outcome(
    ...     labels_LT=np.array([[3.0], [5.0]]),
    ...     outputs_LO=np.array([[2.0], [4.0]]),
    ...     baseline_LT=np.array([[np.nan], [3.0]]),
    ...     delay_s_L=np.zeros(2),
    ...     time_s_L=np.zeros(2),
    ...     is_expiry_L=np.array([False, False]),
    ... )
    >>> diagnostics.add(outcome)
    >>> diagnostics.to_json()["price"]["residuals"]["mean"]
    1.0
    """

    def __init__(self, tasks: tuple[Task, ...]) -> None:
        self._tasks = [_TaskDiagnostics(task) for task in tasks]
        self._waiting: list[Outcome] = []
        self._n_waiting = 0

    def add(self, outcome: Outcome) -> None:
        """Take the labels of a turn."""
        if not len(outcome.labels_LT):
            return
        self._waiting.append(outcome)
        self._n_waiting += outcome.labels_LT.size + outcome.outputs_LO.size
        if self._n_waiting >= MAX_WAITING:
            self._count()

    def to_json(self) -> dict[str, Any]:
        """By task: its diagrams, and the delays of its labels."""
        self._count()
        return {task.name: task.to_json() for task in self._tasks}

    def _count(self) -> None:
        if not self._waiting:
            return
        labels_LT = np.concatenate([outcome.labels_LT for outcome in self._waiting])
        outputs_LO = np.concatenate([outcome.outputs_LO for outcome in self._waiting])
        delay_s_L = np.concatenate([outcome.delay_s_L for outcome in self._waiting])
        is_expiry_L = np.concatenate([outcome.is_expiry_L for outcome in self._waiting])
        self._waiting, self._n_waiting = [], 0
        first = 0
        for t, task in enumerate(self._tasks):
            last = first + task.n_outputs
            task.add(labels_LT[:, t], outputs_LO[:, first:last], delay_s_L, is_expiry_L)
            first = last


@final
class _TaskDiagnostics:
    def __init__(self, task: Task) -> None:
        self.name = task.name
        self.n_outputs = task.n_outputs
        self._task = task
        self._delays = Delays()
        is_multiclass, is_binary = task.scorer == "multiclass", task.scorer == "binary"
        self._reliability = Reliability() if is_multiclass or is_binary else None
        self._confusion = Confusion(task.n_outputs) if is_multiclass else None
        # A task of a plug-in may publish whatever it likes; one number beside a label is a value.
        self._residuals = Residuals() if not (is_multiclass or is_binary) and task.n_outputs == 1 else None

    def add(self, label_L: Floats, outputs_LO: Floats, delay_s_L: Floats, is_expiry_L: Bools) -> None:
        is_labelled_L = ~np.isnan(label_L)
        self._delays.add(delay_s_L[is_labelled_L & ~is_expiry_L])
        is_scored_L = is_labelled_L & np.isfinite(outputs_LO).all(axis=1)
        label_B, outputs_BO = label_L[is_scored_L], outputs_LO[is_scored_L]
        if not len(label_B):
            return
        if self._residuals is not None:
            self._residuals.add(label_B, outputs_BO[:, 0])
        elif self._reliability is not None and self._confusion is not None:
            top_B = outputs_BO.argmax(axis=1)
            self._confusion.add(label_B, top_B)
            self._reliability.add(outputs_BO.max(axis=1), (top_B == label_B).astype(np.float64))
        elif self._reliability is not None:
            self._reliability.add(outputs_BO[:, 0], label_B)

    def to_json(self) -> dict[str, Any]:
        document: dict[str, Any] = {"delays": self._delays.to_json()}
        if self._reliability is not None:
            document["reliability"] = self._reliability.to_json()
        if self._confusion is not None:
            document["confusion"] = self._confusion.to_json(self._task.column_details().get("classes", []))
        if self._residuals is not None:
            document["residuals"] = self._residuals.to_json()
        return document
