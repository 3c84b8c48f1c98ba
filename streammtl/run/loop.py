"""The loop that everything runs in: restore, poll, turn, checkpoint, until the stream ends or somebody says stop.

A checkpoint is two numbered steps: 1 flush the sinks; 2 save the state together with the position of the stream and
those of the sinks. A crash between the two leaves the older checkpoint, from which the sinks are cut back.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import final

from streammtl.checkpoint import Checkpoints
from streammtl.clock import Clock
from streammtl.config import RunConfig
from streammtl.engine import Engine
from streammtl.errors import CheckpointError
from streammtl.run.assemble import build_engine
from streammtl.run.observe import Observer, Saved
from streammtl.sources.base import Source

_log = logging.getLogger(__name__)

_POLL_TIMEOUT_S = 0.25  # how long a stop may go unnoticed on a stream without records


@dataclass(frozen=True, slots=True)
class Ran:
    """What the loop did in this process."""

    engine: Engine
    n_events: int
    seconds: float
    stages: dict[str, float]  # seconds by stage
    stopped: bool  # True: somebody said stop; False: the stream ended


@final
class Loop:
    """One run of one engine on one source."""

    def __init__(self, config: RunConfig, base: Path, clock: Clock, source: Source | None = None) -> None:
        self.source = source or config.source.build(base, clock)
        self.engine = build_engine(config, base, clock)
        self._clock = clock
        self._checkpoints = (
            None if config.checkpoint.path is None else Checkpoints(config.checkpoint, config.shape(), base, clock)
        )
        self._stages: defaultdict[str, float] = defaultdict(float)
        self._observer = Observer()
        self._n_checkpoint_failures = 0  # here, not in the engine: its state is a function of the stream alone

    def run(self, *, resume: bool, stop: Callable[[], bool] = lambda: False, observer: Observer | None = None) -> Ran:
        """Take the stream to its end, or until `stop` says so between two turns.

        With `resume`, go on from the newest checkpoint if there is one; without, a folder that holds checkpoints of an
        earlier run is refused with `CheckpointError`.
        """
        start_s = self._clock.monotonic()
        engine = self.engine
        self._observer = observer or Observer()
        try:
            self._restore(resume)
            n_events = engine.totals["events"]
            stopped = self._turns(stop)
            self._save()
        finally:
            self.source.close()
            engine.publisher.close()
            if self._checkpoints is not None:
                self._checkpoints.close()
        return Ran(
            engine=engine,
            n_events=engine.totals["events"] - n_events,
            seconds=self._clock.monotonic() - start_s,
            stages=dict(self._stages),
            stopped=stopped,
        )

    def _restore(self, resume: bool) -> None:
        found = None
        if self._checkpoints is not None:
            if not resume:
                self._checkpoints.require_empty()
            found = self._checkpoints.load_latest()
        if found is None:
            self.engine.publisher.open(None)
            # The positions of the sinks at the very beginning: a crash before the next checkpoint returns to them.
            self._save()
        else:
            state, path = found
            self.engine.load(state)
            self.engine.publisher.open(state["sinks"])
            _log.info("resumed from %s at %d records", path, self.engine.totals["records"])
        self.source.open(self.engine.position)

    def _turns(self, stop: Callable[[], bool]) -> bool:
        while not stop():
            poll_s = self._clock.monotonic()
            records = self.source.poll(_POLL_TIMEOUT_S)
            poll_s = self._clock.monotonic() - poll_s
            self._stages["source"] += poll_s
            if records is None:
                return False
            self._observer.polled(len(records), poll_s)
            if len(records) == 0:
                continue
            for report in self.engine.feed(records):
                for stage, seconds in report.seconds.items():
                    self._stages[stage] += seconds
                self._observer.turn(report, self.engine)
            if self._checkpoints is not None and self._checkpoints.is_due(self.engine.totals["records"]):
                self._save_or_go_on()
        return True

    def _save_or_go_on(self) -> None:
        """A checkpoint that cannot be written stops nobody from learning: the older ones are intact."""
        try:
            self._save()
        except CheckpointError as error:
            self._n_checkpoint_failures += 1
            self._observer.save_failed(error)
            _log.error("%s; learning goes on without it (failure %d)", error, self._n_checkpoint_failures)

    def _save(self) -> None:
        save_s = self._clock.monotonic()
        sinks = self.engine.publisher.flush()
        if self._checkpoints is not None:
            n_records = self.engine.totals["records"]
            path = self._checkpoints.save({**self.engine.state(), "sinks": sinks}, n_records)
            size_bytes = sum(file.stat().st_size for file in path.iterdir())
            self._observer.saved(Saved(path, n_records, self._clock.monotonic() - save_s, size_bytes))
        self._stages["checkpoint"] += self._clock.monotonic() - save_s
