"""The past of a run for the live page: a bounded number of points over its whole length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from streammtl.evaluate import TaskReport
from streammtl.ops.snapshot import Snapshot

_MAX_POINTS = 600


@dataclass(frozen=True, slots=True)
class Point:
    """One moment. Lists are in the order of the tasks."""

    number: int
    time_s: float  # monotonic
    events: int  # of the stream
    records: int
    rejected: int
    scores: list[float | None]  # windowed, primary
    no_change: list[float | None]
    weights: list[float]
    shares: list[list[float]]  # by task, of the experts in their order; empty where the model has none
    stage_seconds: list[float]
    lag: int | None


@final
class History:
    """Points, thinned out to every second one, then to every fourth, ..., so that they are never too many.

    Written by one thread and read by any: `points` is replaced when it is thinned out, and else only grows.

    >>> history = History(max_points=4)
    >>> for events in range(10, 80, 10):
    ...     history.add(Snapshot(stream={"events": events}))
    >>> [point.events for point in history.points], history.latest.events, history.generation
    ([20, 40, 60], 70, 1)
    """

    def __init__(self, max_points: int = _MAX_POINTS) -> None:
        self.points: list[Point] = []
        self.latest = _point(0, Snapshot())
        self.generation = 0  # grows when points are thinned out: what somebody has read of them is then void
        self._max_points = max_points
        self._every = 1

    def add(self, snapshot: Snapshot) -> None:
        """Take a point of the snapshot; it is kept if an event came since the last one, and its turn has come."""
        is_new = self.latest.number == 0 or self.latest.events != snapshot.stream.get("events", 0)
        self.latest = _point(self.latest.number + is_new, snapshot)
        if not is_new:
            return
        if len(self.points) >= self._max_points:
            self._every *= 2
            self.points = [point for point in self.points if point.number % self._every == 0]
            self.generation += 1
        if self.latest.number % self._every == 0:
            self.points.append(self.latest)


def _point(number: int, snapshot: Snapshot) -> Point:
    tasks = snapshot.tasks
    shares = snapshot.insights.get("shares", {})
    return Point(
        number=number,
        time_s=snapshot.taken_s,
        events=snapshot.stream.get("events", 0),
        records=snapshot.stream.get("records", 0),
        rejected=sum(snapshot.rejected.values()),
        scores=[_primary(task, task.windowed) for task in tasks.values()],
        no_change=[_primary(task, task.no_change_windowed) for task in tasks.values()],
        weights=[snapshot.weights[name] for name in tasks],
        shares=[list(shares.get(name, {}).values()) for name in tasks],
        stage_seconds=list(snapshot.stage_seconds.values()),
        lag=snapshot.lag_records,
    )


def _primary(task: TaskReport, scores: dict[str, float]) -> float | None:
    return scores.get(task.primary)
