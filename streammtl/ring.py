"""The memory of the join: the events that arrived last, in columns, in order of arrival.

An event has a *sequence* number in order of arrival; its slot is the sequence modulo the capacity. Columns grow by
doubling until the capacity is reached.

Shape suffixes: S slots asked for, E events appended, T tasks, O published columns, D dense, C categorical columns.
"""

from __future__ import annotations

from typing import Any, final

import numpy as np
import numpy.typing as npt

from streammtl.types import Bools, Floats, Floats32, Ints, Ints32, RowLayout, State

_FIRST_ALLOCATION = 1024


@final
class Ring:
    """Columns of remembered events. Reading a sequence that is not in the ring is a programmer's mistake."""

    def __init__(self, capacity: int, n_tasks: int, n_outputs: int, layout: RowLayout) -> None:
        self.capacity = capacity
        self.next_sequence = 0
        n = min(capacity, _FIRST_ALLOCATION)
        self.ids: list[str] = [""] * n  # by slot
        self._columns: dict[str, npt.NDArray[Any]] = {
            "time_s": np.zeros(n, np.float64),
            "label": np.zeros((n, n_tasks), np.float64),
            "held": np.zeros((n, n_tasks), np.float64),
            "baseline": np.zeros((n, n_tasks), np.float64),
            "outputs": np.zeros((n, n_outputs), np.float64),
            "dense": np.zeros((n, layout.n_dense), np.float32),
            "category": np.zeros((n, layout.n_categories), np.int32),
        }

    @property
    def oldest_sequence(self) -> int:
        """The first event still in the ring."""
        return max(0, self.next_sequence - self.capacity)

    def sequences(self) -> Ints:
        """Of all events in the ring, oldest first."""
        return np.arange(self.oldest_sequence, self.next_sequence)

    def read(self, column: str, sequence_S: Ints) -> npt.NDArray[Any]:
        """Rows of a column."""
        # `take` copies whole rows, three times as fast as an index in brackets.
        return self._columns[column].take(self._slots(sequence_S), axis=0)

    def read_into(self, rows_SK: npt.NDArray[Any], column: str, sequence_S: Ints) -> None:
        """Write rows of a column."""
        # Without a mode that cannot fail, `take` writes into a copy first.
        self._columns[column].take(self._slots(sequence_S), axis=0, out=rows_SK, mode="clip")

    def _slots(self, sequence_S: Ints) -> Ints:
        return sequence_S if self.next_sequence <= self.capacity else sequence_S % self.capacity

    def write_label(self, sequence_M: Ints, task_M: Ints, value_M: Floats) -> None:
        """Note the labels that are now known."""
        self._columns["label"][self._slots(sequence_M), task_M] = value_M

    def append(
        self,
        ids: list[str],
        time_s_E: Floats,
        label_ET: Floats,
        held_ET: Floats,
        baseline_ET: Floats,
        outputs_EO: Floats,
        dense_ED: Floats32,
        category_EC: Ints32,
    ) -> None:
        """Add events in order of arrival; they take the places of the oldest."""
        end = self.next_sequence + len(ids)
        self._grow(end)
        first = max(self.next_sequence, end - self.capacity)
        skip = first - self.next_sequence
        values: tuple[npt.NDArray[Any], ...] = (
            time_s_E,
            label_ET,
            held_ET,
            baseline_ET,
            outputs_EO,
            dense_ED,
            category_EC,
        )
        while first < end:  # at most twice: up to the ring's last slot, and from its first one on
            slot = first % self.capacity
            n = min(end - first, self.capacity - slot)
            for column, value in zip(self._columns.values(), values, strict=True):
                column[slot : slot + n] = value[skip : skip + n]
            self.ids[slot : slot + n] = ids[skip : skip + n]
            first, skip = first + n, skip + n
        self.next_sequence = end

    def _grow(self, end: int) -> None:
        allocated = len(self._columns["time_s"])
        needed = min(end, self.capacity)
        if needed <= allocated:
            return
        size = min(self.capacity, max(needed, 2 * allocated))
        for name, column in self._columns.items():
            grown = np.zeros((size, *column.shape[1:]), column.dtype)
            grown[:allocated] = column
            self._columns[name] = grown
        self.ids.extend([""] * (size - allocated))

    def state(self, is_needed_S: Bools) -> State:
        """The ring from the oldest event on; features and predictions only of the events that are still needed."""
        sequence_S = self.sequences()
        needed = sequence_S[is_needed_S]
        slots = (sequence_S % self.capacity).tolist()
        return {
            "ids": [self.ids[slot] for slot in slots],
            "time_s": self.read("time_s", sequence_S),
            "label": self.read("label", sequence_S),
            "needed": is_needed_S,
            **{name: self.read(name, needed) for name in ("held", "baseline", "outputs", "dense", "category")},
        }

    def load(self, state: State) -> None:
        """Take over a `state`; the oldest event becomes sequence 0."""
        needed_S = np.asarray(state["needed"], dtype=np.bool_)
        n = len(needed_S)

        def widened(name: str, fill: float) -> npt.NDArray[Any]:
            column = self._columns[name]
            full = np.full((n, *column.shape[1:]), fill, column.dtype)
            full[needed_S] = state[name]
            return full

        self.next_sequence = 0
        self.append(
            ids=list(state["ids"]),
            time_s_E=np.asarray(state["time_s"]),
            label_ET=np.asarray(state["label"]),
            held_ET=widened("held", np.nan),
            baseline_ET=widened("baseline", np.nan),
            outputs_EO=widened("outputs", np.nan),
            dense_ED=widened("dense", np.nan),
            category_EC=widened("category", 0),
        )
