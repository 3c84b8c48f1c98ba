"""One run of a comparison: from a job to its result, as JSON values."""

from __future__ import annotations

import math
import resource
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, final

from streammtl.clock import Clock, SystemClock
from streammtl.compare.jobs import Job, is_world
from streammtl.component import members
from streammtl.config import RunConfig
from streammtl.evaluate import TaskReport
from streammtl.models.base import Model
from streammtl.run.loop import Loop
from streammtl.sources.base import Source
from streammtl.types import Position, Records

_KEPT = ("kind", "labels", "unscored", "coverage", "delay_mean_s", "scores", "windowed", "no_change", "primary")


class StoppedError(Exception):
    """Somebody said stop before the run was at its end: there is no result."""


def execute(job: Job, stop: Callable[[], bool] = lambda: False) -> dict[str, Any]:
    """Run the job to the end of its stream, and tell what came out. Raises whatever goes wrong."""
    config = RunConfig.parse(job.settings, environment={}, where=f"{job.stream}, {job.learner}")
    clock = SystemClock()
    loop = Loop(config, Path(), clock, _source(config, job, clock), _peer(job))
    # The model was compiled by now, if it had to be: that happens once on a machine and is not a run's to pay.
    start_s = _processor_s()
    ran = loop.run(resume=False, stop=stop)
    seconds = _processor_s() - start_s
    if ran.stopped:
        raise StoppedError
    engine = ran.engine
    return {
        "job": job.described(),
        "events": engine.totals["events"],
        "labels": engine.totals["labels"],
        "rejected": sum(engine.rejected.values()),
        "steps_skipped": engine.totals["steps_skipped"],
        "processor_s": seconds,
        "wall_s": ran.seconds,
        "stages": ran.stages,
        "tasks": {name: _task(report) for name, report in engine.report().items()},
    }


def _processor_s() -> float:
    """Seconds that the processors have worked for this process, all threads together."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return spent.ru_utime + spent.ru_stime


def _source(config: RunConfig, job: Job, clock: Clock) -> Source | None:
    """None: the configured one."""
    if job.events is None or is_world(job.settings):
        return None
    return FirstRecords(config.source.build(clock=clock), job.events)


def _peer(job: Job) -> Model.Config | None:
    if job.peer is None:
        return None
    settings: Model.Config = members("peers")[job.peer["kind"]].Config.model_validate(job.peer)  # type: ignore[assignment]
    return settings


def _task(report: TaskReport) -> dict[str, Any]:
    scorer: Any = members("metrics")[report.kind]
    kept = {name: value for name, value in asdict(report).items() if name in _KEPT}
    return {**_finite(kept), "larger_is_better": scorer.larger_is_better}


def _finite(value: Any) -> Any:
    """The value with null in the place of what JSON has no number for."""
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


@final
class FirstRecords(Source):
    """The first records of another source, however it is polled.

    >>> from streammtl.sources.iterable import IterableSource
    >>> source = FirstRecords(IterableSource.of([({"a": 1}, None), ({"a": 2}, None), ({"a": 3}, None)]), n=2)
    >>> source.open({})
    >>> len(source.poll(timeout_s=0.0)), source.poll(timeout_s=0.0)
    (2, None)
    >>> source.close()
    """

    def __init__(self, source: Source, n: int) -> None:
        self._source = source
        self._n = n
        self._n_read = 0

    def open(self, position: Position) -> None:
        """Get ready to read from `position` on."""
        self._source.open(position)
        self._n_read = sum(position.values())

    def poll(self, timeout_s: float) -> Records | None:
        """The next records, as long as there are to be more."""
        if self._n_read >= self._n:
            return None
        records = self._source.poll(timeout_s)
        if records is None:
            return None
        if len(records) > self._n - self._n_read:
            records = records.between(0, self._n - self._n_read)
        self._n_read += len(records)
        return records

    @property
    def n_records(self) -> int | None:
        """Not more than the other source has."""
        n = self._source.n_records
        return None if n is None else min(n, self._n)

    def close(self) -> None:
        """Close the other source."""
        self._source.close()
