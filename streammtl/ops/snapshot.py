"""What a run looked like at one moment: a value that no later turn changes, so that any thread may read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from streammtl.evaluate import TaskReport
from streammtl.run.observe import Saved

#: Upper ends of the buckets of `turn_seconds`.
TURN_BUCKETS_S = (0.001, 0.005, 0.02, 0.1, 0.5, 2.0)


@dataclass(frozen=True, slots=True)
class Checkpointing:
    """How saving has gone in this process."""

    n_saved: int = 0
    n_failures: int = 0
    last: Saved | None = None
    last_s: float | None = None  # on the monotonic clock, when `last` was written


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run at one moment. What is counted is counted since this process took its first record, unless it says so."""

    taken_s: float = 0.0  # on the monotonic clock
    counts: Mapping[str, int] = field(default_factory=dict)  # records, events, labels, steps, ...
    stream: Mapping[str, int] = field(default_factory=dict)  # the same since the beginning of the stream
    rejected: Mapping[str, int] = field(default_factory=dict)  # by reason
    join: Mapping[str, int] = field(default_factory=dict)  # by outcome
    published: Mapping[str, int] = field(default_factory=dict)  # documents by sink
    alarms: Mapping[tuple[str, str], int] = field(default_factory=dict)  # by subject and name
    stage_seconds: Mapping[str, float] = field(default_factory=dict)
    turns_by_bucket: tuple[int, ...] = (0,) * (len(TURN_BUCKETS_S) + 1)
    turn_seconds: float = 0.0
    tasks: Mapping[str, TaskReport] = field(default_factory=dict)
    composite: float | None = None
    losses: Mapping[str, float] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    insights: Mapping[str, Any] = field(default_factory=dict)
    remembered: int = 0
    pending: int | None = None
    event_time_s: float | None = None  # the largest that this process has seen
    lag_records: int | None = None
    lag_seconds: float | None = None
    n_skipped: int = 0  # records that were gone before they could be read
    n_waiting: int = 0  # documents that the sinks have not confirmed yet
    checkpointing: Checkpointing | None = None  # None: no checkpoints are configured
