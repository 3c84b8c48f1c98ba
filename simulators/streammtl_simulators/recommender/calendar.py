"""When things happen in the recommender world: how busy it is by hour, and when its drifts begin and end.

Times are seconds since the start of the stream, a Monday at midnight UTC. All drifts but the weekends lie at fixed
shares of the span that the configured events take, so that a short run has them too.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Literal

import numpy as np

from streammtl.types import Bools, Floats, Ints
from streammtl_simulators.drifts import Window, ramp

HOUR_S: Final = 3600.0
DAY_S: Final = 86_400.0
WEEK_S: Final = 7 * DAY_S
#: Days before the first event in which users already look around, so that the seven-day history is complete.
WARM_UP_DAYS: Final = 7

DriftName = Literal["new_items", "interests", "new_category", "ranking", "prices", "weekend"]
DRIFT_NAMES: Final[tuple[DriftName, ...]] = (
    "new_items",
    "interests",
    "new_category",
    "ranking",
    "prices",
    "weekend",
)

# Shares of the span: in a run of 40 days they lie between the weekends.
RELEASES: Final = (0.08, 0.39, 0.92)
RELEASE_NAMES: Final[tuple[DriftName, ...]] = ("new_items", "new_category", "new_items")
INTERESTS: Final = (0.19, 0.29)
RANKING: Final = 0.57
PRICES: Final = 0.74
WEEKEND_S: Final = (5 * DAY_S, 7 * DAY_S)  # since the beginning of the week

# Impressions by hour of day (UTC), relative: a break at noon, a long evening.
_HOURS: Final = np.array(
    [5, 3, 2, 1, 1, 2, 4, 7, 9, 9, 9, 10, 13, 12, 9, 9, 10, 12, 14, 16, 18, 18, 14, 9], dtype=np.float64
)


class Calendar:
    """Busyness over time, and which drifts are under way; without drifts the world is stationary but for the hours."""

    def __init__(self, events: int, events_per_day: float, drifts: Collection[str]) -> None:
        self.drifts = frozenset(drifts)
        self.span_s = events / events_per_day * DAY_S
        end_s = np.ceil((1.2 * self.span_s + 10 * DAY_S) / HOUR_S) * HOUR_S
        self._edges_s = np.arange(-(WARM_UP_DAYS + 1) * DAY_S, end_s + HOUR_S, HOUR_S)
        hour = np.round(self._edges_s[:-1] / HOUR_S).astype(np.int64)
        work = np.concatenate([[0.0], np.cumsum(_HOURS[hour % 24])])
        work -= np.interp(0.0, self._edges_s, work)
        self._work = work * (events / np.interp(self.span_s, self._edges_s, work))

    def time_at(self, work: Floats) -> Floats:
        """Seconds at which the expected number of impressions since the start reaches `work`."""
        return np.interp(work, self._work, self._edges_s)

    def work_at(self, time_s: float) -> float:
        """Expected number of impressions from the start to `time_s` (negative before the start)."""
        return float(np.interp(time_s, self._edges_s, self._work))

    def releases(self, time_s: Floats) -> Ints:
        """Which releases there have been: the sum of 1 for the first, 2 for the second, 4 for the third."""
        happened = np.zeros(time_s.shape, dtype=np.int64)
        for bit, (share, name) in enumerate(zip(RELEASES, RELEASE_NAMES, strict=True)):
            happened += (time_s >= share * self.span_s) * (name in self.drifts) << bit
        return happened

    def moved(self, time_s: Floats) -> Floats:
        """How far the interests of the moving segments have moved: 0 before, 1 after."""
        return ramp(time_s / self.span_s, INTERESTS) * ("interests" in self.drifts)

    def is_weekend(self, time_s: Floats) -> Bools:
        """True on Saturdays and Sundays, if tastes differ then."""
        return (np.mod(time_s, WEEK_S) >= WEEKEND_S[0]) & ("weekend" in self.drifts) & (time_s >= 0.0)

    def has_new_ranking(self, time_s: Floats) -> Bools:
        """True from the moment on at which items are ranked and laid out in another way."""
        return (time_s >= RANKING * self.span_s) & ("ranking" in self.drifts)

    def has_new_prices(self, time_s: Floats) -> Bools:
        """True from the moment on at which everything costs less."""
        return (time_s >= PRICES * self.span_s) & ("prices" in self.drifts)

    def windows(self) -> list[Window]:
        """The drifts that are switched on, by their start."""
        of_span: list[Window] = [
            *(Window(name, "abrupt", share, share) for share, name in zip(RELEASES, RELEASE_NAMES, strict=True)),
            Window("interests", "incremental", *INTERESTS),
            Window("ranking", "abrupt", RANKING, RANKING),
            Window("prices", "abrupt", PRICES, PRICES),
        ]
        windows = [Window(w.name, w.kind, w.start_s * self.span_s, w.end_s * self.span_s) for w in of_span]
        # Chance moves the last event beyond the span; what begins after the last event is left out where that is known.
        for week_s in np.arange(0.0, 1.2 * self.span_s + WEEK_S, WEEK_S).tolist():
            windows.append(Window("weekend", "recurring", week_s + WEEKEND_S[0], week_s + WEEKEND_S[1]))
        return sorted((window for window in windows if window.name in self.drifts), key=lambda window: window.start_s)
