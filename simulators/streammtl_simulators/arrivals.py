"""When events happen: a Poisson process whose rate goes with the hour, the day, the season.

*Work* is the integral of the rate: the expected number of events since the start of the stream.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from streammtl.types import Floats, Ints


class Busyness(Protocol):
    """How busy it is when."""

    def time_at(self, work: Floats) -> Floats:
        """Seconds at which the expected number of events since the start reaches `work`."""

    def work_at(self, time_s: float) -> float:
        """Expected number of events from the start to `time_s` (negative before the start)."""


class Arrivals:
    """Times of events, in order."""

    def __init__(self, rng: np.random.Generator, calendar: Busyness, start_s: float) -> None:
        self._rng = rng
        self._calendar = calendar
        self.work = calendar.work_at(start_s)

    def draw(self, n: int) -> Ints:
        """Milliseconds, since the start of the stream, of the next `n` events."""
        work_E = self.work + np.cumsum(self._rng.standard_exponential(n))
        self.work = float(work_E[-1])
        return np.floor(self._calendar.time_at(work_E) * 1000.0).astype(np.int64)
