"""From a run configuration to an engine."""

from __future__ import annotations

from pathlib import Path

from streammtl.clock import Clock
from streammtl.config import RunConfig
from streammtl.decode import Decoder
from streammtl.engine import Engine


def build_engine(config: RunConfig, base: Path, clock: Clock) -> Engine:
    """The engine that `config` describes, at the beginning of its stream; relative paths are taken from `base`."""
    learner = config.learner()
    return Engine(
        decoder=Decoder(config.event_schema, learner.features, learner.tasks),
        learner=learner,
        join=config.join.build(learner.tasks, learner.layout),
        evaluate=config.scores.build(learner.tasks),
        watch=config.drift.build(learner.tasks, learner.layout, config.seed),
        publisher=config.sink.build(learner.tasks, base, clock),
        clock=clock,
        metrics_every_records=config.sink.metrics_every_records,
    )
