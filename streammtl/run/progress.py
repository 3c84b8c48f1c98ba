"""Progress of a long run: a bar with rate and live scores on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import TracebackType
from typing import final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from streammtl.clock import Clock
from streammtl.engine import Engine, TurnReport
from streammtl.run.observe import Observer
from streammtl.sources.base import Source

_BAR_EVERY_S = 0.25
_LINE_EVERY_S = 10.0
_BAR_WIDTH = 36  # bar, percentage, time and the gaps between them
_RATE_MEMORY_S = 3.0  # the rate of the present counts as much as that of all time before it after about 2 seconds
_MAX_ALARMS = 10  # shown as they happen; the table at the end has the others


@final
class Rate:
    """Events per second, smoothed: r <- r + (1 - exp(-dt / memory)) (n / dt - r).

    >>> rate = Rate()
    >>> rate.update(100, seconds=1.0), round(rate.update(400, seconds=1.0))
    (100.0, 185)
    """

    def __init__(self) -> None:
        self._per_s: float | None = None

    def update(self, n: int, seconds: float) -> float:
        """The rate after `n` more events in `seconds` (> 0)."""
        now = n / seconds
        share = 1.0 if self._per_s is None else 1.0 - math.exp(-seconds / _RATE_MEMORY_S)
        self._per_s = (self._per_s or 0.0) + share * (now - (self._per_s or 0.0))
        return self._per_s


@final
class Bar:
    """A bar on a terminal, lines elsewhere. Use as a context manager around the work; it is gone at the end."""

    def __init__(self, console: Console, clock: Clock) -> None:
        self._console = console
        self._clock = clock
        self._every_s = _BAR_EVERY_S if console.is_terminal else _LINE_EVERY_S
        self._shown_s = clock.monotonic()
        self._n_shown = 0
        self._rate = Rate()
        self._progress = Progress(
            BarColumn(bar_width=20),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[live]}", markup=False),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("", total=None, live="")

    def __enter__(self) -> Bar:
        """Show the bar."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        self._progress.stop()

    def show(self, n_events: int, share: Callable[[], float | None], more: Callable[[], str] = str) -> None:
        """Show how many events are done, if it is time; only then are `share` of the work and `more` text asked."""
        now_s = self._clock.monotonic()
        passed_s = now_s - self._shown_s
        if passed_s < self._every_s:
            return
        rate = self._rate.update(n_events - self._n_shown, passed_s)
        self._shown_s, self._n_shown = now_s, n_events
        done = share()
        live = f"{n_events:,} events  {rate:,.0f}/s  {more()}".rstrip()
        if self._console.is_terminal:
            total = None if done is None else 1.0
            room = max(20, self._console.width - _BAR_WIDTH)
            live = live if len(live) <= room else f"{live[: room - 1]}…"
            self._progress.update(self._task, total=total, completed=done or 0.0, live=live)
        else:
            self.say(f"{'' if done is None else f'{done:4.0%}  '}{live}")

    def say(self, line: str) -> None:
        """Print a line, above the bar."""
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)


@final
class ReplayProgress(Observer):
    """Shows on a bar how far a run has come."""

    def __init__(self, bar: Bar, source: Source) -> None:
        self._bar = bar
        self._source = source
        self._n_events = self._n_alarms = 0

    def turn(self, report: TurnReport, engine: Engine) -> None:
        """Take note of a turn, and show it when it is time."""
        self._n_events += report.n_events
        for alarm in report.alarms:
            self._n_alarms += 1
            if self._n_alarms <= _MAX_ALARMS:
                self._bar.say(
                    f"drift at event {alarm.n_events:,}: {alarm.subject.value} of {alarm.name} "
                    f"from {alarm.before:.4g} to {alarm.after:.4g} ({alarm.detector})"
                )
            if self._n_alarms == _MAX_ALARMS:
                self._bar.say("further drift alarms are in the table at the end")
        self._bar.show(
            self._n_events, lambda: share_done(self._source, engine.totals["records"]), lambda: _live_scores(engine)
        )


def share_done(source: Source, n_records: int) -> float | None:
    """Share of the source that was read, where it or its number of records can tell."""
    share = source.progress()
    if share is None and source.n_records:
        share = n_records / source.n_records
    return None if share is None else min(1.0, max(0.0, share))


def _live_scores(engine: Engine) -> str:
    shown = []
    for name, task in engine.report().items():
        value = task.windowed.get(task.primary, math.nan)
        if not math.isnan(value):
            shown.append(f"{name} {task.primary} {value:.3f}")
    return "  ".join(shown)
