"""The join: remembers what was published for each event, and finds the event of each label.

Events are kept in a ring in order of arrival; the oldest is evicted when the ring is full. Labels for any subset of
tasks match an event at any later time. Time here is *event time*: the watermark is the largest time seen, and it moves
by at most `max_ahead_s` per record, so that one record from the year 2100 cannot expire everything.

`plan` matches a turn's labels to events and puts the operations of the learner in their one right order (see
`streammtl.plan`); `remember` then stores what was published. All work is done on columns; the only loop over records is
that of the dictionary of ids.

Shape suffixes as in `streammtl.types`; M labels on their way to an operation.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import compress, repeat
from typing import final

import numpy as np
from pydantic import Field

from streammtl.component import Settings
from streammtl.pending import Fresh, Pending
from streammtl.plan import ARRIVE, EXPIRE, RELEASE, Labels, Plan, assemble, in_order
from streammtl.ring import Ring
from streammtl.tasks.base import Task
from streammtl.types import Bools, Floats, Ints, RowLayout, State, Turn
from streammtl.watermark import Watermark

#: So few records are looked up one by one in less time.
_FEW = 32

#: What the join counts. Labels are counted one by one (a record may carry several); events once.
COUNTS = (
    "matched",  # labels that met their event in time
    "orphan",  # labels whose id is not remembered: never seen, or evicted
    "duplicate_events",  # events whose id is remembered; labels inside them still count as labels
    "duplicate_labels",  # labels that repeat the one known
    "contradictory_labels",  # labels that differ from the one known, which stays
    "late",  # labels that came after their horizon
    "expired",  # labels that never came within their horizon
    "evicted",  # events pushed out of the ring while a label was still awaited
)


@final
class Join:
    """Pending events: remember, match, release, expire, evict."""

    class Config(Settings):
        """Settings of the join."""

        capacity: int = Field(
            default=100_000,
            ge=1,
            le=50_000_000,
            description="Events remembered at most; the one that arrived first is evicted first.",
        )
        max_ahead_s: float = Field(
            default=86_400.0,
            gt=0.0,
            description="Seconds by which one record can move the watermark at most, however far ahead its time is.",
        )

        def build(self, tasks: tuple[Task, ...], layout: RowLayout) -> Join:
            """The join of these tasks' labels."""
            return Join(self, tasks, layout)

    def __init__(self, config: Join.Config, tasks: tuple[Task, ...], layout: RowLayout) -> None:
        self._n_tasks = len(tasks)
        self._horizon_T = np.array([np.inf if t.horizon_s is None else t.horizon_s for t in tasks], dtype=np.float64)
        self._delay_T = np.array([t.delay_s for t in tasks], dtype=np.float64)
        self._expiry_T = np.array([t.expiry_label() for t in tasks], dtype=np.float64)
        self._ring = Ring(config.capacity, len(tasks), sum(t.n_outputs for t in tasks), layout)
        self._sequence_of: dict[str, int] = {}
        self._watermark = Watermark(config.max_ahead_s)
        self._last_label_T = np.full(len(tasks), np.nan)
        # The first event, in order of arrival, whose held-back labels (or whose horizon) lie still ahead.
        self._release_head = {float(d): 0 for d in np.unique(self._delay_T[self._delay_T > 0])}
        self._expiry_head = {float(h): 0 for h in np.unique(self._horizon_T[np.isfinite(self._horizon_T)])}
        self.counts: dict[str, int] = dict.fromkeys(COUNTS, 0)

    @property
    def n_remembered(self) -> int:
        """Events in the ring."""
        return len(self._sequence_of)

    @property
    def n_pending(self) -> int:
        """Events that still await a label."""
        return int(self._is_open(self._ring.sequences()).any(axis=1).sum())

    def plan(self, turn: Turn) -> Plan:
        """Match the turn's labels to events and put everything in order. Takes note of the ids of new events."""
        first_new = self._ring.next_sequence
        sequence_N, is_new_N = self._look_up(turn.ids, turn.is_event_N, first_new)
        watermark_N = self._watermark.advance(turn.time_s_N)
        record_E = np.flatnonzero(is_new_N)
        fresh = Fresh(
            record_E=record_E,
            time_s_E=np.fmin(turn.time_s_N[record_E], watermark_N[record_E]),
            label_ET=np.full((len(record_E), self._n_tasks), np.nan),
            held_ET=np.where(self._delay_T > 0, turn.labels_NT[record_E], np.nan),
            first_sequence=first_new,
        )
        pending = Pending(self._ring, fresh)
        arrived = self._arrived(pending, turn, sequence_N, is_new_N, watermark_N)
        settled = self._settle(pending, in_order([*self._released(pending, watermark_N), arrived]))
        heads = dict(self._expiry_head)
        labels = in_order([settled, *self._expired(pending, watermark_N)])
        self._count_evicted(pending, watermark_N, heads)
        return assemble(turn, pending, labels, self._last_label_T)

    def remember(self, plan: Plan, turn: Turn, outputs_EO: Floats) -> None:
        """Store the new events with what was published for them: once after each `plan`."""
        n_events = len(plan.event_record_E)
        self._ring.append(
            ids=[turn.ids[i] for i in plan.event_record_E.tolist()],
            time_s_E=plan.event_time_s_E,
            label_ET=plan.label_ET,
            held_ET=plan.held_ET,
            baseline_ET=plan.baseline_ET,
            outputs_EO=outputs_EO,
            dense_ED=plan.ops.dense_RD[:n_events],
            category_EC=plan.ops.category_RC[:n_events],
        )

    def state(self) -> State:
        """Everything remembered, oldest first; the same for equal histories, however they were cut or restored."""
        sequences = self._ring.sequences()
        held = self._ring.read("held", sequences)
        waits = np.zeros(len(sequences), np.bool_)
        for delay_s, head in self._release_head.items():
            is_held = ~np.isnan(held[:, self._delay_T == delay_s]).all(axis=1)
            waits |= is_held & (sequences >= head)
        oldest = self._ring.oldest_sequence
        return {
            "ring": self._ring.state(self._is_open(sequences).any(axis=1) | waits),
            "watermark": self._watermark.state(),
            "last_label": self._last_label_T.copy(),
            "release_head": {repr(k): max(0, v - oldest) for k, v in self._release_head.items()},
            "expiry_head": {repr(k): max(0, v - oldest) for k, v in self._expiry_head.items()},
            "counts": dict(self.counts),
        }

    def load(self, state: State) -> None:
        """Take over a `state`."""
        self._ring.load(state["ring"])
        self._sequence_of = {event_id: i for i, event_id in enumerate(self._ring.ids[: self._ring.next_sequence])}
        self._watermark.load(state["watermark"])
        self._last_label_T = np.array(state["last_label"], dtype=np.float64)
        self._release_head = {float(k): int(v) for k, v in state["release_head"].items()}
        self._expiry_head = {float(k): int(v) for k, v in state["expiry_head"].items()}
        self.counts = {name: int(state["counts"][name]) for name in COUNTS}

    # -- the steps of `plan`, in their order

    def _look_up(self, ids: list[str], is_event_N: Bools, first_new: int) -> tuple[Ints, Bools]:
        """The sequence of each record's event (-1: not remembered), and which records are new events."""
        if len(ids) < _FEW:
            return self._look_up_each(ids, is_event_N, first_new)
        known = self._sequence_of
        event_ids = list(compress(ids, is_event_N.tolist()))
        if len(set(event_ids)) < len(event_ids) or not known.keys().isdisjoint(event_ids):
            return self._look_up_each(ids, is_event_N, first_new)
        # Every event is new: all at once, as if each record had been looked up at its place.
        end_N = first_new + np.cumsum(is_event_N)  # one after the last event known at each record
        known.update(zip(event_ids, range(first_new, first_new + len(event_ids)), strict=True))
        sequence_N = end_N - 1
        label_ids = list(compress(ids, (~is_event_N).tolist()))
        sequence_N[~is_event_N] = np.fromiter(map(known.get, label_ids, repeat(-1)), np.int64, len(label_ids))
        sequence_N[(sequence_N >= end_N) | (sequence_N < end_N - self._ring.capacity)] = -1
        for event_id in self._evicted_ids(event_ids, first_new):
            del known[event_id]
        return sequence_N, is_event_N

    def _evicted_ids(self, fresh_ids: list[str], first_new: int) -> list[str]:
        """The ids of the events that leave the ring when the fresh ones have entered it."""
        capacity = self._ring.capacity
        oldest, end = max(0, first_new - capacity), first_new + len(fresh_ids) - capacity
        old_ids = [self._ring.ids[sequence % capacity] for sequence in range(oldest, min(end, first_new))]
        return old_ids + fresh_ids[: max(0, end - first_new)]

    def _look_up_each(self, ids: list[str], is_event_N: Bools, first_new: int) -> tuple[Ints, Bools]:
        """`_look_up` record by record: where events come again, and of a few, for which it takes less time."""
        known, ring_ids, capacity = self._sequence_of, self._ring.ids, self._ring.capacity
        fresh_ids: list[str] = []
        sequences: list[int] = []
        is_new: list[bool] = []
        next_sequence = first_new
        for event_id, is_event in zip(ids, is_event_N.tolist(), strict=True):
            sequence = known.get(event_id)
            new = is_event and sequence is None
            if new:
                sequence = known[event_id] = next_sequence
                fresh_ids.append(event_id)
                evicted = next_sequence - capacity
                if evicted >= 0:
                    old = fresh_ids[evicted - first_new] if evicted >= first_new else ring_ids[evicted % capacity]
                    del known[old]
                next_sequence += 1
            sequences.append(-1 if sequence is None else sequence)
            is_new.append(new)
        is_new_N = np.array(is_new, dtype=np.bool_)
        self.counts["duplicate_events"] += int((is_event_N & ~is_new_N).sum())
        return np.array(sequences, dtype=np.int64), is_new_N

    def _released(self, pending: Pending, watermark_N: Floats) -> Iterable[Labels]:
        """Labels that were held back and whose time has come."""
        for delay_s, head in self._release_head.items():
            self._release_head[delay_s], sequence_M, record_M = pending.due(head, delay_s, watermark_N)
            due_s_M = pending.time_s(sequence_M) + delay_s
            for task in np.flatnonzero(self._delay_T == delay_s).tolist():
                value_M = pending.read("held", sequence_M, np.full(len(sequence_M), task))
                labels = Labels.of_task(record_M, RELEASE, sequence_M, task, value_M, due_s_M)
                yield labels[~np.isnan(value_M)]

    def _arrived(self, pending: Pending, turn: Turn, sequence_N: Ints, is_new_N: Bools, watermark_N: Floats) -> Labels:
        """Labels that records carry, for events that are remembered and whose horizon has not passed."""
        labels_NT = turn.labels_NT
        if self._release_head:
            is_held_NT = turn.is_event_N[:, None] & (self._delay_T > 0) & ~np.isnan(labels_NT)
            self.counts["duplicate_labels"] += int((is_held_NT & ~is_new_N[:, None]).sum())
            labels_NT = np.where(is_held_NT, np.nan, labels_NT)
        record_M, task_M = np.nonzero(~np.isnan(labels_NT))
        if len(record_M) == 0:
            return Labels.none()
        labels = Labels(
            record_M=record_M,
            phase_M=np.full(len(record_M), ARRIVE),
            sequence_M=sequence_N[record_M],
            task_M=task_M,
            value_M=labels_NT[record_M, task_M],
            time_s_M=turn.time_s_N[record_M],
        )
        is_orphan_M = labels.sequence_M < 0
        if is_orphan_M.any():
            self.counts["orphan"] += int(is_orphan_M.sum())
            labels = labels[~is_orphan_M]
        if self._expiry_head:
            deadline_M = pending.time_s(labels.sequence_M) + self._horizon_T[labels.task_M]
            is_late_M = (watermark_N[labels.record_M] >= deadline_M) & ~is_new_N[labels.record_M]
            self.counts["late"] += int(is_late_M.sum())
            labels = labels[~is_late_M]
        return labels

    def _settle(self, pending: Pending, labels: Labels) -> Labels:
        """Keep the first label of each event and task, note it, and count the others. `labels` are in order."""
        if len(labels.record_M) == 0:
            return labels
        known_M = pending.read("label", labels.sequence_M, labels.task_M)
        key_M = labels.sequence_M * self._n_tasks + labels.task_M
        if np.isnan(known_M).all() and not _has_twice(key_M):
            self.counts["matched"] += len(key_M)
            pending.note_labels(labels.sequence_M, labels.task_M, labels.value_M)
            return labels
        _, first_K, key_of_M = np.unique(key_M, return_index=True, return_inverse=True)
        is_first_M = np.zeros(len(key_M), dtype=np.bool_)
        is_first_M[first_K] = True
        is_accepted_M = is_first_M & np.isnan(known_M)
        settled_M = np.where(np.isnan(known_M), labels.value_M[first_K][key_of_M], known_M)
        agrees_M = settled_M == labels.value_M
        self.counts["matched"] += int(is_accepted_M.sum())
        self.counts["duplicate_labels"] += int((~is_accepted_M & agrees_M).sum())
        self.counts["contradictory_labels"] += int((~is_accepted_M & ~agrees_M).sum())
        accepted = labels[is_accepted_M]
        pending.note_labels(accepted.sequence_M, accepted.task_M, accepted.value_M)
        return accepted

    def _expired(self, pending: Pending, watermark_N: Floats) -> Iterable[Labels]:
        """What the horizons that pass in this turn stand for."""
        for horizon_s, head in self._expiry_head.items():
            self._expiry_head[horizon_s], sequence_M, record_M = pending.due(head, horizon_s, watermark_N)
            if len(sequence_M) == 0:
                continue
            for task in np.flatnonzero(self._horizon_T == horizon_s).tolist():
                label_M = pending.read("label", sequence_M, np.full(len(sequence_M), task))
                open_M = np.isnan(label_M)
                self.counts["expired"] += int(open_M.sum())
                if np.isnan(self._expiry_T[task]):
                    continue
                sequence_X = sequence_M[open_M]
                value_X = np.full(len(sequence_X), self._expiry_T[task])
                due_s_X = pending.time_s(sequence_X) + horizon_s
                pending.note_labels(sequence_X, np.full(len(sequence_X), task), value_X)
                yield Labels.of_task(record_M[open_M], EXPIRE, sequence_X, task, value_X, due_s_X)

    def _count_evicted(self, pending: Pending, watermark_N: Floats, heads: dict[float, int]) -> None:
        """Count the events that leave the ring in this turn while a label is awaited; `heads` as before the turn."""
        oldest, fresh = self._ring.oldest_sequence, pending.fresh
        first_kept = max(oldest, fresh.end_sequence - self._ring.capacity)
        if first_kept == oldest:
            return
        sequence_M = np.arange(oldest, first_kept)
        n_old = int(np.searchsorted(sequence_M, fresh.first_sequence))
        label_MT = np.concatenate(
            [self._ring.read("label", sequence_M[:n_old]), fresh.label_ET[: len(sequence_M) - n_old]]
        )
        open_MT = np.isnan(label_MT)
        for horizon_s, head in heads.items():
            _, due_M, _ = pending.due(head, horizon_s, watermark_N)
            is_over_M = (sequence_M < head) | np.isin(sequence_M, due_M)
            open_MT[np.ix_(is_over_M, self._horizon_T == horizon_s)] = False
        self.counts["evicted"] += int(open_MT.any(axis=1).sum())

    def _is_open(self, sequence_M: Ints) -> Bools:
        """For events in the ring and each task: is a label still awaited?"""
        open_MT: Bools = np.isnan(self._ring.read("label", sequence_M))
        for horizon_s, head in self._expiry_head.items():
            open_MT[np.ix_(sequence_M < head, self._horizon_T == horizon_s)] = False
        return open_MT


def _has_twice(key_M: Ints) -> bool:
    sorted_M = np.sort(key_M)
    return bool((sorted_M[1:] == sorted_M[:-1]).any())
