"""From purchases to records in the order of their arrival.

Shape suffixes: E events of a batch, L labels, O published columns of all tasks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from streammtl.types import Floats
from streammtl_simulators.dirt import Timed
from streammtl_simulators.fraud.calendar import Calendar
from streammtl_simulators.fraud.cast import Cast
from streammtl_simulators.fraud.concept import N_OUTPUTS, best_outputs, kind_probabilities
from streammtl_simulators.fraud.documents import Writer, add_labels
from streammtl_simulators.fraud.labels import (
    Labelling,
    Truth,
    concatenate,
    next_day_spends,
    settlements,
    verdicts,
)
from streammtl_simulators.fraud.purchases import BATCH, Purchases, purchases
from streammtl_simulators.history import History, Known, NextDay
from streammtl_simulators.pending import Pending
from streammtl_simulators.records import merged

_NO_MS: Final = np.zeros(0, dtype=np.int64)
_NO_BEST: Final = np.zeros((0, N_OUTPUTS))


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
    writer, encoder = Writer(plan.cast, plan.calendar, plan.events), msgspec.json.Encoder()
    pending = Pending(concatenate)
    has_spend = np.zeros(plan.events, dtype=np.bool_)
    for batch, events, next_day in _steps(plan):
        if events is not None:
            has_spend[batch.number_E] = events.truth.has_spend_E
            pending.put(verdicts(batch, events.truth))
            pending.put(settlements(batch, events.truth))
        arrived = [next_day_spends(next_day, has_spend), *pending.take(int(batch.ms_E[-1]))]
        labels = concatenate(arrived)
        if events is None:
            yield from merged(encoder, [], _NO_MS, _NO_BEST, writer.labels(labels), labels.ms_L)
        else:
            documents = writer.events(events.batch, events.known)
            yield from merged(encoder, documents, batch.ms_E, events.best_EO, writer.labels(labels), labels.ms_L)
    rest = concatenate(pending.rest())
    rest = rest.rows(np.argsort(rest.ms_L, kind="stable"))
    for first in range(0, len(rest), BATCH):
        labels = rest.rows(slice(first, first + BATCH))
        yield from merged(encoder, [], _NO_MS, _NO_BEST, writer.labels(labels), labels.ms_L)


def inside(plan: Plan) -> Iterator[Timed]:
    """Events with their labels inside: held back in here until the next day's spend is known."""
    writer, encoder = Writer(plan.cast, plan.calendar, plan.events), msgspec.json.Encoder()
    spend = np.full(plan.events, np.nan)
    held: deque[_Events] = deque()
    for _, events, next_day in _steps(plan):
        if events is not None:
            held.append(events)
        of_stream = next_day.number >= 0
        spend[next_day.number[of_stream]] = next_day.amount[of_stream] / 100.0
        while held and not np.isnan(spend[held[0].batch.number_E[-1]]):
            ready = held.popleft()
            documents = writer.events(ready.batch, ready.known)
            add_labels(documents, ready.truth, spend[ready.batch.number_E])
            yield from merged(encoder, documents, ready.batch.ms_E, ready.best_EO, [], _NO_MS)


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
