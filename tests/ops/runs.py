"""A small run with everything in it, watched by a monitor whose clock is set by hand."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from streammtl.clock import ManualClock
from streammtl.config import RunConfig
from streammtl.engine import Engine
from streammtl.ops.monitor import Monitor
from streammtl.run.assemble import build_engine
from streammtl.sources.base import Source
from streammtl.sources.iterable import IterableSource
from streammtl.types import Records
from tests.engine.streams import SETTINGS, documents, records_of


def config_of(**changes: Any) -> RunConfig:
    """The settings of `tests.engine.streams`, on any free port."""
    settings = {**SETTINGS, "monitoring": {"http": {"port": 0}}, **changes}
    return RunConfig.parse(json.loads(json.dumps(settings)), environment={})


def quiet_source() -> Source:
    """A source without records."""
    return IterableSource.of([])


@dataclass
class Watched:
    """An engine and the monitor that watches it; records are given by hand."""

    config: RunConfig
    clock: ManualClock
    engine: Engine
    monitor: Monitor

    def give(self, n_events: int, turns: int = 4, seconds: float = 1.0) -> None:
        """Take the stream's first `n_events` events through the engine, as the loop would."""
        records = records_of(documents(n_events))
        for cut in np.array_split(np.arange(len(records)), turns):
            self.monitor.observer.polled(len(cut), 0.01)
            self.clock.advance(seconds)
            for report in self.engine.feed(_part(records, cut)):
                self.monitor.observer.turn(report, self.engine)

    def be_quiet(self, seconds: float = 10.0) -> None:
        """A poll without records, after a while."""
        self.clock.advance(seconds)
        self.monitor.observer.polled(0, 0.25)

    def close(self) -> None:
        """Stop serving."""
        self.monitor.close()


def watched(folder: Path | None = None, **changes: Any) -> Watched:
    """A run that was built and has not begun; with sinks and checkpoints where there is a folder for them."""
    if folder is not None:
        sinks = {name: {"kind": "memory"} for name in ("predictions", "metrics", "rejects")}
        changes = {"sink": sinks, "checkpoint": {"path": str(folder / "checkpoints")}, **changes}
    config, clock = config_of(**changes), ManualClock(1000.0)
    monitor = Monitor(config, clock)
    engine = build_engine(config, Path(), clock)
    engine.publisher.open(None)
    monitor.attach(engine, quiet_source())
    return Watched(config, clock, engine, monitor)


def _part(records: Records, cut: Any) -> Records:
    return records.between(int(cut[0]), int(cut[-1]) + 1)
