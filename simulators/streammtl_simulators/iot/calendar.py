"""When things happen in the world of machines: when each reports, how much it works, when drifts begin and end.

Every machine reports once per interval, always at the same moment of it; machines are numbered by that moment. Times
are milliseconds since the start of the stream, a Monday at midnight UTC. Drifts lie at fixed shares of the span that
the configured events take, so that a short run has all of them too.

Shape suffixes: S steps (intervals), M machines.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np

from streammtl.types import Bools, Floats, Ints
from streammtl_simulators.drifts import Window
from streammtl_simulators.iot.fleet import Fleet

HOUR_MS: Final = 3_600_000
DAY_H: Final = 24

DriftName = Literal["recalibration", "rush", "dead_sensors", "new_lubricant", "new_type"]
DRIFT_NAMES: Final[tuple[DriftName, ...]] = ("recalibration", "rush", "dead_sensors", "new_lubricant", "new_type")

# Shares of the span. They do not overlap, so that an alarm can be told from its neighbours.
RECALIBRATION: Final = 0.20
RUSHES: Final = ((0.30, 0.38), (0.82, 0.90))
DEAD_SENSORS: Final = (0.44, 0.50)
NEW_LUBRICANT: Final = (0.55, 0.63)
NEW_TYPE: Final = 0.70

#: Planned load by hour of the day and by day of the week from Monday on; sites begin their shifts at other hours.
_HOURS: Final = np.array(
    [45, 42, 40, 40, 42, 48, 58, 66, 70, 71, 70, 68, 66, 68, 70, 70, 68, 66, 64, 60, 56, 52, 50, 48]
)
_WEEKDAYS: Final = np.array([1.02, 1.04, 1.04, 1.04, 1.02, 0.94, 0.9])
#: How much more is planned in a rush.
RUSH_LOAD: Final = 0.2


class Calendar:
    """Times of the reports, planned loads, and the drifts that are switched on."""

    def __init__(self, events: int, interval_s: int, fleet: Fleet, drifts: tuple[DriftName, ...]) -> None:
        self.fleet = fleet
        self.drifts = frozenset(drifts)
        self.interval_ms = interval_s * 1000
        n_machines = len(fleet.type_M)
        n_old = n_machines - int(fleet.is_late_M.sum())
        n_after = n_machines if "new_type" in self.drifts else n_old
        mean_per_step = n_old * NEW_TYPE + n_after * (1.0 - NEW_TYPE)
        self._span_ms = events / mean_per_step * self.interval_ms
        self._slot_ms_M = np.arange(n_machines) * self.interval_ms // n_machines

    def times_ms(self, first: int, last: int) -> Ints:
        """When each machine reports in the steps from `first` to before `last`, `(S, M)`."""
        return np.arange(first, last)[:, None] * self.interval_ms + self._slot_ms_M

    def reports(self, ms_SM: Ints) -> Bools:
        """Which machines are there to report: those of the new type come late, or never."""
        if "new_type" not in self.drifts:
            return np.broadcast_to(~self.fleet.is_late_M, ms_SM.shape)
        return ~self.fleet.is_late_M | (ms_SM >= self._at_ms(NEW_TYPE))

    def load(self, ms_SM: Ints) -> Floats:
        """Planned load, about 0.3 to 0.9."""
        hour_SM = ms_SM // HOUR_MS
        local_SM = (hour_SM + self.fleet.shift_h_M) % DAY_H
        plan_SM: Floats = _HOURS[local_SM] / 100.0 * _WEEKDAYS[hour_SM // DAY_H % 7] * self.fleet.duty_M
        return plan_SM * (1.0 + RUSH_LOAD * self.in_rush(ms_SM))

    def in_rush(self, ms: Ints) -> Floats:
        """1 within a rush, 0 outside."""
        inside = np.zeros(ms.shape)
        for start, end in RUSHES if "rush" in self.drifts else ():
            inside += (ms >= self._at_ms(start)) & (ms < self._at_ms(end))
        return inside

    def recalibrated(self, ms: Ints) -> Bools:
        """True from the moment on at which some machines' vibration sensors are read with other constants."""
        return (ms >= self._at_ms(RECALIBRATION)) & ("recalibration" in self.drifts)

    def dead_share(self, ms: Ints) -> Floats:
        """Share of the weak temperature sensors that are dead."""
        return self._progress(ms, DEAD_SENSORS) * ("dead_sensors" in self.drifts)

    def lubricant(self, ms: Ints) -> Floats:
        """Share of the new lubricant: 0 before the change, 1 after it."""
        return self._progress(ms, NEW_LUBRICANT) * ("new_lubricant" in self.drifts)

    def windows(self) -> list[Window]:
        """The drifts that are switched on, by their start."""
        shares = [
            Window("recalibration", "abrupt", RECALIBRATION, RECALIBRATION),
            *(Window("rush", "recurring", start, end) for start, end in RUSHES),
            Window("dead_sensors", "gradual", *DEAD_SENSORS),
            Window("new_lubricant", "incremental", *NEW_LUBRICANT),
            Window("new_type", "abrupt", NEW_TYPE, NEW_TYPE),
        ]
        present = sorted((w for w in shares if w.name in self.drifts), key=lambda w: w.start_s)
        return [Window(w.name, w.kind, self._at_ms(w.start_s) / 1000.0, self._at_ms(w.end_s) / 1000.0) for w in present]

    def _at_ms(self, share: float) -> int:
        """The moment at a share of the span: a whole number, so that no rounding moves an event across it."""
        return round(share * self._span_ms)

    def _progress(self, ms: Ints, shares: tuple[float, float]) -> Floats:
        """0 before the window, 1 after it, linear within."""
        start_ms, end_ms = (self._at_ms(share) for share in shares)
        return np.clip((ms - start_ms) / max(end_ms - start_ms, 1), 0.0, 1.0)
