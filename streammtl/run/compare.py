"""`streammtl compare` on a terminal: progress while it runs, and the tables at the end."""

from __future__ import annotations

import os
from types import TracebackType
from typing import final

from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from streammtl.compare.carry_out import TABLES
from streammtl.compare.jobs import Job
from streammtl.compare.markdown import cost, mean_costs, mean_difference, rank, score_cell, wins
from streammtl.compare.summary import Summary

_NARROW = 100  # columns of a terminal below which spreads are left out
_MAX_COLUMNS, _MAX_NARROW = 8, 4  # learners of which the table of tasks has a column


def n_cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))


@final
class CompareProgress:
    """A bar on a terminal, a line per run elsewhere. Use as a context manager; the bar is gone at the end."""

    def __init__(self, console: Console, n_processes: int) -> None:
        self._console = console
        self._n_processes = n_processes
        self._n_done = self._n_to_run = 0
        self._bar = Progress(
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("runs"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[live]}", markup=False),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=None, live="")

    def __enter__(self) -> CompareProgress:
        """Show the bar."""
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        self._bar.stop()

    def begin(self, n_kept: int, n_to_run: int) -> None:
        """So many results were kept from before."""
        self._n_to_run = n_to_run
        kept = f"{n_kept:,} results are kept from before" if n_kept else ""
        runs = f"{n_to_run:,} runs to do, {min(n_to_run, self._n_processes)} at a time" if n_to_run else ""
        self._say(", ".join(filter(None, (kept, runs))))
        self._bar.update(self._task, total=n_to_run, live="")

    def ended(self, job: Job, error: str, n_running: int) -> None:
        """A run ended."""
        self._n_done += 1
        run = f"{job.stream}, {job.learner}, seed {job.seed}"
        self._bar.update(self._task, completed=self._n_done, live=f"{n_running} running; last: {run}")
        if error:
            self._say(f"failed: {run}: {error}")
        elif not self._console.is_terminal:
            self._say(f"{self._n_done}/{self._n_to_run} {run}")

    def _say(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)


def print_comparison(console: Console, summary: Summary) -> None:
    """Ranks and costs, the score of every task, and what it means."""
    is_narrow = console.width < _NARROW
    console.print(_ranks(summary, is_narrow))
    console.print(_scores(summary, is_narrow))
    console.print(Text(summary.overall, "bold"))
    for sentence in summary.sentences.values():
        console.print(Text(f"- {sentence}"))
    for (learner, stream, seed), error in summary.results.errors.items():
        console.print(Text.assemble(("failed ", "bold red"), f"{stream}, {learner}, seed {seed}: {error}"))


def _ranks(summary: Summary, is_narrow: bool) -> Table:
    """Narrow: without the ranks on each stream and the mean difference."""
    results = summary.results
    by_stream = results.streams if len(results.streams) > 1 and not is_narrow else ()
    table = Table(box=box.SIMPLE_HEAD, title="Mean ranks by primary score, 1 is best", title_justify="left")
    table.add_column("learner", overflow="fold")
    difference = [] if is_narrow else [f"mean difference from {results.reference}"]
    for heading in ("rank", *by_stream, "better", "worse", "noise", *difference, "us/event"):
        table.add_column(heading, justify="right")
    for v in summary.order:
        name = results.learners[v]
        ranks = [rank(value) for value in (summary.rank_V[v], *(summary.rank_VX[v] if by_stream else ()))]
        more = [] if is_narrow else [mean_difference(summary, name)]
        mean_cost = cost(float(mean_costs(results.cost_us_VX)[v]))
        table.add_row(name, *ranks, *wins(summary, name), *more, mean_cost)
    return table


def _scores(summary: Summary, is_narrow: bool) -> Table:
    """Narrow: without spreads."""
    results = summary.results
    shown = summary.order[: _MAX_NARROW if is_narrow else _MAX_COLUMNS]
    n_more = len(summary.order) - len(shown)
    more = f"; {n_more} more learners are in {TABLES}" if n_more else ""
    table = Table(box=box.SIMPLE_HEAD, title=f"Primary scores, means over seeds{more}", title_justify="left")
    table.add_column("task", overflow="fold")
    for heading in ("score", *(results.learners[v] for v in shown)):
        table.add_column(heading, justify="right", overflow="fold")
    stream = ""
    for p, place in enumerate(results.places):
        if place.stream != stream:
            stream = place.stream
            table.add_section()
            table.add_row(Text(stream, "dim"))
        cells = [score_cell(summary, v, p) for v in shown]
        if is_narrow:
            cells = [cell.partition(" ±")[0] for cell in cells]
        marked = [Text(c, "bold" if summary.best_VP[v, p] else "") for v, c in zip(shown, cells, strict=True)]
        table.add_row(place.task, place.score, *marked)
    return table
