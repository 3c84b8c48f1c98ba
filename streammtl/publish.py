"""What the engine publishes: predictions, metrics and rejects, each to a sink of its own, or to none.

The content of a document is a function of the configuration and the stream alone, so a document that is published
again after a crash has the same key and the same content.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, final

import numpy as np
from pydantic import Field

from streammtl.clock import Clock
from streammtl.component import OneOf, Settings
from streammtl.sinks.base import Documents, Sink
from streammtl.table import Choice, Column, Table
from streammtl.tasks.base import Task
from streammtl.types import Alarm, Floats, Ints, Rejected, State, Turn

SINKS = ("predictions", "metrics", "rejects")


@final
class Publisher:
    """Writes the engine's documents to the sinks that are configured."""

    class Config(Settings):
        """Where things go; a part that is absent goes nowhere."""

        predictions: Annotated[Sink.Config, OneOf("sinks")] | None = Field(
            default=None, description="One document per event: its id, time, position and all tasks' predictions."
        )
        metrics: Annotated[Sink.Config, OneOf("sinks")] | None = Field(
            default=None,
            description="Drift alarms as they happen; scores, task weights and experts at a stated interval.",
        )
        rejects: Annotated[Sink.Config, OneOf("sinks")] | None = Field(
            default=None, description="Every record that could not be used: its origin, the reason, and its bytes."
        )
        metrics_every_records: int = Field(
            default=10_000, ge=1, description="Records from one document of scores to the next."
        )

        def build(self, tasks: tuple[Task, ...], base: Path, clock: Clock) -> Publisher:
            """The publisher of these tasks' predictions."""
            return Publisher(self, tasks, base, clock)

    def __init__(self, config: Publisher.Config, tasks: tuple[Task, ...], base: Path, clock: Clock) -> None:
        self._tasks = tasks
        self._sinks: dict[str, Sink] = {}
        for name, sink in (
            ("predictions", config.predictions),
            ("metrics", config.metrics),
            ("rejects", config.rejects),
        ):
            if sink is not None:
                self._sinks[name] = sink.build(base, clock)

    def sink(self, name: str) -> Sink | None:
        """The sink of `predictions`, `metrics` or `rejects`, if there is one."""
        return self._sinks.get(name)

    def open(self, positions: State | None) -> None:
        """Open all sinks: at the positions of a checkpoint, or anew."""
        for name, sink in self._sinks.items():
            sink.open(None if positions is None else positions.get(name))

    def predictions(self, turn: Turn, record_E: Ints, outputs_EO: Floats) -> None:
        """Publish one document per event; `record_E` are the events' records in the turn."""
        sink = self._sinks.get("predictions")
        if sink is None or len(record_E) == 0:
            return
        records = record_E.tolist()
        ids = [turn.ids[record] for record in records]
        time_s_E = turn.time_s_N[record_E]
        has_time_E = ~np.isnan(time_s_E)
        columns: dict[str, Column] = {
            "id": ids,
            "time": time_s_E if has_time_E.all() else np.where(has_time_E, time_s_E, None),  # type: ignore[call-overload]
            "partition": Choice(turn.partitions, turn.partition_N[record_E]),
            "offset": turn.offset_N[record_E],
            "predictions": _describe(self._tasks, outputs_EO),
        }
        if turn.entities is not None:
            columns["entity"] = [turn.entities[record] for record in records]
        sink.publish(Documents(ids, Table(columns)))

    def rejects(self, rejected: tuple[Rejected, ...]) -> None:
        """Publish what could not be used."""
        sink = self._sinks.get("rejects")
        if sink is None or not rejected:
            return
        documents = [
            {
                "partition": r.partition,
                "offset": r.offset,
                "reason": r.reason,
                "detail": r.detail,
                "value": r.value.decode("utf-8", errors="backslashreplace"),
            }
            for r in rejected
        ]
        sink.publish(Documents([f"{r.partition}@{r.offset}" for r in rejected], documents))

    def alarms(self, alarms: tuple[Alarm, ...]) -> None:
        """Publish drift alarms."""
        sink = self._sinks.get("metrics")
        if sink is None or not alarms:
            return
        documents = [{"type": "alarm", **alarm_document(alarm)} for alarm in alarms]
        sink.publish(Documents([f"alarm:{a.subject}:{a.name}" for a in alarms], documents))

    def scores(
        self, n_records: int, tasks: Mapping[str, Any], weights: Mapping[str, float], inside: Mapping[str, Any]
    ) -> None:
        """Publish scores, task weights and what the model tells of its `inside`, as of `n_records` records."""
        sink = self._sinks.get("metrics")
        if sink is None:
            return
        document = {"type": "scores", "records": n_records, "tasks": dict(tasks), "weights": dict(weights), **inside}
        sink.publish(Documents([f"scores:{n_records}"], [document]))

    def flush(self) -> State:
        """Flush all sinks; their positions."""
        return {name: sink.flush() for name, sink in self._sinks.items()}

    def close(self) -> None:
        """Close all sinks."""
        for sink in self._sinks.values():
            sink.close()


def alarm_document(alarm: Alarm) -> dict[str, Any]:
    """An alarm as JSON values."""
    return {
        "subject": alarm.subject.value,
        "name": alarm.name,
        "detector": alarm.detector,
        "time": _or_none(alarm.time_s),
        "events": alarm.n_events,
        "partition": alarm.partition,
        "offset": alarm.offset,
        "before": _or_none(alarm.before),
        "after": _or_none(alarm.after),
    }


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _describe(tasks: tuple[Task, ...], outputs_EO: Floats) -> dict[str, Column]:
    """The predictions of all tasks by name."""
    columns, start = {}, 0
    for task in tasks:
        columns[task.name] = task.describe_rows(outputs_EO[:, start : start + task.n_outputs])
        start += task.n_outputs
    return columns


def split_at(n: int, done: int, every: int) -> list[int]:
    """Where to cut `n` records, `done` of the stream before them, so that pieces end at multiples of `every`.

    >>> split_at(10, done=3, every=4)
    [1, 5, 9, 10]
    """
    cuts = np.arange(every - done % every, n, every)
    return [*cuts.tolist(), n] if n else []
