"""The course of the machines: conditions, loads and stops, step by step, with what lies ahead of each report.

Shape suffixes: S steps of a chunk, A steps with those ahead, M machines, J conditions, T tasks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Final

import numpy as np

from streammtl.seeds import named_rng
from streammtl.types import Floats, Ints
from streammtl_simulators.iot.calendar import HOUR_MS, Calendar
from streammtl_simulators.iot.concept import LUBRICANT_PACE, breakdown_rate, stop_rate
from streammtl_simulators.iot.condition import TASKS, responses
from streammtl_simulators.iot.stops import Ahead, draw_stops, look_ahead

FAILURE, FAULT, ENERGY, LIFE, ALARMS = range(len(TASKS))

#: Reports of a chunk, about: large enough that what lies ahead is worth its cost, small enough for the cache.
_CHUNK: Final = 16_384


@dataclass(frozen=True, slots=True)
class Dials:
    """What decides how the tasks depend on the conditions, and how far ahead they look."""

    relatedness: float
    conflict: float
    horizon_steps: int
    life_steps: int


@dataclass(frozen=True, slots=True)
class Course:
    """Some steps of all machines."""

    ms_SM: Ints
    load_SM: Floats
    rush_SM: Floats
    lubricant_SM: Floats
    condition_JSM: Floats
    response_TSM: Floats
    breakdown: Ahead
    stop: Ahead


def courses(seed: int, calendar: Calendar, dials: Dials) -> Iterator[Course]:
    """Chunk after chunk of steps, without end."""
    n_machines = len(calendar.fleet.type_M)
    n_steps = max(1, _CHUNK // n_machines)
    n_ahead = max(dials.horizon_steps, dials.life_steps)
    walk = _Walk(seed, calendar, dials)
    path = walk.steps(n_ahead)
    while True:
        path = _joined(path, walk.steps(n_steps))
        interval_h = calendar.interval_ms / HOUR_MS
        n_breakdown = n_steps + dials.horizon_steps
        n_life = n_steps + dials.life_steps
        yield Course(
            ms_SM=path.ms_AM[:n_steps],
            load_SM=path.load_AM[:n_steps],
            rush_SM=path.rush_AM[:n_steps],
            lubricant_SM=path.lubricant_AM[:n_steps],
            condition_JSM=path.condition_AJM[:n_steps].transpose(1, 0, 2),
            response_TSM=path.response_ATM[:n_steps].transpose(1, 0, 2),
            breakdown=look_ahead(
                path.breakdown_rate_AM[:n_breakdown], path.breakdown_h_AM[:n_breakdown], interval_h, dials.horizon_steps
            ),
            stop=look_ahead(path.stop_rate_AM[:n_life], path.stop_h_AM[:n_life], interval_h, dials.life_steps),
        )
        path = _Path(*(getattr(path, field.name)[n_steps:] for field in fields(_Path)))


@dataclass(frozen=True, slots=True)
class _Path:
    """Steps without what lies ahead of them."""

    ms_AM: Ints
    load_AM: Floats
    rush_AM: Floats
    lubricant_AM: Floats
    condition_AJM: Floats
    response_ATM: Floats
    breakdown_rate_AM: Floats
    breakdown_h_AM: Floats
    stop_rate_AM: Floats
    stop_h_AM: Floats


def _joined(first: _Path, second: _Path) -> _Path:
    return _Path(
        *(np.concatenate([getattr(first, field.name), getattr(second, field.name)]) for field in fields(_Path))
    )


class _Walk:
    """Goes on from step to step."""

    def __init__(self, seed: int, calendar: Calendar, dials: Dials) -> None:
        self._calendar, self._dials = calendar, dials
        self._rng = named_rng(seed, "iot", "stops")
        self._next_step = 0
        self._work_h_M = np.zeros(len(calendar.fleet.type_M))  # hours at full load, times the pace of wear

    def steps(self, n: int) -> _Path:
        """The next `n` steps."""
        calendar, dials, fleet = self._calendar, self._dials, self._calendar.fleet
        ms_AM = calendar.times_ms(self._next_step, self._next_step + n)
        self._next_step += n
        load_AM, rush_AM, lubricant_AM = calendar.load(ms_AM), calendar.in_rush(ms_AM), calendar.lubricant(ms_AM)
        interval_h = calendar.interval_ms / HOUR_MS
        gain_AM = load_AM * (1.0 + LUBRICANT_PACE * lubricant_AM) * interval_h
        after_AM = self._work_h_M + np.cumsum(gain_AM, axis=0)
        before_AM = np.concatenate([self._work_h_M[None, :], after_AM[:-1]])
        self._work_h_M = after_AM[-1]
        age_AJM = fleet.phase_MJ.T + fleet.pace_MJ.T * before_AM[:, None, :]
        condition_AJM = age_AJM - np.floor(age_AJM)
        response_TAM = responses(condition_AJM.transpose(1, 0, 2), dials.relatedness, dials.conflict)
        breakdown_rate_AM = breakdown_rate(response_TAM[FAILURE], load_AM, rush_AM, lubricant_AM)
        stop_rate_AM = stop_rate(response_TAM[LIFE], load_AM, lubricant_AM)
        uniform_A2M = self._rng.random((n, 2, len(fleet.type_M)))
        return _Path(
            ms_AM=ms_AM,
            load_AM=load_AM,
            rush_AM=rush_AM,
            lubricant_AM=lubricant_AM,
            condition_AJM=condition_AJM,
            response_ATM=response_TAM.transpose(1, 0, 2),
            breakdown_rate_AM=breakdown_rate_AM,
            breakdown_h_AM=draw_stops(breakdown_rate_AM, uniform_A2M[:, 0], interval_h),
            stop_rate_AM=stop_rate_AM,
            stop_h_AM=draw_stops(stop_rate_AM, uniform_A2M[:, 1], interval_h),
        )
