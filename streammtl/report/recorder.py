"""Looks on while a stream runs, and keeps what the report needs of it: bounded, whatever the length of the stream."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any, final

from streammtl.clock import Clock
from streammtl.engine import Engine, TurnReport
from streammtl.report.diagnostics import Diagnostics
from streammtl.report.history import History, columns, extended, look
from streammtl.run.observe import Observer, Saved


@final
class Recorder(Observer):
    """Keeps the history and the diagnostics of one run; `to_json` gives them when the run is over.

    Of a run that was resumed it knows the part that it saw, and says where that begins.
    """

    def __init__(self, engine: Engine, clock: Clock, expected_records: int | None) -> None:
        self._engine = engine
        self._clock = clock
        self._history = History(expected_records)
        self._diagnostics = Diagnostics(engine.learner.tasks)
        self._stages: defaultdict[str, float] = defaultdict(float)
        self._time_s = math.nan
        self._own_s = 0.0
        self._start: dict[str, int] | None = None
        self._n_records = 0

    def next_stop(self, n_records: int) -> int:
        """Where the next point of the history lies."""
        if self._start is None:
            totals = self._engine.totals
            self._start = {"records": n_records, "events": totals["events"], "alarms": len(self._engine.alarms)}
            self._n_records = n_records
        return self._history.next_stop(n_records)

    def polled(self, n_records: int, seconds: float) -> None:
        """Count the time of the source."""
        self._stages["source"] += seconds

    def saved(self, saved: Saved) -> None:
        """Count the time of a checkpoint."""
        self._stages["checkpoint"] += saved.seconds

    def turn(self, report: TurnReport, engine: Engine) -> None:
        """Count the labels of a turn, and look at the engine where a point lies."""
        start_s = self._clock.monotonic()
        self._n_records += report.n_records
        self._time_s = _later(self._time_s, report.time_s)
        for stage, seconds in report.seconds.items():
            self._stages[stage] += seconds
        self._diagnostics.add(report.outcome)
        # Of several turns of one piece, the engine has taken all by now: only after the last are the two the same.
        if self._n_records == engine.totals["records"] and self._history.is_due(self._n_records):
            self._history.add(look(engine, self._time_s, self._stages))
        self._own_s += self._clock.monotonic() - start_s

    def to_json(self) -> dict[str, Any]:
        """History, diagnostics, and from where on they tell."""
        points = self._history.points
        if self._start is not None:
            points = extended(points, look(self._engine, self._time_s, self._stages))
        return {
            "start": self._start or {"records": 0, "events": 0, "alarms": 0},
            "interval_records": self._history.interval,
            "history": columns(points) if points else {},
            "diagnostics": self._diagnostics.to_json(),
            "seconds_of_report": self._own_s,
        }


def _later(one_s: float, other_s: float) -> float:
    """The later of two times; NaN stands for none."""
    if math.isnan(one_s):
        return other_s
    return one_s if math.isnan(other_s) else max(one_s, other_s)
