"""The daemon: a run on a source that does not end, until SIGTERM or SIGINT."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import final

from streammtl.clock import Clock, SystemClock
from streammtl.config import RunConfig
from streammtl.engine import Engine, TurnReport
from streammtl.run.loop import Loop, Ran
from streammtl.run.observe import Observer

_log = logging.getLogger(__name__)


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
    loop = Loop(config, base, clock or SystemClock())
    if config.checkpoint.path is None:
        _log.warning("checkpoint.path is not set: what is learned is lost when the process ends")
    _log.info("running %s", config.name)
    ran = loop.run(resume=True, stop=stop, observer=_AlarmLog())
    totals = ran.engine.totals
    _log.info("stopped after %d records, %d events, %d labels", totals["records"], totals["events"], totals["labels"])
    return ran


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
            )
