"""When things happen in the fraud world: how busy it is, what things cost, and when its drifts begin and end.

Times are seconds since the start of the stream, a Monday at midnight UTC. Drifts lie at fixed shares of the span that
the configured events take, so that a short run has all of them too.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Literal

import numpy as np

from streammtl.types import Bools, Floats
from streammtl_simulators.drifts import Window, ramp

HOUR_S: Final = 3600.0
DAY_S: Final = 86_400.0
#: Days before the first event in which cards already spend, so that the seven-day history is complete from the start.
WARM_UP_DAYS: Final = 7

DriftName = Literal["fraud_waves", "new_attack", "season", "merchant_codes", "hidden_location", "inflation"]
DRIFT_NAMES: Final[tuple[DriftName, ...]] = (
    "fraud_waves",
    "new_attack",
    "season",
    "merchant_codes",
    "hidden_location",
    "inflation",
)

# Shares of the span. They overlap little, so that an alarm can be told from its neighbours.
WAVES: Final = ((0.12, 0.18), (0.42, 0.48), (0.86, 0.92))
SEASONS: Final = ((0.22, 0.32), (0.70, 0.80))
CODES_CHANGE: Final = 0.37
HIDING: Final = (0.50, 0.62)
NEW_ATTACK: Final = 0.66
INFLATION: Final = (0.10, 0.90)

SEASON_RATE: Final = 0.6  # at a season's peak: 60 % more purchases
SEASON_PRICE: Final = 0.25  # ... that cost 25 % more
INFLATION_PRICE: Final = 0.4  # at the end of the inflation everything costs 40 % more

# Purchases by hour of day (UTC) and by day of week from Monday on, relative.
_HOURS: Final = np.array(
    [4, 3, 2, 2, 2, 3, 5, 8, 10, 11, 12, 13, 14, 13, 12, 12, 13, 15, 16, 15, 13, 11, 8, 6], dtype=np.float64
)
_WEEKDAYS: Final = np.array([0.85, 0.85, 0.9, 1.0, 1.2, 1.35, 0.85])


class Calendar:
    """Intensity and prices over time, and the drifts that are switched on.

    Purchases are a Poisson process whose rate is constant within each cell of a grid. *Work* is the integral of the
    rate: the expected number of purchases since the start; `start` and `end` of the run are work 0 and `events`.
    """

    def __init__(self, events: int, events_per_day: float, drifts: Collection[str]) -> None:
        self.drifts = frozenset(drifts)
        self.span_s = events / events_per_day * DAY_S
        self._edges_s = self._grid()
        middle_s = (self._edges_s[1:] + self._edges_s[:-1]) / 2
        width_s = np.diff(self._edges_s)
        rate = self._hourly(middle_s) * (1.0 + SEASON_RATE * self._season(middle_s))
        work = _cumulative(rate * width_s)
        work -= np.interp(0.0, self._edges_s, work)
        scale = events / np.interp(self.span_s, self._edges_s, work)
        self._work = work * scale
        self._price = (1.0 + SEASON_PRICE * self._season(middle_s)) * (
            1.0 + INFLATION_PRICE * ramp(middle_s / self.span_s, INFLATION) * ("inflation" in self.drifts)
        )
        self._spending = _cumulative(rate * scale * width_s * self._price)

    def time_at(self, work: Floats) -> Floats:
        """Seconds at which the expected number of purchases since the start reaches `work`."""
        return np.interp(work, self._work, self._edges_s)

    def work_at(self, time_s: float) -> float:
        """Expected number of purchases from the start to `time_s` (negative before the start)."""
        return float(np.interp(time_s, self._edges_s, self._work))

    def price(self, time_s: Floats) -> Floats:
        """Price level: 1 without drifts."""
        cell = np.searchsorted(self._edges_s, time_s, side="right") - 1
        return self._price[np.clip(cell, 0, len(self._price) - 1)]

    def spending(self, start_s: Floats, end_s: Floats) -> Floats:
        """Expected number of purchases between two times, each weighted with its price level."""
        return np.interp(end_s, self._edges_s, self._spending) - np.interp(start_s, self._edges_s, self._spending)

    def in_wave(self, time_s: Floats) -> Floats:
        """1 within a fraud wave, 0 outside."""
        share = time_s / self.span_s
        inside = np.zeros(share.shape)
        for start, end in WAVES if "fraud_waves" in self.drifts else ():
            inside += (share >= start) & (share < end)
        return inside

    def hidden_share(self, time_s: Floats) -> Floats:
        """Share of fraudsters who hide where they are: 0 before the gradual change, 1 after it."""
        return ramp(time_s / self.span_s, HIDING) * ("hidden_location" in self.drifts)

    def codes_changed(self, time_s: Floats) -> Bools:
        """True from the moment on at which merchants got other category codes."""
        return (time_s >= CODES_CHANGE * self.span_s) & ("merchant_codes" in self.drifts)

    def new_attack_known(self, time_s: Floats) -> Bools:
        """True from the moment on at which the new attack is used."""
        return (time_s >= NEW_ATTACK * self.span_s) & ("new_attack" in self.drifts)

    def windows(self) -> list[Window]:
        """The drifts that are switched on, by their start."""
        shares = [
            *((Window("fraud_waves", "recurring", start, end)) for start, end in WAVES),
            *((Window("season", "recurring", start, end)) for start, end in SEASONS),
            Window("merchant_codes", "abrupt", CODES_CHANGE, CODES_CHANGE),
            Window("hidden_location", "gradual", *HIDING),
            Window("new_attack", "abrupt", NEW_ATTACK, NEW_ATTACK),
            Window("inflation", "incremental", *INFLATION),
        ]
        present = sorted((w for w in shares if w.name in self.drifts), key=lambda w: w.start_s)
        return [Window(w.name, w.kind, w.start_s * self.span_s, w.end_s * self.span_s) for w in present]

    def _grid(self) -> Floats:
        """Edges of whole hours, and of a thousandth of the span so that drifts of short runs are smooth as well."""
        # Chance moves the last event beyond the span, and the day after it is simulated too.
        end_s = np.ceil((1.2 * self.span_s + 10 * DAY_S) / HOUR_S) * HOUR_S
        hours = np.arange(-(WARM_UP_DAYS + 1) * DAY_S, end_s + HOUR_S, HOUR_S)
        return np.unique(np.concatenate([hours, np.linspace(0.0, self.span_s, 1001)]))

    def _season(self, time_s: Floats) -> Floats:
        """0 outside the seasons, rising to 1 in the middle of each."""
        share = time_s / self.span_s
        level = np.zeros(share.shape)
        for start, end in SEASONS if "season" in self.drifts else ():
            inside = (share >= start) & (share < end)
            level += np.where(inside, 0.5 - 0.5 * np.cos(2 * np.pi * (share - start) / (end - start)), 0.0)
        return level

    @staticmethod
    def _hourly(time_s: Floats) -> Floats:
        hour = np.floor(time_s / HOUR_S).astype(np.int64)
        rate: Floats = _HOURS[hour % 24] * _WEEKDAYS[hour // 24 % 7]
        return rate


def _cumulative(cells: Floats) -> Floats:
    return np.concatenate([[0.0], np.cumsum(cells)])
