"""Reads the recommender world's whole stream into columns, as its tests want it; each stream once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
import numpy as np
from streammtl_simulators import RecommenderWorld
from streammtl_simulators.recommender.calendar import DRIFT_NAMES, DriftName
from streammtl_simulators.recommender.tastes import TASKS

from streammtl.types import Bools, Floats


@dataclass(frozen=True)
class Stream:
    """Columns over the events, by number. Labels and delays are NaN where there is no label."""

    world: RecommenderWorld
    events: list[dict[str, Any]]
    labels: dict[str, Floats]
    delay_s: dict[str, Floats]
    best_EO: Floats

    def column(self, field: str) -> Floats:
        """A numeric field; NaN for null."""
        return np.array([event[field] for event in self.events], dtype=np.float64)

    def is_value(self, field: str, *values: str) -> Bools:
        """Where a field has one of the values."""
        return np.array([event[field] in values for event in self.events])

    def start_event(self, name: str, which: int = 0) -> int:
        """The first event of a drift, of the first or a later one of its name."""
        return [drift.start_event for drift in self.world.drifts() if drift.name == name][which]


def build(**settings: Any) -> RecommenderWorld:
    """The world of these settings."""
    return RecommenderWorld.Config.model_validate(settings).build()


@cache
def stationary() -> Stream:
    """30,000 events without drifts."""
    return read(build(events=30_000, drift=False))


@cache
def with_drift(name: DriftName) -> Stream:
    """30,000 events of which the span has one drift only."""
    assert name in DRIFT_NAMES
    return read(build(events=30_000, drifts=[name]))


@cache
def with_everything() -> Stream:
    """The same with every drift."""
    return read(build(events=30_000))


def read(world: RecommenderWorld) -> Stream:
    """The whole stream of a world without dirt."""
    decoder = msgspec.json.Decoder(dict[str, Any])
    events: list[dict[str, Any]] = []
    labels = {task: np.full(world.config.events, np.nan) for task in TASKS}
    delay_s = {task: np.full(world.config.events, np.nan) for task in TASKS}
    best = []
    for batch in world.records():
        best.append(batch.best_EO)
        for value, is_label in zip(batch.value_N, batch.is_label_N, strict=True):
            document = decoder.decode(value)
            number = int(document["id"][1:])
            if not is_label:
                assert number == len(events)
                events.append(document)
            for task in TASKS:
                if task in document:
                    labels[task][number] = float(document[task])
                    delay_s[task][number] = document["time"] - events[number]["time"]
    return Stream(world, events, labels, delay_s, np.concatenate(best))
