"""What the sensors of a machine read.

Six settings of a machine (speed, inlet pressure, coolant, feed, voltage, air) stand at a high or a low value, each
about as often. A worn part answers the two in opposite ways: how strongly, and in which direction, tells its condition.
So each condition shows in the twelve channels (eight bands of the vibration spectrum, temperature, current, pressure,
sound) as the product of its setting and its wear, along a direction of its own:

    channel_c = sum_j mixing_cj setting_j wear_j + noise,   wear_j = sqrt(12) (condition_j - 1/2)

A linear model sees nothing of it, since a setting is as often high as low.

Shape suffixes: S steps, M machines, E events, J conditions and their settings, C channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np

from streammtl.seeds import named_rng
from streammtl.types import Bools, Floats, Ints
from streammtl_simulators.iot.calendar import Calendar
from streammtl_simulators.iot.course import Course
from streammtl_simulators.iot.fleet import N_BANDS, N_CHANNELS, N_CONDITIONS

_SETTING_SPREAD: Final = 0.25
_NOISE: Final = 0.2
#: Share of readings that get lost, of those sensors that lose any.
_LOST_SHARE: Final = 0.005
#: What a recalibrated vibration sensor makes of a reading x: gain x + offset.
RECALIBRATED_GAIN: Final = 1.5
RECALIBRATED_OFFSET: Final = 1.5


@dataclass(frozen=True, slots=True)
class Readings:
    """The readings of the events of a batch, in order."""

    number_E: Ints
    machine_E: Ints
    ms_E: Ints
    setting_JE: Floats  # about -1 or 1
    channel_CE: Floats  # mean 0, variance about 1/2
    has_temperature_E: Bools
    has_sound_E: Bools


class Sensors:
    """Reads chunk after chunk."""

    def __init__(self, seed: int, calendar: Calendar) -> None:
        self._rng = named_rng(seed, "iot", "sensors")
        self._calendar = calendar

    def read(self, course: Course, is_event_SM: Bools, first: int) -> Readings:
        """The readings of the reports that are events, numbered from `first` on."""
        calendar, fleet = self._calendar, self._calendar.fleet
        # Drawn for all machines, there or not: a drift that is switched off leaves the other draws alone.
        is_high = self._rng.random((N_CONDITIONS, *course.ms_SM.shape), dtype=np.float32) < 0.5
        noise = self._rng.standard_normal((N_CONDITIONS + N_CHANNELS, *course.ms_SM.shape), dtype=np.float32)
        uniform = self._rng.random((2, *course.ms_SM.shape), dtype=np.float32)
        machine_E = np.nonzero(is_event_SM)[1]
        ms_E = course.ms_SM[is_event_SM]
        setting_JE = np.where(is_high[:, is_event_SM], 1.0, -1.0) + _SETTING_SPREAD * noise[:N_CONDITIONS, is_event_SM]
        shown_JE = setting_JE * sqrt(12.0) * (course.condition_JSM[:, is_event_SM] - 0.5)
        mixed_CE = np.where(
            fleet.is_late_M[machine_E], _mixed(fleet.new_mixing_CJ, shown_JE), _mixed(fleet.mixing_CJ, shown_JE)
        )
        channel_CE: Floats = mixed_CE + _NOISE * noise[N_CONDITIONS:, is_event_SM].astype(np.float64)
        is_changed_E = calendar.recalibrated(ms_E) & fleet.is_recalibrated_M[machine_E]
        channel_CE[:N_BANDS, is_changed_E] *= RECALIBRATED_GAIN
        channel_CE[:N_BANDS, is_changed_E] += RECALIBRATED_OFFSET
        is_dead_E = fleet.dies_at_M[machine_E] < calendar.dead_share(ms_E)
        return Readings(
            number_E=np.arange(first, first + len(ms_E)),
            machine_E=machine_E,
            ms_E=ms_E,
            setting_JE=setting_JE,
            channel_CE=channel_CE,
            has_temperature_E=(uniform[0][is_event_SM] >= _LOST_SHARE) & ~is_dead_E,
            has_sound_E=uniform[1][is_event_SM] >= _LOST_SHARE,
        )


def _mixed(mixing_CJ: Floats, shown_JE: Floats) -> Floats:
    """The product of the matrices, as plain sums in a fixed order."""
    mixed_CE: Floats = mixing_CJ[:, 0, None] * shown_JE[0]
    for j in range(1, len(shown_JE)):
        mixed_CE += mixing_CJ[:, j, None] * shown_JE[j]
    return mixed_CE
