"""From the course of the machines to records in the order of their arrival.

Shape suffixes: S steps, M machines, E events of a batch, O published columns of all tasks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from streammtl.types import Bools, Floats, Ints
from streammtl_simulators.dirt import Timed
from streammtl_simulators.iot.calendar import Calendar
from streammtl_simulators.iot.concept import N_OUTPUTS
from streammtl_simulators.iot.condition import TASKS
from streammtl_simulators.iot.course import Dials, courses
from streammtl_simulators.iot.documents import Writer
from streammtl_simulators.iot.labels import Labelling, Truth, messages
from streammtl_simulators.iot.sensors import Readings, Sensors
from streammtl_simulators.labels import Labels, concatenate
from streammtl_simulators.pending import Pending
from streammtl_simulators.records import merged

#: Labels that are left when the last event has come, by the batch.
_BATCH: Final = 8192
_NO_MS: Final = np.zeros(0, dtype=np.int64)
_NO_BEST: Final = np.zeros((0, N_OUTPUTS))


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that the stream is made from."""

    seed: int
    events: int
    calendar: Calendar
    dials: Dials
    labelling: Labelling


def stream(plan: Plan) -> Iterator[Timed]:
    """Events at their time; labels when they become known."""
    writer, encoder, pending = Writer(plan.calendar.fleet, plan.events), msgspec.json.Encoder(), Pending(_concatenate)
    for readings, load_E, truth in _batches(plan):
        for message in messages(readings, truth):
            pending.put(message)
        arrived = _concatenate(pending.take(int(readings.ms_E[-1])))
        events = writer.events(readings, load_E)
        yield from merged(encoder, events, readings.ms_E, truth.best_EO, writer.labels(arrived), arrived.ms_L)
    rest = _concatenate(pending.rest())
    rest = rest.rows(np.argsort(rest.ms_L, kind="stable"))
    for first in range(0, len(rest), _BATCH):
        labels = rest.rows(slice(first, first + _BATCH))
        yield from merged(encoder, [], _NO_MS, _NO_BEST, writer.labels(labels), labels.ms_L)


def event_times_s(events: int, calendar: Calendar) -> Floats:
    """Times of all events of the stream, in seconds since the start."""
    times: list[Ints] = []
    n_missing, step = events, 0
    while n_missing > 0:
        ms_SM = calendar.times_ms(step, step + 100)
        step += 100
        times.append(ms_SM[calendar.reports(ms_SM)][:n_missing])
        n_missing -= len(times[-1])
    return np.concatenate(times) / 1000.0


def _batches(plan: Plan) -> Iterator[tuple[Readings, Floats, Truth]]:
    """The readings, planned loads and truth of batch after batch."""
    sensors = Sensors(plan.seed, plan.calendar)
    first = 0
    for course in courses(plan.seed, plan.calendar, plan.dials):
        is_event_SM = _first(plan.calendar.reports(course.ms_SM), plan.events - first)
        readings = sensors.read(course, is_event_SM, first)
        truth = plan.labelling.draw(course, is_event_SM, readings)
        yield readings, course.load_SM[is_event_SM], truth
        first += len(readings.ms_E)
        if first == plan.events:
            return


def _first(chosen_SM: Bools, n: int) -> Bools:
    """The first `n` of what is chosen."""
    return chosen_SM & (np.cumsum(chosen_SM.ravel()).reshape(chosen_SM.shape) <= n)


def _concatenate(parts: list[Labels]) -> Labels:
    return concatenate(parts, len(TASKS))
