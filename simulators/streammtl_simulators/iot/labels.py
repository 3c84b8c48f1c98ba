"""What becomes known of each report, and when.

Four messages may follow a report: that the machine broke down, or did not (when it happens, or when the horizon ends);
what an inspection found; the meter's reading with energy and alarms; how long the seal lasted (when it gives way).
Nothing is left out because of its label, but for one thing that really is so: a seal that holds longer than
`life_horizon_h` is not followed up. The best output is the expectation given that it is.

Shape suffixes: S steps, M machines, E events, L messages, O published columns of all tasks, T tasks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import Field

from streammtl.component import Settings
from streammtl.seeds import named_rng
from streammtl.types import Bools, Floats, Ints
from streammtl_simulators.iot.calendar import HOUR_MS, Calendar
from streammtl_simulators.iot.concept import (
    ENERGY_SPREAD,
    FAULTS,
    MOST_ALARMS,
    N_OUTPUTS,
    alarm_rate,
    expected_energy,
    fault_probabilities,
)
from streammtl_simulators.iot.condition import TASKS
from streammtl_simulators.iot.course import ALARMS, ENERGY, FAILURE, FAULT, LIFE, Course
from streammtl_simulators.iot.sensors import Readings
from streammtl_simulators.labels import Labels
from streammtl_simulators.pending import lognormal_s, milliseconds


class Delays(Settings):
    """How long labels take beyond what they are about. Lognormal."""

    inspection_median_s: float = Field(
        default=28_800.0, gt=0.0, description="Median time from a report to what its inspection found: 8 hours."
    )
    inspection_sigma: float = Field(default=0.7, ge=0.0, le=3.0, description="Spread of the log of that time.")
    meter_median_s: float = Field(
        default=600.0,
        gt=0.0,
        description="Median time from the end of the interval to the meter's reading (energy, alarms): 10 minutes.",
    )
    meter_sigma: float = Field(default=0.5, ge=0.0, le=3.0, description="Spread of the log of that time.")


class NeverLabelled(Settings):
    """Shares of reports whose label never comes, drawn independently of everything else."""

    failure_soon: float = Field(default=0.6, ge=0.0, le=1.0, description="Nobody wrote it down.")
    fault_class: float = Field(default=0.94, ge=0.0, le=1.0, description="Never inspected: most are not.")
    energy_kwh: float = Field(default=0.8, ge=0.0, le=1.0, description="The meter was read without the energy.")
    remaining_life_h: float = Field(default=0.85, ge=0.0, le=1.0, description="Not followed up, however it went on.")
    alarms_next_hour: float = Field(default=0.1, ge=0.0, le=1.0, description="The meter was read without the alarms.")


@dataclass(frozen=True, slots=True)
class Truth:
    """What really was the case with the events of a batch, what of it becomes known and when, and the best outputs."""

    value_ET: Floats  # NaN: never known
    inspection_ms_E: Ints
    meter_ms_E: Ints
    failure_ms_E: Ints
    stop_ms_E: Ints
    best_EO: Floats


class Labelling:
    """Draws the truth of each batch."""

    def __init__(self, seed: int, calendar: Calendar, horizon_h: float, delays: Delays, never: NeverLabelled) -> None:
        self._rng = named_rng(seed, "iot", "labels")
        self._calendar, self._horizon_h, self._delays = calendar, horizon_h, delays
        self._never_T = np.array([getattr(never, task) for task in TASKS])

    def draw(self, course: Course, is_event_SM: Bools, readings: Readings) -> Truth:
        """The truth of the events of a batch."""
        # Drawn for all machines, there or not: a drift that is switched off leaves the other draws alone.
        uniform = self._rng.random((2 + len(TASKS), *course.ms_SM.shape), dtype=np.float32)
        normal = self._rng.standard_normal((3, *course.ms_SM.shape), dtype=np.float32)
        fault_u_E, alarms_u_E = uniform[:2, is_event_SM].astype(np.float64)
        energy_n_E, inspection_n_E, meter_n_E = normal[:, is_event_SM].astype(np.float64)
        best_EO = _best_outputs(course, is_event_SM, readings, self._calendar)
        failure_h_E, stop_h_E = course.breakdown.hours_SM[is_event_SM], course.stop.hours_SM[is_event_SM]

        value_TE = np.empty((len(TASKS), len(best_EO)))
        value_TE[FAILURE] = np.isfinite(failure_h_E)
        value_TE[FAULT] = _draw_class(best_EO[:, 1:6], fault_u_E)
        value_TE[ENERGY] = np.round(best_EO[:, 6] * (1.0 + ENERGY_SPREAD * energy_n_E), 2)
        value_TE[LIFE] = np.where(np.isfinite(stop_h_E), np.round(stop_h_E, 2), np.nan)
        value_TE[ALARMS] = _draw_count(best_EO[:, 8], alarms_u_E)
        is_known_TE = uniform[2:, is_event_SM] >= self._never_T[:, None]

        delays, ms_E = self._delays, readings.ms_E
        inspection_s_E = lognormal_s(delays.inspection_median_s, delays.inspection_sigma, inspection_n_E)
        meter_s_E = lognormal_s(delays.meter_median_s, delays.meter_sigma, meter_n_E)
        return Truth(
            value_ET=np.where(is_known_TE, value_TE, np.nan).T,
            inspection_ms_E=ms_E + milliseconds(inspection_s_E),
            meter_ms_E=ms_E + self._calendar.interval_ms + milliseconds(meter_s_E),
            failure_ms_E=ms_E + _hours_ms(np.minimum(failure_h_E, self._horizon_h)),
            stop_ms_E=ms_E + _hours_ms(np.where(np.isfinite(stop_h_E), stop_h_E, 0.0)),
            best_EO=best_EO,
        )


def _best_outputs(course: Course, is_event_SM: Bools, readings: Readings, calendar: Calendar) -> Floats:
    response_TE = course.response_TSM[:, is_event_SM]
    load_E, lubricant_E = course.load_SM[is_event_SM], course.lubricant_SM[is_event_SM]
    type_E, hours = calendar.fleet.type_M[readings.machine_E], calendar.interval_ms / HOUR_MS
    best_EO = np.empty((len(load_E), N_OUTPUTS))
    best_EO[:, 0] = course.breakdown.probability_SM[is_event_SM]
    best_EO[:, 1:6] = fault_probabilities(response_TE[FAULT], load_E, ~readings.has_temperature_E)
    best_EO[:, 6] = expected_energy(response_TE[ENERGY], load_E, type_E, lubricant_E, hours)
    best_EO[:, 7] = course.stop.mean_hours_SM[is_event_SM]
    best_EO[:, 8] = alarm_rate(response_TE[ALARMS], load_E, course.rush_SM[is_event_SM])
    return best_EO


def _hours_ms(hours_E: Floats) -> Ints:
    return np.ceil(hours_E * HOUR_MS).astype(np.int64)


def messages(readings: Readings, truth: Truth) -> list[Labels]:
    """The messages about the events of a batch."""
    return [
        _about(truth.failure_ms_E, readings, truth, [FAILURE]),
        _about(truth.inspection_ms_E, readings, truth, [FAULT]),
        _about(truth.meter_ms_E, readings, truth, [ENERGY, ALARMS]),
        _about(truth.stop_ms_E, readings, truth, [LIFE]),
    ]


def _about(ms_E: Ints, readings: Readings, truth: Truth, tasks: list[int]) -> Labels:
    value_ET = np.full_like(truth.value_ET, np.nan)
    value_ET[:, tasks] = truth.value_ET[:, tasks]
    is_said_E = np.flatnonzero(~np.isnan(value_ET[:, tasks]).all(axis=1))
    return Labels(ms_E, readings.number_E, value_ET).rows(is_said_E)


def _draw_class(probabilities_EK: Floats, uniform_E: Floats) -> Ints:
    class_E: Ints = (uniform_E[:, None] >= np.cumsum(probabilities_EK, axis=1)).sum(axis=1)
    return np.minimum(class_E, len(FAULTS) - 1)  # the last step may be an ulp below 1


def _draw_count(rate_E: Floats, uniform_E: Floats) -> Floats:
    """Poisson counts from one uniform draw each: the number of steps of the distribution function below it."""
    term_E = np.exp(-rate_E)
    below_E = term_E.copy()
    count_E = np.zeros(len(rate_E))
    for count in range(1, MOST_ALARMS + 1):
        is_more_E = uniform_E >= below_E
        if not is_more_E.any():
            break
        count_E += is_more_E
        term_E = term_E * (rate_E / count)
        below_E = below_E + term_E
    return count_E
