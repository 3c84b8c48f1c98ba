"""Reads the whole stream of a world of machines into columns, as a test wants it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
import numpy as np
from streammtl_simulators import IotWorld
from streammtl_simulators.iot.concept import FAULTS
from streammtl_simulators.iot.condition import TASKS

from streammtl.types import Bools, Floats
from streammtl.worlds.base import TrueDrift


@dataclass(frozen=True)
class Reports:
    """Columns over the events, by number. Labels and delays are NaN where there is no label; faults are indices."""

    world: IotWorld
    events: list[dict[str, Any]]
    labels: Mapping[str, Floats]
    delay_h: Mapping[str, Floats]
    best_EO: Floats

    def column(self, field: str) -> Floats:
        """A numeric field; NaN for null. `spectrum` has a second axis."""
        return np.array([event[field] for event in self.events], dtype=np.float64)

    def equals(self, field: str, value: Any) -> Bools:
        """Where a field has a value."""
        return np.array([event[field] == value for event in self.events])

    def drift(self, name: str, occurrence: int = 0) -> TrueDrift:
        """A drift by its name."""
        return [drift for drift in self.world.drifts() if drift.name == name][occurrence]

    def after(self, drift: TrueDrift) -> Bools:
        """From the end of the drift on."""
        return self.column("time") >= drift.end_s


def read_reports(**settings: Any) -> Reports:
    """The whole stream of a world without dirt."""
    world = IotWorld.Config.model_validate(settings).build()
    n_events = world.config.events
    decoder = msgspec.json.Decoder(dict[str, Any])
    events: list[dict[str, Any]] = []
    labels = {task: np.full(n_events, np.nan) for task in TASKS}
    delay_h = {task: np.full(n_events, np.nan) for task in TASKS}
    best = []
    for batch in world.records():
        best.append(batch.best_EO)
        for value in batch.value_N:
            document = decoder.decode(value)
            number = int(document["id"][1:])
            if document["record"] == "event":
                events.append(document)
                continue
            for task in TASKS:
                if task in document:
                    label = document[task]
                    labels[task][number] = FAULTS.index(label) if task == "fault_class" else label
                    delay_h[task][number] = (document["time"] - events[number]["time"]) / 3600.0
    return Reports(world, events, labels, delay_h, np.concatenate(best))


EVERYTHING = dict.fromkeys(TASKS, 0.0)  # never_labelled


@cache
def drifting() -> Reports:
    """Every drift, every label that can be."""
    return read_reports(events=60_000, never_labelled=EVERYTHING)


@cache
def stationary() -> Reports:
    """No drift, every label that can be."""
    return read_reports(events=60_000, drift=False, never_labelled=EVERYTHING)
