"""From impressions to records in the order of their arrival.

Shape suffixes: E events of a batch, L labels, O published columns of all tasks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from streammtl.types import Floats
from streammtl_simulators.dirt import Timed
from streammtl_simulators.history import History, Known
from streammtl_simulators.labels import Labels, concatenate
from streammtl_simulators.pending import Pending
from streammtl_simulators.recommender.calendar import Calendar
from streammtl_simulators.recommender.catalogue import Catalogue
from streammtl_simulators.recommender.concept import N_OUTPUTS, best_outputs, chances
from streammtl_simulators.recommender.documents import Writer
from streammtl_simulators.recommender.impressions import BATCH, Impressions, impressions
from streammtl_simulators.recommender.labels import Acting, Delays, NeverLabelled, messages
from streammtl_simulators.recommender.tastes import CLICK, TASKS, Tastes
from streammtl_simulators.records import merged

_NO_MS: Final = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that the stream is made from."""

    seed: int
    events: int
    calendar: Calendar
    catalogue: Catalogue
    tastes: Tastes
    delays: Delays
    never: NeverLabelled


def stream(plan: Plan) -> Iterator[Timed]:
    """Events at their time; labels when they become known."""
    writer, encoder, pending = Writer(plan.catalogue, plan.events), msgspec.json.Encoder(), Pending(_concatenate)
    for batch, known, best_EO, sent in _events(plan):
        for labels in sent:
            pending.put(labels)
        arrived = _concatenate(pending.take(int(batch.ms_E[-1])))
        events = writer.events(batch, known)
        yield from merged(encoder, events, batch.ms_E, best_EO, writer.labels(arrived), arrived.ms_L)
    rest = _concatenate(pending.rest())
    rest = rest.rows(np.argsort(rest.ms_L, kind="stable"))
    for first in range(0, len(rest), BATCH):
        labels = rest.rows(slice(first, first + BATCH))
        yield from merged(encoder, [], _NO_MS, np.zeros((0, N_OUTPUTS)), writer.labels(labels), labels.ms_L)


def _events(plan: Plan) -> Iterator[tuple[Impressions, Known, Floats, list[Labels]]]:
    """Batch after batch with its histories, best outputs and labels; what was before it is in the histories only."""
    history = History(plan.catalogue.n_users)
    before, acting = (Acting(plan.seed, part, plan.delays, plan.never) for part in ("before", "stream"))
    for batch in impressions(plan.seed, plan.events, plan.calendar, plan.catalogue):
        true = chances(batch, plan.calendar, plan.catalogue, plan.tastes)
        of_stream = bool(batch.number_E[0] >= 0)
        deeds = (acting if of_stream else before).draw(true)
        is_click_E = deeds.label_ET[:, CLICK].astype(np.int64)
        known, _ = history.advance(batch.number_E, batch.user_E, batch.ms_E, is_click_E)
        if of_stream:
            yield batch, known, best_outputs(true, 1.0 - plan.never.purchase), messages(batch, deeds)


def _concatenate(parts: list[Labels]) -> Labels:
    return concatenate(parts, len(TASKS))
