"""Reads a world's whole stream into columns, as a test wants it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from streammtl_simulators import FraudWorld
from streammtl_simulators.fraud.concept import KINDS, TASKS

from streammtl.types import Floats, Ints


@dataclass(frozen=True)
class Stream:
    """Columns over the events, by number. Labels and delays are NaN where there is no label; kinds are indices."""

    world: FraudWorld
    events: list[dict[str, Any]]
    labels: Mapping[str, Floats]
    delay_s: Mapping[str, Floats]
    best_EO: Floats

    def column(self, field: str) -> Floats:
        """A numeric field; NaN for null."""
        return np.array([event[field] for event in self.events], dtype=np.float64)

    def equals(self, field: str, value: Any) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Where a field has a value."""
        return np.array([event[field] == value for event in self.events])

    @property
    def time_s(self) -> Floats:
        """Event times."""
        return self.column("time")

    def between(self, first: float, last: float) -> Ints:
        """Numbers of the events in a part of the configured span, given as shares."""
        config, start_s = self.world.config, 1_704_067_200
        span_s = config.events / config.events_per_day * 86_400
        share = (self.time_s - start_s) / span_s
        return np.flatnonzero((share >= first) & (share < last))


def read(world: FraudWorld) -> Stream:
    """The whole stream of a world without dirt."""
    decoder = msgspec.json.Decoder(dict[str, Any])
    events: list[dict[str, Any]] = []
    labels = {task: np.full(world.config.events, np.nan) for task in TASKS}
    delay_s = {task: np.full(world.config.events, np.nan) for task in TASKS}
    best = []
    for batch in world.records():
        best.append(batch.best_EO)
        for value in batch.value_N:
            document = decoder.decode(value)
            number = int(document["id"][1:])
            if document["record"] == "event":
                events.append(document)
            for task in TASKS:
                if task in document:
                    label = document[task]
                    labels[task][number] = KINDS.index(label) if task == "fraud_kind" else label
                    delay_s[task][number] = document["time"] - events[number]["time"]
    return Stream(world, events, labels, delay_s, np.concatenate(best))
