"""Holds a replay back to a rate, so that one can watch it."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from streammtl.clock import Clock
from streammtl.engine import Engine, TurnReport
from streammtl.run.observe import Observer

_SLICE_S = 0.1  # turns are that long, and a stop is noticed within it


@final
class Throttle(Observer):
    """Sleeps after a turn until its events were due at `per_s` events per second.

    What is learned does not change: it does not depend on where turns end, nor on time.

    >>> from streammtl.clock import ManualClock
    >>> throttle = Throttle(per_s=200.0, clock=ManualClock(), stop=lambda: False)
    >>> throttle.next_stop(1000)
    1020
    """

    def __init__(self, per_s: float, clock: Clock, stop: Callable[[], bool]) -> None:
        self._per_s = per_s
        self._clock = clock
        self._stop = stop
        self._start_s: float | None = None
        self._n_events = 0

    def next_stop(self, n_records: int) -> int | None:
        """Turns are short."""
        return n_records + max(1, round(self._per_s * _SLICE_S))

    def turn(self, report: TurnReport, engine: Engine) -> None:
        """Wait until it is time to go on."""
        if self._start_s is None:  # the first turn, in which things are imported, does not count
            self._start_s = self._clock.monotonic()
            return
        self._n_events += report.n_events
        due_s = self._start_s + self._n_events / self._per_s
        while not self._stop() and (left_s := due_s - self._clock.monotonic()) > 0:
            self._clock.sleep(min(left_s, _SLICE_S))
