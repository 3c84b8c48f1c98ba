"""From a run configuration to an engine."""

from __future__ import annotations

from pathlib import Path

from streammtl.checkpoint import fingerprint
from streammtl.clock import Clock
from streammtl.config import RunConfig
from streammtl.decode import Decoder
from streammtl.engine import Engine
from streammtl.models.base import Model


def build_engine(config: RunConfig, base: Path, clock: Clock, model: Model.Config | None = None) -> Engine:
    """The engine that `config` describes, at the beginning of its stream; relative paths are taken from `base`.

    A `model` stands in the place of the configured one.

    The model may have to be compiled, and says so. Most mistakes are told before that; those of the watch after it,
    because its detectors take a second to import and nobody should wait so long for the first word.
    """
    learner = config.learner(model)
    decoder = Decoder(config.event_schema, learner.features, learner.tasks)
    join = config.join.build(learner.tasks, learner.layout)
    evaluate = config.scores.build(learner.tasks)
    publisher = config.sink.build(learner.tasks, base, clock, config.name, fingerprint(config.shape())[:16])
    learner.prepare()
    return Engine(
        decoder=decoder,
        learner=learner,
        join=join,
        evaluate=evaluate,
        watch=config.drift.build(learner.tasks, learner.layout, config.seed),
        publisher=publisher,
        clock=clock,
        metrics_every_records=config.sink.metrics_every_records,
    )
