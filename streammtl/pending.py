"""The events of a turn's beginning and those that the turn brings, as one sequence in order of arrival.

Shape suffixes as in `streammtl.types`; M events asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from streammtl.ring import Ring
from streammtl.types import Floats, Ints

#: Columns with a number per event and task.
TaskColumn: TypeAlias = Literal["label", "held"]

_CHUNK = 256  # events looked at first when searching for those that are due


@dataclass(frozen=True, slots=True)
class Fresh:
    """The new events of a turn, before they enter the ring."""

    record_E: Ints
    time_s_E: Floats
    label_ET: Floats  # filled in as labels become known
    held_ET: Floats
    first_sequence: int

    @property
    def end_sequence(self) -> int:
        """One after the last."""
        return self.first_sequence + len(self.record_E)


@dataclass(frozen=True, slots=True)
class Pending:
    """Remembered and new events together; a sequence number says which of them is meant."""

    ring: Ring
    fresh: Fresh

    def time_s(self, sequence_M: Ints) -> Floats:
        """The events' times."""
        is_fresh_M = sequence_M >= self.fresh.first_sequence
        time_s_M = np.empty(len(sequence_M))
        time_s_M[is_fresh_M] = self.fresh.time_s_E[sequence_M[is_fresh_M] - self.fresh.first_sequence]
        time_s_M[~is_fresh_M] = self.ring.read("time_s", sequence_M[~is_fresh_M])
        return time_s_M

    def read(self, column: TaskColumn, sequence_M: Ints, task_M: Ints) -> Floats:
        """For each event and task: the label that is known, or that is held back; NaN: none."""
        is_fresh_M = sequence_M >= self.fresh.first_sequence
        fresh_ET = self.fresh.label_ET if column == "label" else self.fresh.held_ET
        value_M = np.empty(len(sequence_M))
        value_M[is_fresh_M] = fresh_ET[sequence_M[is_fresh_M] - self.fresh.first_sequence, task_M[is_fresh_M]]
        old = self.ring.read(column, sequence_M[~is_fresh_M])
        value_M[~is_fresh_M] = old[np.arange(len(old)), task_M[~is_fresh_M]]
        return value_M

    def note_labels(self, sequence_M: Ints, task_M: Ints, value_M: Floats) -> None:
        """The labels that are now known."""
        is_fresh_M = sequence_M >= self.fresh.first_sequence
        self.fresh.label_ET[sequence_M[is_fresh_M] - self.fresh.first_sequence, task_M[is_fresh_M]] = value_M[
            is_fresh_M
        ]
        self.ring.write_label(sequence_M[~is_fresh_M], task_M[~is_fresh_M], value_M[~is_fresh_M])

    def due(self, head: int, after_s: float, watermark_N: Floats) -> tuple[int, Ints, Ints]:
        """The next head, and the events for which the watermark passes their time plus `after_s` in this turn, where.

        Events come due in order of arrival (one that came late waits for its predecessors), after their own record,
        and not after their eviction.
        """
        head = max(head, self.ring.oldest_sequence)
        if self._is_nothing_due(head, after_s, watermark_N):  # most turns of a stream that is read as it comes
            return head, np.zeros(0, np.int64), np.zeros(0, np.int64)
        sequences, records = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        waited, step = 0, _CHUNK
        while head < self.fresh.end_sequence:
            sequence_M = np.arange(head, min(head + step, self.fresh.end_sequence))
            due_M = np.searchsorted(watermark_N, self.time_s(sequence_M) + after_s, side="left")
            is_fresh_M = sequence_M >= self.fresh.first_sequence
            own_record_M = self.fresh.record_E[sequence_M[is_fresh_M] - self.fresh.first_sequence]
            due_M[is_fresh_M] = np.maximum(due_M[is_fresh_M], own_record_M + 1)
            evicted_M = self._evicted_at(sequence_M, n_records=len(watermark_N))
            is_due_M = due_M <= evicted_M
            done_M = np.maximum.accumulate(np.maximum(np.where(is_due_M, due_M, evicted_M + 1), waited))
            n_done = int(np.searchsorted(done_M, len(watermark_N), side="left"))
            is_due_M = is_due_M[:n_done]
            sequences.append(sequence_M[:n_done][is_due_M])
            records.append(done_M[:n_done][is_due_M])
            head += n_done
            if n_done < len(sequence_M):
                break
            waited, step = int(done_M[-1]), step * 4
        return head, np.concatenate(sequences), np.concatenate(records)

    def _is_nothing_due(self, head: int, after_s: float, watermark_N: Floats) -> bool:
        """Whether the first event that may come due does not, and is not evicted either, in this turn."""
        evicted = head + self.ring.capacity - self.fresh.first_sequence
        if head >= self.fresh.first_sequence or len(watermark_N) == 0 or evicted < len(self.fresh.record_E):
            return False
        return bool(self.ring.read("time_s", np.array([head]))[0] + after_s > watermark_N[-1])

    def _evicted_at(self, sequence_M: Ints, n_records: int) -> Ints:
        """The record that pushes each event out of the ring; `n_records` if none of this turn does."""
        index_M = sequence_M + self.ring.capacity - self.fresh.first_sequence
        evicted_M = np.full(len(sequence_M), n_records)
        inside_M = (index_M >= 0) & (index_M < len(self.fresh.record_E))
        evicted_M[inside_M] = self.fresh.record_E[index_M[inside_M]]
        return evicted_M
