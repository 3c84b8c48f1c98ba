"""What the engine publishes: predictions, metrics and rejects, each to a sink of its own, or to none.

The content of a document is a function of the configuration and the stream alone, so a document that is published
again after a crash has the same key and the same content.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, final

import numpy as np
from pydantic import Field

from streammtl.clock import Clock
from streammtl.component import OneOf, Settings
from streammtl.errors import ConfigError
from streammtl.sinks.base import Documents, Origins, Sink, Transaction
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
        reject_values: bool = Field(
            default=True, description="Whether rejects hold the bytes of the record, cut to a stated length."
        )
        delivery: Literal["at_least_once", "exactly_once"] = Field(
            default="at_least_once",
            description="After a crash a Kafka topic may hold what was published since the last checkpoint twice, with "
            "the same key and value (at_least_once); or readers of committed records see everything once, but no "
            "sooner than at the next checkpoint (exactly_once). Files never hold anything twice.",
        )
        transactional_id: str | None = Field(
            default=None,
            min_length=1,
            description="With exactly_once: who publishes, unique in the Kafka cluster; null: streammtl-<name>.",
        )

        def build(
            self, tasks: tuple[Task, ...], base: Path, clock: Clock, name: str = "streammtl", version: str = ""
        ) -> Publisher:
            """The publisher of these tasks' predictions; `version` tells one model from another."""
            return Publisher(self, tasks, base, clock, name, version)

    def __init__(
        self,
        config: Publisher.Config,
        tasks: tuple[Task, ...],
        base: Path,
        clock: Clock,
        name: str = "streammtl",
        version: str = "",
    ) -> None:
        self._tasks = tasks
        self._reject_values = config.reject_values
        self._sinks: dict[str, Sink] = {}
        for part, sink in (
            ("predictions", config.predictions),
            ("metrics", config.metrics),
            ("rejects", config.rejects),
        ):
            if sink is not None:
                self._sinks[part] = sink.build(base, clock)
                self._sinks[part].label(version)
        self._is_away = False  # the last flush was in vain
        self._transaction = None
        if config.delivery == "exactly_once":
            self._transaction = self._enter_one(config.transactional_id or f"streammtl-{name}")

    @property
    def is_transactional(self) -> bool:
        """Whether the commit of a transaction, not the checkpoint alone, says how far a run has come."""
        return self._transaction is not None

    @property
    def n_waiting(self) -> int:
        """How many documents were published and are not known to be kept yet."""
        return sum(sink.n_waiting for sink in self._sinks.values())

    def recover(self) -> int | None:
        """Before `open`: the number of the checkpoint to go on from; None: transactions do not tell."""
        return None if self._transaction is None else self._transaction.recover()

    def commit(self, number: int) -> None:
        """After `flush` and checkpoint `number`: make visible what was published before it."""
        if self._transaction is not None:
            self._transaction.begin()
            self._transaction.commit(number)

    def settle(self) -> None:
        """Before more is published: raise `SinkUnavailableError` when too much is on its way already."""
        for sink in self._sinks.values():
            sink.settle()

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
        origins = Origins(turn.partitions, turn.partition_N[record_E], turn.offset_N[record_E])
        sink.publish(Documents(ids, Table(columns), origins))

    def rejects(self, rejected: tuple[Rejected, ...]) -> None:
        """Publish what could not be used."""
        sink = self._sinks.get("rejects")
        if sink is None or not rejected:
            return
        documents: list[dict[str, Any]] = []
        for r in rejected:
            document = {"partition": r.partition, "offset": r.offset, "reason": r.reason, "detail": r.detail}
            if self._reject_values:
                document["value"] = r.value.decode("utf-8", errors="backslashreplace")
            documents.append(document)
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
        self._is_away = True  # unless all of them answer
        positions = {name: sink.flush() for name, sink in self._sinks.items()}
        self._is_away = False
        return positions

    def close(self) -> None:
        """Close all sinks; where the last flush was in vain, without waiting once more."""
        for sink in self._sinks.values():
            if self._is_away:
                sink.abandon()
            else:
                sink.close()
        if self._transaction is not None:
            self._transaction.close()

    def _enter_one(self, transactional_id: str) -> Transaction | None:
        """One transaction for all sinks that would repeat; None: there are none."""
        transaction: Transaction | None = None
        for part, sink in self._sinks.items():
            if not sink.repeats:
                continue
            transaction = transaction or sink.transaction(transactional_id)
            if transaction is None:
                raise ConfigError(f"sink.delivery is exactly_once, but sink.{part} knows no transactions")
            try:
                sink.enter(transaction)
            except ConfigError as error:
                raise ConfigError(f"sink.delivery is exactly_once: sink.{part}: {error}") from None
        return transaction


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
