"""The family of simulated worlds: seeded streams whose drifts and best possible predictions are known.

Shape suffixes: N records of a batch, E its events, L labels of one task, O published columns.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, ClassVar, Literal, cast

import msgspec
import numpy as np
from pydantic import Field, TypeAdapter

from streammtl.component import Component, OneOf, members
from streammtl.metrics.base import Scorer
from streammtl.tasks.base import Task
from streammtl.times import read_times
from streammtl.types import Floats


@dataclass(frozen=True, slots=True)
class TrueDrift:
    """A change that the world really made."""

    name: str
    kind: Literal["abrupt", "gradual", "incremental", "recurring"]
    tasks: tuple[str, ...]  # whose relation to the features changed
    features: tuple[str, ...]  # whose distribution changed
    start_s: float  # event time
    end_s: float  # equal to start_s when abrupt
    start_event: int  # number of the first event affected
    description: str


@dataclass(frozen=True, slots=True)
class WorldRecords:
    """A batch of the stream in the order in which it would arrive: events and labels (and dirt, on request).

    N records. `value_N` are JSON documents. `event_ids` are the ids of the events that arrive in the batch for the
    first time, in the order of their arrival; dirty records are none of them. `best_EO` are the best possible published
    outputs (all tasks side by side, in the order of the recommended configuration) of these events; NaN where the world
    cannot say. `key_N` are the ids that the records are about, "" where a record has none; a world that is never
    written to a log may leave it out.
    """

    value_N: list[bytes]
    is_label_N: list[bool]
    event_ids: list[str]  # E
    best_EO: Floats
    key_N: list[str] = field(default_factory=list)


class World(Component):
    """A seeded simulation: the same configuration gives the same bytes. Where it does, the world's docstring says."""

    family: ClassVar[str] = "worlds"
    config: World.Config

    class Config(Component.Config):
        """Settings of every world."""

        seed: int = Field(default=0, ge=0, description="Seed of everything random.")
        events: int = Field(default=100_000, ge=1, description="Number of events until the world ends.")

        def build(self) -> World:
            """The world."""
            return cast(World, self.owner(self))

    @abstractmethod
    def records(self) -> Iterator[WorldRecords]:
        """The whole stream from its beginning, batch by batch. The batches do not depend on who reads them."""

    @abstractmethod
    def drifts(self) -> tuple[TrueDrift, ...]:
        """Every drift within the configured number of events."""

    @abstractmethod
    def run_config(self) -> dict[str, Any]:
        """The recommended `schema` and `tasks` sections of a run configuration over this world."""

    def dirt_counts(self) -> dict[str, int]:
        """How often each kind of dirt was put into the latest `records`, as far as they were read; empty: never."""
        return {}

    def best_scores(self) -> dict[str, dict[str, float]]:
        """The scores of the best possible outputs, by task: what no learner beats but by luck.

        Runs through the whole world once and scores every label that arrives against the best output of its event, by
        the scorers that score a learner's predictions. Where an expiry stands for a label, so it does here.
        """
        config = self.run_config()
        task_config: TypeAdapter[Task.Config] = TypeAdapter(Annotated[Task.Config, OneOf("tasks")])
        tasks = [task_config.validate_python(given).build(name) for name, given in config["tasks"].items()]
        read = _read(self.records(), config["schema"], tasks)
        scores, first = {}, 0
        for task, label_by_id in zip(tasks, read.labels, strict=True):
            label_L, problems = task.encode_labels(list(label_by_id.values()))
            assert not problems, f"labels of {task.name} that its own configuration does not take: {problems[:3]}"
            expired = _expired(task, read, label_by_id)
            label_L = np.concatenate([label_L, np.full(len(expired), task.expiry_label())])
            best_LO = np.array([read.best[event_id] for event_id in (*label_by_id, *expired)])
            best_LO = best_LO.reshape(len(label_L), -1)
            scores[task.name] = _score(task, label_L, best_LO[:, first : first + task.n_outputs])
            first += task.n_outputs
        return scores


@dataclass(frozen=True, slots=True)
class _Read:
    """What a world's records hold."""

    best: dict[str, Floats]  # best outputs by event
    labels: list[dict[str, Any]]  # per task, the labels by event
    time_s: dict[str, float]  # of the events, where a task's expiry stands for a label
    end_s: float  # the latest time of any record


def _read(batches: Iterable[WorldRecords], schema: Mapping[str, Any], tasks: Sequence[Task]) -> _Read:
    """The whole world; dirty records say nothing, nor do labels after an expiry that stands for one."""
    read = _Read({}, [{} for _ in tasks], {}, 0.0)
    horizon_s = [math.inf if math.isnan(task.expiry_label()) else task.horizon_s or math.inf for task in tasks]
    has_expiry, end_s = min(horizon_s) < math.inf, 0.0
    decoder = msgspec.json.Decoder(dict[str, Any])
    for batch in batches:
        read.best.update(zip(batch.event_ids, batch.best_EO, strict=True))
        documents = list(_decoded(decoder, batch.value_N))
        time_s = np.zeros(len(documents))
        if has_expiry:
            time_s, _ = read_times(
                [document[schema["time"]] for document in documents], schema.get("time_unit", "auto")
            )
        for document, now_s in zip(documents, time_s.tolist(), strict=True):
            end_s = max(end_s, now_s)
            sent_s = read.time_s.setdefault(document[schema["id"]], now_s)
            inner = document if schema.get("labels") is None else document.get(schema["labels"], {})
            for task, task_horizon_s, label_by_id in zip(tasks, horizon_s, read.labels, strict=True):
                if inner.get(task.label_field) is not None and now_s < sent_s + task_horizon_s:
                    label_by_id[document[schema["id"]]] = inner[task.label_field]
    return replace(read, end_s=end_s)


def _decoded(decoder: msgspec.json.Decoder[dict[str, Any]], values: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for value in values:
        with suppress(msgspec.DecodeError, UnicodeDecodeError):
            yield decoder.decode(value)


def _expired(task: Task, read: _Read, label_by_id: Mapping[str, Any]) -> list[str]:
    """The events without a label for which an expiry within the stream stands."""
    if math.isnan(task.expiry_label()) or task.horizon_s is None:
        return []
    last_s = read.end_s - task.horizon_s
    return [key for key, sent_s in read.time_s.items() if sent_s <= last_s and key not in label_by_id]


def _score(task: Task, label_L: Floats, best_LO: Floats) -> dict[str, float]:
    scorer = cast(type[Scorer], members("metrics")[task.scorer]).Config().build(task)
    is_known_L = ~np.isnan(best_LO).any(axis=1)
    label_L, best_LO = label_L[is_known_L], best_LO[is_known_L]
    if len(label_L) == 0:
        return {}
    return scorer.values(scorer.statistics(label_L, best_LO, reference=float(label_L[0])))
