"""Replay: take a stream that ends through the engine, and report what was learned."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from streammtl.clock import Clock, SystemClock
from streammtl.component import members
from streammtl.config import RunConfig
from streammtl.digest import digest
from streammtl.errors import ConfigError
from streammtl.evaluate import TaskReport
from streammtl.publish import alarm_document
from streammtl.run.loop import Loop, Ran
from streammtl.run.observe import Observer
from streammtl.sources.base import Readers, Source
from streammtl.types import Alarm
from streammtl.worlds.base import TrueDrift, World


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What a replay came to."""

    name: str
    events: int  # of the whole stream, also where a part of it was taken before a resume
    labels: int
    records: int
    seconds: float  # of this process
    events_per_s: float  # of this process
    digest: str  # SHA-256 of everything learned and remembered, and of the position
    tasks: dict[str, TaskReport]
    composite: float | None
    best_possible: dict[str, dict[str, float]]  # in simulations: the scores of the true probabilities
    weights: dict[str, float]
    insights: dict[str, Any]  # of the model: its experts' shares and losses, say (see `Model.insights`)
    alarms: tuple[Alarm, ...]
    true_drifts: tuple[TrueDrift, ...]  # in simulations, and where drifts were injected
    join: dict[str, int]
    rejected: dict[str, int]  # by reason
    steps: int
    steps_skipped: int
    stages: dict[str, float]  # seconds
    stopped: bool  # before the end of the stream

    def to_json(self) -> dict[str, Any]:
        """All figures as JSON values; what is not a number is null."""
        document = asdict(self)
        document["alarms"] = [alarm_document(alarm) for alarm in self.alarms]
        return {key: without_nan(value) for key, value in document.items()}


def replay(
    config: RunConfig,
    *,
    base: Path = Path(),
    source: Source | None = None,
    resume: bool = False,
    stop: Callable[[], bool] = lambda: False,
    observer: Observer | None = None,
    clock: Clock | None = None,
) -> ReplayReport:
    """Take the stream of `config` (or `source` in its place) to its end.

    A `source` stands in the place of the configured one. Relative paths are taken from `base`. `resume`
    goes on from the newest checkpoint.
    """
    ran = Loop(config, base, clock or SystemClock(), source).run(resume=resume, stop=stop, observer=observer)
    return report_of(config, ran, source)


def world_config(name: str) -> dict[str, Any]:
    """The recommended run configuration of a simulated world, as a mapping."""
    worlds = members("worlds")
    if name not in worlds:
        raise ConfigError(f"{name!r} is neither a file nor a simulator; the simulators are {', '.join(worlds)}")
    world = worlds[name].Config().build()  # type: ignore[attr-defined]
    return {"name": name, **world.run_config(), "source": {"kind": "simulator", "world": {"kind": name}}}


def true_drifts(config: RunConfig, source: Source | None = None) -> tuple[TrueDrift, ...]:
    """The drifts that the stream (of `source`, if it stands in the place of the configured one) is known to have."""
    features: dict[str, tuple[str, ...]] = {}
    for name, feature in config.event_schema.features.items():
        field = feature.field or name
        features[field] = (*features.get(field, ()), name)
    readers = Readers(features, {task.label or name: name for name, task in config.tasks.items()})
    return (source or config.source.build()).drifts(readers)


def _world(config: RunConfig) -> World | None:
    world = getattr(config.source, "world", None)
    return world.build() if isinstance(world, World.Config) else None


def report_of(config: RunConfig, ran: Ran, source: Source | None = None) -> ReplayReport:
    """What a run came to; `source` as in `replay`."""
    engine, world = ran.engine, _world(config)
    return ReplayReport(
        name=config.name,
        events=engine.totals["events"],
        labels=engine.totals["labels"],
        records=engine.totals["records"],
        seconds=ran.seconds,
        events_per_s=ran.n_events / ran.seconds if ran.seconds > 0 else 0.0,
        digest=digest(engine.state()),
        tasks=engine.report(),
        composite=engine.evaluate.composite(),
        best_possible={} if world is None or ran.stopped else world.best_scores(),
        weights=engine.weights(),
        insights=engine.insights(),
        alarms=tuple(engine.alarms),
        true_drifts=true_drifts(config, source),
        join=dict(engine.join.counts),
        rejected=dict(engine.rejected),
        steps=engine.totals["steps"],
        steps_skipped=engine.totals["steps_skipped"],
        stages=ran.stages,
        stopped=ran.stopped,
    )


def without_nan(value: Any) -> Any:
    """The JSON value with None for every number that is none."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return value
