"""The loop that everything runs in: restore, poll, turn, checkpoint, until the stream ends or somebody says stop.

A checkpoint is four numbered steps: 1 flush the sinks, so that every delivery is known; 2 save the state together with
the position of the stream and those of the sinks; 3 commit the transaction of the sinks, where there is one; 4 tell the
broker the position, for dashboards only. A crash between them leaves the older checkpoint, from which the sinks are cut
back, or publish again what they published. With a transaction its commit decides: it names the checkpoint that counts.

A source or a sink that does not answer stops nobody: the step is tried again until it does (`streammtl.run.trouble`).
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import final

from streammtl.checkpoint import Checkpoints
from streammtl.clock import Clock
from streammtl.config import RunConfig
from streammtl.engine import Engine, TurnReport
from streammtl.errors import CheckpointError, LimitError, SinkUnavailableError, SourceUnavailableError
from streammtl.journal import Journal
from streammtl.models.base import Model
from streammtl.run.assemble import build_engine
from streammtl.run.garbage import old_objects_at_rest
from streammtl.run.limits import RejectLimits
from streammtl.run.observe import Observer, Saved
from streammtl.run.trouble import Patience
from streammtl.sources.base import Source
from streammtl.types import Records, State

_log = logging.getLogger(__name__)

_POLL_TIMEOUT_S = 0.25  # how long a stop may go unnoticed on a stream without records
_LAST_FLUSH_S = 4.0  # how long a run that was told to stop waits for sinks that do not answer


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

    def __init__(
        self,
        config: RunConfig,
        base: Path,
        clock: Clock,
        source: Source | None = None,
        model: Model.Config | None = None,
    ) -> None:
        """A `source` or a `model` stands in the place of the configured one."""
        self.source = source or config.source.build(base, clock)
        self.engine = build_engine(config, base, clock, model)
        self._clock = clock
        self._reject_limits = RejectLimits(config.limits)
        self._unavailable_s = config.limits.unavailable_s
        self._checkpoints = (
            None if config.checkpoint.path is None else Checkpoints(config.checkpoint, config.shape(), base, clock)
        )
        self._journal = (
            Journal(self._checkpoints.path / "journal", config.journal)
            if self._checkpoints is not None and self.source.needs_journal
            else None
        )
        self._stages: defaultdict[str, float] = defaultdict(float)
        self._observer = Observer()
        self._patience = Patience(clock, self._observer)
        self._stop: Callable[[], bool] = lambda: False
        self._is_journal_broken = False
        self._n_checkpoint_failures = 0  # here, not in the engine: its state is a function of the stream alone

    def run(self, *, resume: bool, stop: Callable[[], bool] = lambda: False, observer: Observer | None = None) -> Ran:
        """Take the stream to its end, or until `stop` says so between two turns.

        With `resume`, go on from the newest checkpoint if there is one; without, a folder that holds checkpoints of an
        earlier run is refused with `CheckpointError`. Raises `LimitError`, with state saved, when too many records
        are rejected.
        """
        start_s = self._clock.monotonic()
        self._stop, self._observer = stop, observer or Observer()
        self._patience = Patience(self._clock, self._observer, self._unavailable_s)
        stopped, n_events = True, 0
        try:
            if self._restore_or_stop(resume):
                n_events = self.engine.totals["events"]
                with old_objects_at_rest():
                    stopped = self._turns()
                    self._save_at_the_end()
        finally:
            self.source.close()
            self.engine.publisher.close()
            if self._journal is not None:
                self._journal.close()
            if self._checkpoints is not None:
                self._checkpoints.close()
        return Ran(
            engine=self.engine,
            n_events=self.engine.totals["events"] - n_events,
            seconds=self._clock.monotonic() - start_s,
            stages=dict(self._stages),
            stopped=stopped,
        )

    def _restore_or_stop(self, resume: bool) -> bool:
        """True: the run can begin; False: somebody said stop while it waited for a source or a sink."""
        try:
            self._restore(resume)
        except (SourceUnavailableError, SinkUnavailableError) as error:
            if not self._stop():
                raise
            _log.warning("stopped before it could begin: %s", error)
            return False
        return True

    def _restore(self, resume: bool) -> None:
        publisher = self.engine.publisher
        number = self._patience.until_done(publisher.recover, self._stop)
        found = self._find(resume, number)
        if found is not None:
            state, path = found
            self.engine.load(state)
            _log.info("resumed from %s at %d records", path, self.engine.totals["records"])
            self.source.expect(state.get("identity", {}))
        positions = None if found is None else found[0]["sinks"]
        self._patience.until_done(lambda: publisher.open(positions), self._stop)
        self._patience.until_done(lambda: self.source.open(self.engine.position), self._stop)
        if self._journal is not None:
            self.source.follow(self._journal.since(self.engine.totals["records"]))
        if found is None:
            # The positions of the sinks at the very beginning: a crash before the next checkpoint returns to them.
            self._save(self._stop)
        elif publisher.is_transactional and number is None:
            # From here on there is a commit to go back to.
            self._patience.until_done(lambda: publisher.commit(self.engine.totals["records"]), self._stop)

    def _find(self, resume: bool, number: int | None) -> tuple[State, Path] | None:
        """The checkpoint to go on from; `number` is the one that the last commit of a transaction names."""
        if self._checkpoints is None:
            return None
        if not resume:
            self._checkpoints.require_empty()
            return None
        if number is not None:
            return self._checkpoints.load_number(number)
        found = self._checkpoints.load_latest()
        if found is not None and self.engine.publisher.is_transactional and found[0]["totals"].get("records", 0) > 0:
            _log.warning(
                "the broker knows no committed transaction of this run: going on from the newest checkpoint, %s; if "
                "the run was killed just then, what it published before that may be missing",
                found[1],
            )
        return found

    def _turns(self) -> bool:
        """True: somebody said stop; False: the stream ended."""
        try:
            while not self._stop():
                records = self._poll()
                if records is None:
                    return False
                self._write_down(records)
                for piece in self._pieces(records):
                    for report in self.engine.feed(piece):
                        self._tell(report)
                if self._checkpoints is not None and self._checkpoints.is_due(self.engine.totals["records"]):
                    self._save_or_go_on()
        except (SourceUnavailableError, SinkUnavailableError):
            if not self._stop():
                raise
        except LimitError:
            self._save_or_go_on()
            raise
        return True

    def _poll(self) -> Records | None:
        """The next records, as soon as the sinks are ready for more."""
        self._patience.until_done(self.engine.publisher.settle, self._stop)
        poll_s = self._clock.monotonic()
        records = self._patience.until_done(lambda: self.source.poll(_POLL_TIMEOUT_S), self._stop)
        poll_s = self._clock.monotonic() - poll_s
        self._stages["source"] += poll_s
        if records is not None:
            self._observer.polled(len(records), poll_s)
        return records

    def _write_down(self, records: Records) -> None:
        """Journal the order before anything is published; where that fails, the next checkpoint makes up for it."""
        if self._journal is None or self._is_journal_broken or len(records) == 0:
            return
        try:
            self._journal.append(records)
        except CheckpointError as error:
            self._is_journal_broken = True
            self._fail(error)

    def _begin_journal_anew(self, checkpoints: Checkpoints) -> None:
        """After a checkpoint."""
        if self._journal is None:
            return
        if self._is_journal_broken:
            self._journal.since(self.engine.totals["records"])
            self._is_journal_broken = False
        self._journal.cut(checkpoints.numbers()[0])

    def _tell(self, report: TurnReport) -> None:
        for stage, seconds in report.seconds.items():
            self._stages[stage] += seconds
        self._observer.turn(report, self.engine)
        self._reject_limits.check(report.is_rejected_N)

    def _pieces(self, records: Records) -> Iterator[Records]:
        """The records in pieces that end where the observer wants to see the engine; mostly one."""
        start = 0
        while start < len(records):
            n_records = self.engine.totals["records"]
            wanted = self._observer.next_stop(n_records)
            stop = len(records) if wanted is None else min(len(records), start + wanted - n_records)
            yield records.between(start, stop)
            start = stop

    def _save_or_go_on(self) -> None:
        """A checkpoint that cannot be written stops nobody from learning: the older ones are intact."""
        try:
            self._save(self._stop)
        except CheckpointError as error:
            self._fail(error)

    def _fail(self, error: CheckpointError) -> None:
        self._n_checkpoint_failures += 1
        self._observer.save_failed(error)
        _log.error("%s; learning goes on without it (failure %d)", error, self._n_checkpoint_failures)

    def _save_at_the_end(self) -> None:
        """As patiently as ever at the end of the stream; soon giving up when somebody said stop."""
        deadline_s = self._clock.monotonic() + _LAST_FLUSH_S
        try:
            self._save(lambda: self._stop() and self._clock.monotonic() >= deadline_s)
        except SinkUnavailableError as error:
            if not self._stop():
                raise
            _log.warning(
                "stopped without a last checkpoint: %s. What came after the one before it, %d published documents "
                "among it, comes again after the next start",
                error,
                self.engine.publisher.n_waiting,
            )

    def _save(self, stop: Callable[[], bool]) -> None:
        save_s = self._clock.monotonic()
        publisher = self.engine.publisher
        # 1 everything published is kept
        sinks = self._patience.until_done(publisher.flush, stop)
        if self._checkpoints is not None:
            # 2 state and positions
            n_records = self.engine.totals["records"]
            path = self._checkpoints.save(
                {**self.engine.state(), "sinks": sinks, "identity": self.source.identity()}, n_records
            )
            size_bytes = _size_bytes(path)
            self._begin_journal_anew(self._checkpoints)
            # 3 what was published counts
            self._patience.until_done(lambda: publisher.commit(n_records), stop)
            # 4 for dashboards
            self.source.commit(self.engine.position)
            self._observer.saved(Saved(path, n_records, self._clock.monotonic() - save_s, size_bytes))
        self._stages["checkpoint"] += self._clock.monotonic() - save_s


def _size_bytes(folder: Path) -> int:
    """Of its files; 0: somebody has removed it already, which the next checkpoint finds out."""
    try:
        return sum(file.stat().st_size for file in folder.iterdir())
    except FileNotFoundError:
        return 0
