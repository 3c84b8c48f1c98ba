"""The observer that takes snapshots of a run, at a cost that is bounded."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import final

import numpy as np

from streammtl.clock import Clock
from streammtl.config import RunConfig
from streammtl.engine import STAGES, Engine, TurnReport
from streammtl.ops.history import History
from streammtl.ops.snapshot import TURN_BUCKETS_S, Checkpointing, Snapshot
from streammtl.publish import SINKS
from streammtl.run.observe import Observer, Saved
from streammtl.sources.base import Source
from streammtl.types import AlarmSubject, Floats
from streammtl.wire import REASONS

#: Snapshots are at least so far apart: nobody looks more often.
EVERY_S = 0.5
#: Snapshots may take this share of the time, 0.025 us per event at 40,000 events/s; they are then 2 to 3 s apart.
SHARE = 0.001
#: No figure is older, while records come and turns are short.
_LONGEST_S = 5.0
_LONGEST_PENDING_S = 60.0
#: A task's loss is that of the latest of so many turns that had a label of it.
_LOSSES_OF_TURNS = 256


@final
class Recorder(Observer):
    """Counts what happens in a run, and takes a `Snapshot` of it now and then.

    A turn costs a few additions. A snapshot asks the engine for its scores, on the thread of the learner, which costs
    about a millisecond for every three tasks: snapshots are so far apart that they take no more than `share` of the
    time, but at most 5 s. The count of pending events, which looks at all that are remembered, is made as rarely, but
    at least once a minute.

    `snapshot` and `history` may be read from any thread.
    """

    def __init__(self, config: RunConfig, clock: Clock, every_s: float = EVERY_S, share: float = SHARE) -> None:
        self.snapshot = Snapshot(checkpointing=None if config.checkpoint.path is None else Checkpointing())
        self.history = History()
        self._config = config
        self._clock = clock
        self._snapshots = _Pace(clock, every_s, share, _LONGEST_S)
        self._pending = _Pace(clock, every_s, share, _LONGEST_PENDING_S)
        self._engine: Engine | None = None
        self._source: Source | None = None
        self._is_stale = False
        self._counts: defaultdict[str, int] = defaultdict(int)
        self._rejected = _Growth(REASONS)
        self._join = _Growth(())
        self._unknown_fields = _Growth(("unknown_fields",))
        self._alarms: dict[tuple[str, str], int] = {}
        self._stages: dict[str, float] = dict.fromkeys(("source", *STAGES, "checkpoint"), 0.0)
        self._turns_by_bucket = [0] * (len(TURN_BUCKETS_S) + 1)
        self._turn_seconds = 0.0
        self._losses_T = np.full(len(config.tasks), np.nan)
        self._recent_losses: deque[Floats] = deque(maxlen=_LOSSES_OF_TURNS)
        self._event_time_s = -math.inf
        self._checkpointing = Checkpointing()
        self._n_pending: int | None = None
        self._n_score_documents: int | None = None

    def attach(self, engine: Engine, source: Source) -> None:
        """Say which run is watched, before its first poll."""
        self._engine, self._source = engine, source
        self._alarms = dict.fromkeys(_watched(self._config, engine), 0)

    # -- what the loop tells

    def polled(self, n_records: int, seconds: float) -> None:
        """Take note of a poll; on a quiet stream, of what has happened since the last snapshot."""
        self._stages["source"] += seconds
        if self._engine is None:
            return
        if self._n_score_documents is None:
            self._begin(self._engine)
        if n_records == 0 and self._is_stale and self._snapshots.is_due():
            self.refresh()

    def turn(self, report: TurnReport, engine: Engine) -> None:
        """Take note of a turn."""
        counts, stages, lesson = self._counts, self._stages, report.lesson
        counts["records"] += report.n_records
        counts["events"] += report.n_events
        counts["rejected"] += report.n_rejected
        counts["steps"] += lesson.n_steps
        counts["steps_skipped"] += lesson.n_steps_skipped
        if report.n_labels:
            counts["labels"] += report.n_labels
            self._recent_losses.append(lesson.losses_T)
        self._event_time_s = max(self._event_time_s, report.time_s)
        total_s = 0.0
        for stage, seconds in report.seconds.items():
            stages[stage] += seconds
            total_s += seconds
        self._turn_seconds += total_s
        self._turns_by_bucket[bisect_left(TURN_BUCKETS_S, total_s)] += 1
        for alarm in report.alarms:
            key = (alarm.subject.value, alarm.name)
            self._alarms[key] = self._alarms.get(key, 0) + 1
        self._is_stale = True
        if self._snapshots.is_due():
            self.refresh()

    def saved(self, saved: Saved) -> None:
        """Take note of a checkpoint."""
        n_saved, n_failures = self._checkpointing.n_saved + 1, self._checkpointing.n_failures
        self._checkpointing = Checkpointing(n_saved, n_failures, saved, self._clock.monotonic())
        self._stages["checkpoint"] += saved.seconds
        self._is_stale = True

    def save_failed(self, error: Exception) -> None:
        """Take note of a checkpoint that was not written."""
        self._checkpointing = replace(self._checkpointing, n_failures=self._checkpointing.n_failures + 1)
        self._is_stale = True

    # -- snapshots

    def refresh(self) -> None:
        """Take a snapshot now."""
        if self._engine is None or self._n_score_documents is None:
            return
        start_s = self._clock.monotonic()
        self._rejected.grow(self._engine.rejected)
        self._join.grow(self._engine.join.counts)
        self._unknown_fields.grow(_unknown_fields(self._engine))
        self._count_pending(self._engine)
        for losses_T in self._recent_losses:
            np.copyto(self._losses_T, losses_T, where=~np.isnan(losses_T))
        self._recent_losses.clear()
        self.snapshot = self._snapshot(self._engine, start_s)
        self.history.add(self.snapshot)
        self._is_stale = False
        self._snapshots.took(start_s)

    def _begin(self, engine: Engine) -> None:
        """Remember where the counts stand that a checkpoint brought along: they are not of this process."""
        self._rejected.begin(engine.rejected)
        self._join.begin(engine.join.counts)
        self._unknown_fields.begin(_unknown_fields(engine))
        self._n_score_documents = self._score_documents(engine)
        self._is_stale = True

    def _snapshot(self, engine: Engine, now_s: float) -> Snapshot:
        source = self._source
        lag = None if source is None else source.lag()
        return Snapshot(
            taken_s=now_s,
            counts=self._counts | self._unknown_fields.total,
            stream=dict(engine.totals),
            rejected=dict(self._rejected.total),
            join=dict(self._join.total),
            published=self._published(engine),
            alarms=dict(self._alarms),
            stage_seconds=dict(self._stages),
            turns_by_bucket=tuple(self._turns_by_bucket),
            turn_seconds=self._turn_seconds,
            tasks=engine.report(),
            composite=engine.evaluate.composite(),
            losses=dict(zip(self._config.tasks, self._losses_T.tolist(), strict=True)),
            weights=engine.weights(),
            insights=engine.insights(),
            remembered=engine.join.n_remembered,
            pending=self._n_pending,
            event_time_s=self._event_time_s if math.isfinite(self._event_time_s) else None,
            lag_records=None if lag is None else lag.n_records,
            lag_seconds=None if lag is None else lag.seconds,
            n_skipped=0 if source is None else source.n_skipped,
            n_waiting=engine.publisher.n_waiting,
            checkpointing=None if self._config.checkpoint.path is None else self._checkpointing,
        )

    def _count_pending(self, engine: Engine) -> None:
        if self._pending.is_due():
            start_s = self._clock.monotonic()
            self._n_pending = engine.join.n_pending
            self._pending.took(start_s)

    def _published(self, engine: Engine) -> dict[str, int]:
        """Documents by sink: what every turn and every interval of scores publishes by the rules of the engine."""
        n_scores = self._score_documents(engine) - (self._n_score_documents or 0)
        published = {
            "predictions": self._counts["events"],
            "rejects": self._counts["rejected"],
            "metrics": sum(self._alarms.values()) + max(0, n_scores),
        }
        return {name: published[name] for name in SINKS if engine.publisher.sink(name) is not None}

    def _score_documents(self, engine: Engine) -> int:
        return engine.totals["records"] // self._config.sink.metrics_every_records


def _unknown_fields(engine: Engine) -> dict[str, int]:
    return {"unknown_fields": engine.totals["unknown_fields"]}


def _watched(config: RunConfig, engine: Engine) -> list[tuple[str, str]]:
    """Every alarm that there may be, by subject and name."""
    drift, layout = config.drift, engine.learner.layout
    names: list[tuple[AlarmSubject, Iterable[str]]] = []
    if drift.error is not None:
        names.append((AlarmSubject.ERROR, drift.error_tasks or config.tasks))
    if drift.predictions is not None:
        names.append((AlarmSubject.PREDICTION, drift.prediction_tasks or config.tasks))
    if drift.features is not None:
        names.append((AlarmSubject.FEATURE, drift.feature_columns or layout.dense_names + layout.category_names))
    return [(subject.value, name) for subject, group in names for name in group]


@final
class _Growth:
    """By how much counts grew since the beginning; a count that went back (a rollback) has not grown.

    >>> growth = _Growth(())
    >>> growth.begin({"a": 5})
    >>> growth.grow({"a": 7}), growth.grow({"a": 3}), growth.grow({"a": 4}), growth.total
    (None, None, None, {'a': 3})
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.total: dict[str, int] = dict.fromkeys(names, 0)
        self._seen: dict[str, int] = {}

    def begin(self, counts: Mapping[str, int]) -> None:
        self._seen = dict(counts)

    def grow(self, counts: Mapping[str, int]) -> None:
        for name, count in counts.items():
            self.total[name] = self.total.get(name, 0) + max(0, count - self._seen.get(name, 0))
        self._seen = dict(counts)


@final
class _Pace:
    """When to do something again that takes time, so that it takes no more than a share of all time.

    It comes after `longest_s` at the latest: on a machine that is busy with other things, all takes long.
    """

    def __init__(self, clock: Clock, every_s: float, share: float, longest_s: float) -> None:
        self._clock = clock
        self._every_s = every_s
        self._share = share
        self._longest_s = longest_s
        self._due_s = clock.monotonic()

    def is_due(self) -> bool:
        return self._clock.monotonic() >= self._due_s

    def took(self, start_s: float) -> None:
        """It began at `start_s` and has just ended."""
        now_s = self._clock.monotonic()
        pause_s = min(self._longest_s, (now_s - start_s) / self._share)
        self._due_s = max(start_s + self._every_s, now_s + pause_s)
