"""How things went along the stream: a few hundred points, however long it is."""

from __future__ import annotations

from typing import Any, final

from streammtl.engine import Engine

#: Points that are kept at most. Twice as many pixels are what a chart has on a phone.
MAX_POINTS = 400

#: Points where the length of the stream is (about) known: every one stops the stream, which costs a turn and a look.
WANTED_POINTS = 250

#: Records between points at least, and at the beginning where the length of the stream is not known: a stream of 2,000
#: records still gives a hundred points, and a long one does not pay much for them (see `History`).
FIRST_INTERVAL = 20


@final
class History:
    """Points at multiples of an interval of records; when there are `MAX_POINTS`, every other one is dropped.

    The interval then doubles. So the points depend on the stream alone, not on its cut into polls, there are 200 to
    400 of them for a long stream, and all of N records take a number of looks that grows with log(N).

    >>> history = History(expected_records=None)
    >>> history.next_stop(0), history.next_stop(20), history.next_stop(39)
    (20, 40, 40)
    """

    def __init__(self, expected_records: int | None) -> None:
        self.interval = FIRST_INTERVAL
        if expected_records is not None:
            self.interval = max(FIRST_INTERVAL, -(-expected_records // WANTED_POINTS))
        self.points: list[dict[str, Any]] = []

    def next_stop(self, n_records: int) -> int:
        """The number of records at which the next point lies."""
        return (n_records // self.interval + 1) * self.interval

    def is_due(self, n_records: int) -> bool:
        """Whether a point lies here."""
        return n_records % self.interval == 0

    def add(self, point: dict[str, Any]) -> None:
        """Take a point; `point["records"]` says where."""
        self.points = extended(self.points, point)
        if len(self.points) >= MAX_POINTS:
            self.interval *= 2
            self.points = [kept for kept in self.points if kept["records"] % self.interval == 0]


def extended(points: list[dict[str, Any]], point: dict[str, Any]) -> list[dict[str, Any]]:
    """The points with one more; of several after the same event, when only labels came, the last is kept."""
    is_new = not points or points[-1]["events"] != point["events"]
    return [*(points if is_new else points[:-1]), point]


def look(engine: Engine, time_s: float, seconds: dict[str, float]) -> dict[str, Any]:
    """A point: counts so far, scores, weights, and what the model tells of its inside."""
    insights = engine.insights()
    return {
        "records": engine.totals["records"],
        "events": engine.totals["events"],
        "rejected": sum(engine.rejected.values()),
        "time_s": time_s,
        "tasks": {
            name: {
                "labels": task.labels,
                "windowed": task.windowed.get(task.primary),
                "running": task.scores.get(task.primary),
                "no_change_windowed": task.no_change_windowed.get(task.primary),
                "no_change": task.no_change.get(task.primary),
            }
            for name, task in engine.report().items()
        },
        "weights": engine.weights(),
        "shares": insights.get("shares", {}),
        "sharing": insights.get("sharing", {}),
        "seconds": dict(seconds),
    }


def columns(points: list[Any]) -> Any:
    """Points of one shape as one thing of that shape, with a list of values in each leaf.

    >>> columns([{"a": 1, "b": {"c": 2}}, {"a": 3, "b": {}}])
    {'a': [1, 3], 'b': {'c': [2, None]}}
    """
    inner = [point for point in points if isinstance(point, dict)]
    if not inner:
        return points
    names = dict.fromkeys(name for point in inner for name in point)
    return {name: columns([None if point is None else point.get(name) for point in points]) for name in names}
