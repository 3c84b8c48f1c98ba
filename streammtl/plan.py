"""The plan of a turn: its PREDICT and LEARN operations in their one right order.

For each record, in order:

    1 RELEASE  labels that were held back (`delay_s`) until the watermark that this record sets
    2 EXPIRE   labels that an expired horizon stands for (`on_expiry`)
    3 PREDICT  if the record is an event that is not known yet
    4 ARRIVE   labels that it carries, for an event that is remembered

Shape suffixes as in `streammtl.types`; G rows gathered from the ring, M labels on their way to an operation.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from streammtl.pending import Pending
from streammtl.ring import Ring
from streammtl.types import Bools, Floats, Ints, Ops, Turn

RELEASE, EXPIRE, PREDICT, ARRIVE = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Plan:
    """The operations of a turn, and what is needed to score and to remember.

    Feature rows 0 .. E-1 of `ops` are the turn's new events; the rows after them come from the ring.
    """

    ops: Ops
    event_record_E: Ints  # record of each new event
    event_time_s_E: Floats
    label_ET: Floats  # known at the end of the turn
    held_ET: Floats  # held back, to be released later
    baseline_ET: Floats  # last label known when each new event was predicted
    outputs_GO: Floats  # published for the rows gathered from the ring
    baseline_GT: Floats
    learn_record_L: Ints  # record that triggered each LEARN
    learn_row_L: Ints
    labels_LT: Floats
    delay_s_L: Floats
    time_s_L: Floats
    is_expiry_L: Bools


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels on their way to an operation: one row per label."""

    record_M: Ints
    phase_M: Ints
    sequence_M: Ints
    task_M: Ints
    value_M: Floats
    time_s_M: Floats

    @classmethod
    def none(cls) -> Labels:
        """No label at all."""
        nothing = np.zeros(0, np.int64)
        return cls(nothing, nothing, nothing, nothing, np.zeros(0), np.zeros(0))

    @classmethod
    def of_task(
        cls, record_M: Ints, phase: int, sequence_M: Ints, task: int, value_M: Floats, time_s_M: Floats
    ) -> Labels:
        """Labels of one task, all of one phase."""
        n = len(record_M)
        return cls(record_M, np.full(n, phase), sequence_M, np.full(n, task), value_M, time_s_M)

    def __getitem__(self, index_M: Ints | Bools) -> Labels:
        """Some of them."""
        return Labels(
            self.record_M[index_M],
            self.phase_M[index_M],
            self.sequence_M[index_M],
            self.task_M[index_M],
            self.value_M[index_M],
            self.time_s_M[index_M],
        )


def in_order(parts: Iterable[Labels]) -> Labels:
    """All labels together in the order in which their operations happen."""
    parts = list(parts)
    if len(parts) == 1:
        return parts[0]
    joined = Labels(
        np.concatenate([p.record_M for p in parts]),
        np.concatenate([p.phase_M for p in parts]),
        np.concatenate([p.sequence_M for p in parts]),
        np.concatenate([p.task_M for p in parts]),
        np.concatenate([p.value_M for p in parts]),
        np.concatenate([p.time_s_M for p in parts]),
    )
    return joined[np.lexsort((joined.task_M, joined.sequence_M, joined.phase_M, joined.record_M))]


def assemble(turn: Turn, pending: Pending, labels: Labels, last_label_T: Floats) -> Plan:
    """The plan of a turn, from its labels in order; `last_label_T`, what was known before it, moves on in place."""
    if len(labels.record_M) == 0:
        return _of_events_alone(turn, pending, last_label_T)
    fresh = pending.fresh
    starts_M = np.ones(len(labels.record_M), np.bool_)
    for key_M in (labels.record_M, labels.phase_M, labels.sequence_M):
        starts_M[1:] &= key_M[1:] == key_M[:-1]
    starts_M[1:] = ~starts_M[1:]
    learn_M = np.cumsum(starts_M) - 1
    first = labels[starts_M]
    n_learn, n_events = len(first.record_M), len(fresh.record_E)
    labels_LT = np.full((n_learn, len(last_label_T)), np.nan)
    labels_LT[learn_M, labels.task_M] = labels.value_M

    is_old_L = first.sequence_M < fresh.first_sequence
    # A row that several operations learn from is gathered for each of them: cheaper than to look for it.
    gathered_G = first.sequence_M[is_old_L]
    learn_row_L = first.sequence_M - fresh.first_sequence
    learn_row_L[is_old_L] = n_events + np.arange(len(gathered_G))

    key_L = 4 * first.record_M + first.phase_M
    key_E = 4 * fresh.record_E + PREDICT
    place_L = np.arange(n_learn) + np.searchsorted(key_E, key_L)
    is_learn_N = np.zeros(n_learn + n_events, dtype=np.bool_)
    is_learn_N[place_L] = True
    row_N = np.empty(n_learn + n_events, dtype=np.int64)
    row_N[place_L] = learn_row_L
    row_N[~is_learn_N] = np.arange(n_events)  # both keep their order
    labels_NT = np.full((n_learn + n_events, len(last_label_T)), np.nan)
    labels_NT[place_L] = labels_LT
    is_expiry_L = first.phase_M == EXPIRE
    event_row_E = (np.cumsum(turn.is_event_N) - 1)[fresh.record_E]
    return Plan(
        ops=Ops(
            is_learn_N=is_learn_N,
            row_N=row_N,
            labels_NT=labels_NT,
            dense_RD=_rows("dense", turn.dense_ED, event_row_E, pending.ring, gathered_G),
            category_RC=_rows("category", turn.category_EC, event_row_E, pending.ring, gathered_G),
        ),
        event_record_E=fresh.record_E,
        event_time_s_E=fresh.time_s_E,
        label_ET=fresh.label_ET,
        held_ET=fresh.held_ET,
        baseline_ET=_baselines(is_learn_N, labels_NT, is_expiry_L, last_label_T),
        outputs_GO=pending.ring.read("outputs", gathered_G),
        baseline_GT=pending.ring.read("baseline", gathered_G),
        learn_record_L=first.record_M,
        learn_row_L=learn_row_L,
        labels_LT=labels_LT,
        delay_s_L=first.time_s_M - pending.time_s(first.sequence_M),
        time_s_L=first.time_s_M,
        is_expiry_L=is_expiry_L,
    )


def _of_events_alone(turn: Turn, pending: Pending, last_label_T: Floats) -> Plan:
    """The plan of a turn without labels, of which there are many where a stream is read as it comes."""
    fresh, ring = pending.fresh, pending.ring
    n_events, n_tasks = len(fresh.record_E), len(last_label_T)
    none, no_time, no_row = np.zeros(0, np.int64), np.zeros(0), np.zeros((0, n_tasks))
    event_row_E = (np.cumsum(turn.is_event_N) - 1)[fresh.record_E]
    return Plan(
        ops=Ops(
            is_learn_N=np.zeros(n_events, np.bool_),
            row_N=np.arange(n_events),
            labels_NT=np.full((n_events, n_tasks), np.nan),
            dense_RD=turn.dense_ED.take(event_row_E, axis=0),
            category_RC=turn.category_EC.take(event_row_E, axis=0),
        ),
        event_record_E=fresh.record_E,
        event_time_s_E=fresh.time_s_E,
        label_ET=fresh.label_ET,
        held_ET=fresh.held_ET,
        baseline_ET=np.tile(last_label_T, (n_events, 1)),
        outputs_GO=ring.read("outputs", none),
        baseline_GT=no_row,
        learn_record_L=none,
        learn_row_L=none,
        labels_LT=no_row,
        delay_s_L=no_time,
        time_s_L=no_time,
        is_expiry_L=np.zeros(0, np.bool_),
    )


_Row = TypeVar("_Row", np.float32, np.int32)


def _rows(column: str, fresh_EK: npt.NDArray[_Row], row_E: Ints, ring: Ring, gathered_G: Ints) -> npt.NDArray[_Row]:
    """Rows of the turn, and after them rows of the ring."""
    rows_RK = np.empty((len(row_E) + len(gathered_G), fresh_EK.shape[1]), fresh_EK.dtype)
    fresh_EK.take(row_E, axis=0, out=rows_RK[: len(row_E)], mode="clip")
    ring.read_into(rows_RK[len(row_E) :], column, gathered_G)
    return rows_RK


def _baselines(is_learn_N: Bools, labels_NT: Floats, is_expiry_L: Bools, last_label_T: Floats) -> Floats:
    """The last label of each task that somebody sent before each PREDICT."""
    n_ops = len(is_learn_N)
    sent_NT = labels_NT.copy()
    sent_NT[np.flatnonzero(is_learn_N)[is_expiry_L]] = np.nan
    sent_NT = np.concatenate([last_label_T[None], sent_NT])
    last_NT = np.where(np.isnan(sent_NT), 0, np.arange(n_ops + 1)[:, None])
    known_NT = np.take_along_axis(sent_NT, np.maximum.accumulate(last_NT, axis=0), axis=0)
    last_label_T[:] = known_NT[-1]
    return known_NT[1:][~is_learn_N]
