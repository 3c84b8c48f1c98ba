"""From purchases to records in the order of their arrival.

Shape suffixes: E events of a batch, L labels, O published columns of all tasks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from streammtl.types import Floats, Ints
from streammtl.worlds.base import WorldRecords
from streammtl_simulators.dirt import Timed
from streammtl_simulators.fraud.calendar import Calendar
from streammtl_simulators.fraud.cast import Cast
from streammtl_simulators.fraud.concept import N_OUTPUTS, best_outputs, kind_probabilities
from streammtl_simulators.fraud.documents import Event, Label, Writer, add_labels
from streammtl_simulators.fraud.history import History, Known, NextDay
from streammtl_simulators.fraud.labels import (
    Labelling,
    Labels,
    Pending,
    Truth,
    concatenate,
    next_day_spends,
    settlements,
    verdicts,
)
from streammtl_simulators.fraud.purchases import BATCH, Purchases, purchases


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that the stream is made from."""

    seed: int
    events: int
    calendar: Calendar
    cast: Cast
    labelling: Labelling


@dataclass(frozen=True, slots=True)
class _Events:
    """A batch of the stream with all that is true of it."""

    batch: Purchases
    known: Known
    truth: Truth
    best_EO: Floats


def delayed(plan: Plan) -> Iterator[Timed]:
    """Events at their time; labels when they become known."""
    writer, pending = Writer(plan.cast, plan.calendar, plan.events), Pending()
    has_spend = np.zeros(plan.events, dtype=np.bool_)
    for batch, events, next_day in _steps(plan):
        if events is not None:
            has_spend[batch.number_E] = events.truth.has_spend_E
            pending.put(verdicts(batch, events.truth))
            pending.put(settlements(batch, events.truth))
        arrived = [next_day_spends(next_day, has_spend), *pending.take(int(batch.ms_E[-1]))]
        yield from _merged(writer, events, concatenate(arrived))
    rest = concatenate(pending.rest())
    rest = rest.rows(np.argsort(rest.ms_L, kind="stable"))
    for first in range(0, len(rest), BATCH):
        yield from _merged(writer, None, rest.rows(np.arange(first, min(first + BATCH, len(rest)))))


def inside(plan: Plan) -> Iterator[Timed]:
    """Events with their labels inside: held back in here until the next day's spend is known."""
    writer = Writer(plan.cast, plan.calendar, plan.events)
    spend = np.full(plan.events, np.nan)
    held: deque[_Events] = deque()
    for _, events, next_day in _steps(plan):
        if events is not None:
            held.append(events)
        of_stream = next_day.number >= 0
        spend[next_day.number[of_stream]] = next_day.cents[of_stream] / 100.0
        while held and not np.isnan(spend[held[0].batch.number_E[-1]]):
            ready = held.popleft()
            documents = writer.events(ready.batch, ready.known)
            add_labels(documents, ready.truth, spend[ready.batch.number_E])
            yield _timed(writer, ready.batch.ms_E, list(documents), [False] * len(documents), ready)


def _steps(plan: Plan) -> Iterator[tuple[Purchases, _Events | None, NextDay]]:
    """Each batch of purchases: as events where it is part of the stream, and the next-day spends known by its end."""
    history = History(len(plan.cast.home_C))
    for batch in purchases(plan.seed, plan.events, plan.calendar, plan.cast):
        known, next_day = history.advance(batch.number_E, batch.card_E, batch.ms_E, batch.cents_E)
        events = None
        if batch.number_E[0] >= 0:
            probabilities_EK = kind_probabilities(batch, known, plan.calendar, plan.cast)
            truth = plan.labelling.draw(batch, probabilities_EK)
            events = _Events(batch, known, truth, best_outputs(probabilities_EK, batch, plan.calendar, plan.cast))
        yield batch, events, next_day


def _merged(writer: Writer, events: _Events | None, labels: Labels) -> Iterator[Timed]:
    """Events and labels in the order of their times; at the same millisecond events first."""
    documents: list[Event | Label] = []
    ms = labels.ms_L
    if events is not None:
        documents += writer.events(events.batch, events.known)
        ms = np.concatenate([events.batch.ms_E, ms])
    n_events = len(documents)
    documents += writer.labels(labels)
    if documents:
        order = np.argsort(ms, kind="stable")
        in_order = [documents[i] for i in order.tolist()]
        yield _timed(writer, ms[order], in_order, (order >= n_events).tolist(), events)


def _timed(
    writer: Writer, ms: Ints, documents: list[Event | Label], is_label: list[bool], events: _Events | None
) -> Timed:
    keys = [document.id for document in documents]
    event_ids = [key for key, is_other in zip(keys, is_label, strict=True) if not is_other]
    best_EO = np.zeros((0, N_OUTPUTS)) if events is None else events.best_EO
    return Timed(WorldRecords(writer.encode(documents), is_label, event_ids, best_EO, keys), ms)
