"""The daemon: a run on a source that does not end, until SIGTERM or SIGINT."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import final

from streammtl.clock import Clock, SystemClock
from streammtl.config import RunConfig, service_socket
from streammtl.digest import digest
from streammtl.engine import Engine, TurnReport
from streammtl.errors import SinkAbortedError
from streammtl.ops.monitor import Monitor
from streammtl.publish import alarm_document
from streammtl.run.loop import Loop, Ran
from streammtl.run.notify import Notify
from streammtl.run.observe import Observer, Observers, Saved

_log = logging.getLogger(__name__)

_MAX_ABORTED = 5  # transactions one after the other; more are no accident
_ABORTED_PAUSE_S = 1.0


def run_daemon(
    config: RunConfig,
    *,
    base: Path = Path(),
    stop: Callable[[], bool] = lambda: False,
    clock: Clock | None = None,
) -> Ran:
    """Go on from the newest checkpoint, if there is one, until `stop` says so between two turns.

    It finishes its turn, saves a checkpoint and returns. Relative paths are taken from `base`.
    """
    clock = clock or SystemClock()
    with Monitor(config, clock) as monitor:
        if monitor.server is not None:
            _log.info("metrics, probes and the live page are at %s", monitor.server.url)
        if config.checkpoint.path is None:
            _log.warning("checkpoint.path is not set: what is learned is lost when the process ends")
        _log.info("running %s", config.name)
        n_failures = 0
        observers: list[Observer] = [_AlarmLog(), monitor.observer]
        if (address := service_socket()) is not None:
            observers.append(notify := Notify(address, clock))
            stop = notify.before(stop)
        ran = None
        while ran is None:
            loop = Loop(config, base, clock)
            monitor.attach(loop.engine, loop.source)
            try:
                ran = loop.run(resume=True, stop=stop, observer=Observers(progress := _Progress(), *observers))
            except SinkAbortedError as error:
                n_failures = 1 if progress.is_made else n_failures + 1
                if n_failures > _MAX_ABORTED:
                    raise
                _log.warning("%s; going back to the last committed checkpoint", error)
                clock.sleep(_ABORTED_PAUSE_S)
    totals, whole = ran.engine.totals, digest(ran.engine.state())
    _log.info(
        "stopped after %d records, %d events, %d labels; digest %s",
        *(totals["records"], totals["events"], totals["labels"], whole),
        extra={"fields": {"records": totals["records"], "digest": whole}},
    )
    return ran


@final
class _Progress(Observer):
    """Whether the run has committed anything."""

    def __init__(self) -> None:
        self.is_made = False

    def saved(self, saved: Saved) -> None:
        """It has."""
        self.is_made = True


@final
class _AlarmLog(Observer):
    """A log line for every drift alarm."""

    def turn(self, report: TurnReport, engine: Engine) -> None:
        """Log the alarms of the turn."""
        for alarm in report.alarms:
            _log.warning(
                "drift: %s of %s from %.4g to %.4g (%s), at event %d, %s@%d",
                *(alarm.subject.value, alarm.name, alarm.before, alarm.after, alarm.detector),
                *(alarm.n_events, alarm.partition, alarm.offset),
                extra={"fields": alarm_document(alarm)},
            )
