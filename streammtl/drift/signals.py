"""What is watched: numbers per record made of features, published predictions and labels.

Shape suffixes as in `streammtl.types`; B records of a block, S signals, K published columns of one task.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import final

import numpy as np

from streammtl.drift.usual import UsualValues
from streammtl.errors import CheckpointMismatchError
from streammtl.tasks.base import Task
from streammtl.types import Bools, Floats, Ints, RowLayout, State


class EventSignals(ABC):
    """Signals that every event has. Some of them learn first what is usual, and are NaN meanwhile."""

    def __init__(self, names: tuple[str, ...], usual: dict[int, UsualValues]) -> None:
        self.names = names
        self._usual = usual  # by number of the signal

    @property
    @abstractmethod
    def widths(self) -> tuple[int, ...]:
        """Columns of the parts of a block: one part of published outputs, or two, dense and categorical features."""

    @abstractmethod
    def values(self, *parts: Floats) -> Floats:
        """The signals `(B, S)` of a block of events of these parts, NaN where one has no value."""

    @final
    def restart(self, signal: int) -> None:
        """Learn anew what is usual, after a change of this signal."""
        if signal in self._usual:
            self._usual[signal].restart()

    @final
    def state(self) -> State:
        """What is usual, by name of the signal."""
        return {self.names[signal]: usual.state() for signal, usual in self._usual.items()}

    @final
    def load(self, state: State) -> None:
        """Take over a `state`."""
        for signal, usual in self._usual.items():
            if self.names[signal] not in state:
                raise CheckpointMismatchError(f"the checkpoint does not know the watched signal {self.names[signal]}")
            usual.load(state[self.names[signal]])


def missing_name(column: str) -> str:
    """The name of the signal that says whether a dense column is missing.

    >>> missing_name("amount")
    'amount (missing)'
    """
    return f"{column} (missing)"


@final
class FeatureSignals(EventSignals):
    """Of each dense column its value, then of each whether it is missing; of each categorical one its usual values."""

    def __init__(self, layout: RowLayout, dense: Ints, categories: Ints, n_reference: int) -> None:
        dense_names = tuple(layout.dense_names[column] for column in dense)
        category_names = tuple(layout.category_names[column] for column in categories)
        names = (*dense_names, *map(missing_name, dense_names), *category_names)
        first = 2 * len(dense_names)
        super().__init__(
            names,
            {first + i: UsualValues(layout.table_sizes[column], n_reference) for i, column in enumerate(categories)},
        )
        self._n_dense = len(dense_names)

    @property
    def widths(self) -> tuple[int, ...]:
        """Dense and categorical columns, the watched ones only."""
        return self._n_dense, len(self._usual)

    def values(self, *parts: Floats) -> Floats:
        """The signals of a block."""
        dense_BD, category_BC = parts
        values_BS = np.empty((len(dense_BD), len(self.names)))
        values_BS[:, : self._n_dense] = dense_BD
        values_BS[:, self._n_dense : 2 * self._n_dense] = np.isnan(dense_BD)
        category_CB = np.ascontiguousarray(category_BC.T).astype(np.int64)
        for category_B, (signal, usual) in zip(category_CB, self._usual.items(), strict=True):
            values_BS[:, signal] = usual.take(category_B)
        return values_BS


@final
class PredictionSignals(EventSignals):
    """Of each task the published value or probability; of a multiclass task the probability of its usual classes."""

    def __init__(self, tasks: tuple[Task, ...], columns: tuple[slice, ...], n_outputs: int, n_reference: int) -> None:
        usual = {
            signal: UsualValues(task.n_outputs, n_reference)
            for signal, task in enumerate(tasks)
            if task.scorer == "multiclass"
        }
        super().__init__(tuple(task.name for task in tasks), usual)
        self._columns = columns
        self._n_outputs = n_outputs

    @property
    def widths(self) -> tuple[int, ...]:
        """The published columns of all tasks, side by side."""
        return (self._n_outputs,)

    def values(self, *parts: Floats) -> Floats:
        """The signals of a block."""
        (outputs_BO,) = parts
        values_BS = np.empty((len(outputs_BO), len(self.names)))
        for signal, columns in enumerate(self._columns):
            usual = self._usual.get(signal)
            task_BK = outputs_BO[:, columns]
            values_BS[:, signal] = task_BK[:, 0] if usual is None else usual.take_probabilities(task_BK)
        return values_BS


def is_classification(task: Task) -> bool:
    """True where a prediction is a right or a wrong class."""
    return task.scorer in {"binary", "multiclass"}


def task_errors(task: Task, label_B: Floats, outputs_BK: Floats, as_wrong: bool) -> Floats:
    """The error of each published row; NaN where the row is not finite.

    Classification: (1 - p)² with p the probability of the true class, or with `as_wrong` whether another class (than
    the true one) was the likeliest. Other tasks: the absolute error.
    """
    if task.scorer == "multiclass":
        class_B = label_B.astype(np.int64)
        miss_B: Floats = 1.0 - outputs_BK[np.arange(len(class_B)), class_B]
    else:
        miss_B = np.abs(label_B - outputs_BK[:, 0])
    if not is_classification(task):
        return miss_B
    if not as_wrong:
        return miss_B * miss_B
    if task.scorer == "multiclass":
        is_wrong_B: Bools = outputs_BK.argmax(axis=1) != class_B
    else:
        is_wrong_B = (outputs_BK[:, 0] >= 0.5) != (label_B >= 0.5)
    return np.where(np.isfinite(miss_B), is_wrong_B, np.nan)
