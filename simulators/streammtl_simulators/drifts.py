"""What the worlds share about their drifts: windows of time, and the ground truth made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from streammtl.types import Floats
from streammtl.worlds.base import TrueDrift
from streammtl_simulators.documents import START_S


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time in which a drift happens, in seconds since the start of the stream."""

    name: str
    kind: Literal["abrupt", "gradual", "incremental", "recurring"]
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Change:
    """What a drift does."""

    tasks: tuple[str, ...]  # whose relation to the features changes
    features: tuple[str, ...]  # whose distribution changes
    description: str


def ramp(share: Floats, window: tuple[float, float]) -> Floats:
    """0 before the window, 1 after it, linear within."""
    return np.clip((share - window[0]) / (window[1] - window[0]), 0.0, 1.0)


def describe(windows: Sequence[Window], changes: Mapping[str, Change], times_s: Floats) -> tuple[TrueDrift, ...]:
    """The drifts that begin before the last event; `times_s` are the events' times since the start."""
    drifts = []
    for window in windows:
        change = changes[window.name]
        start_event = int(np.searchsorted(times_s, window.start_s))
        if start_event < len(times_s):
            drifts.append(
                TrueDrift(
                    name=window.name,
                    kind=window.kind,
                    tasks=change.tasks,
                    features=change.features,
                    start_s=START_S + window.start_s,
                    end_s=START_S + window.end_s,
                    start_event=start_event,
                    description=change.description,
                )
            )
    return tuple(drifts)
