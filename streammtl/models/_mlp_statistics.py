"""What the `mlp` model knows of its inputs and labels besides its parameters, as the kernel's arrays.

Shape suffixes: D dense columns, T tasks in the kernel's order, K raw outputs of all tasks.
"""

from __future__ import annotations

from typing import Any, final

import numpy as np

from streammtl.tasks.base import Task
from streammtl.types import Bools, Floats, Ints, RowLayout, State


@final
class Statistics:
    """Running scales of inputs and labels, the units in which the heads work, and the classes seen so far."""

    def __init__(self, layout: RowLayout, tasks: tuple[Task, ...]) -> None:
        self.counts: Ints = np.zeros(2, dtype=np.int64)  # rows predicted, rows learned
        self.scale_6D: Floats = np.zeros((6, layout.n_dense))  # count, mean, sum of squared deviations; of the block
        self.inverse_D: Floats = np.ones(layout.n_dense)  # 1 / deviation
        self.scale_6T: Floats = np.zeros((6, len(tasks)))
        self.unit_3T: Floats = np.zeros((3, len(tasks)))  # mean, scale, 1 once there was a deviation
        self.unit_3T[1] = 1.0
        self.seen_K: Bools = np.concatenate([np.full(task.n_raw, not task.hides_unseen) for task in tasks])
        self._tasks = tasks
        self._is_unscaled_T: Bools = np.array([not task.is_scaled for task in tasks], dtype=np.bool_)
        first = np.cumsum([0, *(task.n_raw for task in tasks)]).tolist()
        self._raw = {task.name: slice(first[t], first[t + 1]) for t, task in enumerate(tasks)}

    @property
    def of_inputs(self) -> tuple[Any, ...]:
        """Arguments of the intake."""
        return self.counts, self.scale_6D, self.inverse_D

    @property
    def of_labels(self) -> tuple[Any, ...]:
        """The kernel's arguments from `scale_6T` to `seen_K`."""
        return self.scale_6T, self.unit_3T, self.seen_K

    @property
    def has_spread_T(self) -> Bools:
        """By task; False for a scaled task whose labels have all been the same so far."""
        has_spread_T: Bools = self._is_unscaled_T | (self.unit_3T[2] > 0.0)
        return has_spread_T

    def copy_labels_from(self, other: Statistics) -> None:
        """Know of the labels what the other does, of the same tasks."""
        for own, value in zip(self.of_labels, other.of_labels, strict=True):
            own[...] = value

    def copy_inputs_from(self, other: Statistics) -> None:
        """Know of the inputs what the other does, of the same features."""
        for own, value in zip(self.of_inputs, other.of_inputs, strict=True):
            own[...] = value

    def state(self) -> State:
        """Copies, tasks by name."""
        tasks = {
            task.name: {
                "scale": self.scale_6T[:, t].copy(),
                "unit": self.unit_3T[:, t].copy(),
                "seen": self.seen_K[self._raw[task.name]].copy(),
            }
            for t, task in enumerate(self._tasks)
        }
        inputs = {"inputs": self.scale_6D.copy(), "inverse": self.inverse_D.copy()}
        return {"counts": self.counts.copy(), **inputs, "tasks": tasks}

    def load(self, state: State) -> None:
        """Take over a `state`."""
        self.counts[...] = state["counts"]
        self.scale_6D[...] = state["inputs"]
        # Not computed from the scales: by which of two roundings, depends on the last value.
        self.inverse_D[...] = state["inverse"]
        for t, task in enumerate(self._tasks):
            own = state["tasks"][task.name]
            self.scale_6T[:, t] = own["scale"]
            self.unit_3T[:, t] = own["unit"]
            self.seen_K[self._raw[task.name]] = own["seen"]
