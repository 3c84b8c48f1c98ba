"""What a replay came to, and what a configuration says, for people."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streammtl.component import Settings
from streammtl.config import RunConfig
from streammtl.evaluate import TaskReport
from streammtl.publish import SINKS
from streammtl.run.replay import ReplayReport
from streammtl.types import Alarm, RowLayout

_NARROW = 100  # columns of a terminal below which the table leaves out what can be read elsewhere
_MANY_TASKS = 12  # above it, one row per task: its primary score
_MAX_LISTED = 12  # alarmed signals, and alarms of one signal, that are listed


def print_report(console: Console, report: ReplayReport) -> None:
    """Each task's scores beside no-change, then weights, experts, labels, rejects, drifts, and where the time went."""
    console.print(_scores(report, is_narrow=console.width < _NARROW))
    if len(report.tasks) > _MANY_TASKS:
        console.print(Text("one score per task; all of them: --json FILE", "dim"))
    if report.composite is not None:
        _print_line(console, "composite", [figure(report.composite)])
    _print_line(console, "weights", [f"{name} {figure(weight)}" for name, weight in report.weights.items()])
    _print_experts(console, report)
    _print_line(console, "labels", [f"{_words(name)} {n:,}" for name, n in report.join.items() if n])
    _print_line(console, "rejected", [f"{_words(name)} {n:,}" for name, n in report.rejected.items()])
    _print_drifts(console, report)
    _print_line(console, "seconds", [f"{stage} {seconds:.2f}" for stage, seconds in report.stages.items()])
    skipped = f" ({report.steps_skipped:,} skipped as not finite)" if report.steps_skipped else ""
    total = f"{report.events:,} events, {report.labels:,} labels, {report.steps:,} steps{skipped}"
    _print_line(console, "total", [f"{total} in {report.seconds:.2f} s: {report.events_per_s:,.0f} events/s"])
    console.print(Text.assemble(("digest    ", "bold"), report.digest), soft_wrap=True)


def print_checked(console: Console, where: str, config: RunConfig, layout: RowLayout) -> None:
    """What a configuration that is right will do."""
    console.print(Text.assemble((where, "bold"), " is right"), soft_wrap=True)
    n_features = len(config.event_schema.features)
    columns = f"{layout.n_dense} dense and {layout.n_categories} categorical columns"
    _print_line(console, "features", [f"{n_features} ({columns})"])
    _print_line(console, "tasks", [f"{name} ({_kind(task)})" for name, task in config.tasks.items()])
    _print_line(console, "model", [f"{_kind(config.model)}, weighting {_kind(config.weighting)}"])
    _print_line(console, "source", [_kind_and_path(config.source)])
    sinks = {name: getattr(config.sink, name) for name in SINKS}
    _print_line(
        console, "sinks", [f"{n} to {_kind_and_path(s)}" for n, s in sinks.items() if s is not None] or ["none"]
    )
    _print_line(
        console, "state", [f"checkpoints in {config.checkpoint.path}" if config.checkpoint.path else "not saved"]
    )


def figure(value: float | None) -> str:
    """A number with four digits that say something; `-` where there is none.

    >>> figure(0.91234), figure(12.3456), figure(123456.7), figure(0.000123456), figure(float("nan"))
    ('0.9123', '12.35', '123,457', '1.235e-04', '-')
    """
    if value is None or math.isnan(value):
        return "-"
    size = abs(value)
    if size and (size < 0.001 or size >= 1e9):
        return f"{value:.3e}"
    return f"{value:,.{4 if size < 1 else 3 if size < 10 else 2 if size < 100 else 1 if size < 1000 else 0}f}"


def _scores(report: ReplayReport, is_narrow: bool) -> Table:
    """One row per score, the task's primary score first; the last column is the best possible one, if it is known."""
    table = Table(box=box.SIMPLE_HEAD, title=f"{report.name}: scores of published predictions", title_justify="left")
    table.add_column("task", overflow="fold")
    if not is_narrow:
        table.add_column("labels", justify="right")
        table.add_column("coverage", justify="right")
    table.add_column("score")
    for heading in ("whole", "window", "no-change", *(["best"] if report.best_possible else [])):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, task in report.tasks.items():
        best = report.best_possible.get(name, {})
        for score in _order(task, is_alone=len(report.tasks) > _MANY_TASKS):
            is_first = score == task.primary
            about = [name, f"{task.labels:,}", _percent(task.coverage)] if is_first else ["", "", ""]
            values = [source.get(score) for source in (task.scores, task.windowed, task.no_change)]
            cells = [*map(figure, values), *([figure(best.get(score))] if report.best_possible else [])]
            table.add_row(*about[: 1 if is_narrow else 3], _words(score), *cells, style="bold" if is_first else None)
        if len(report.tasks) <= _MANY_TASKS:
            table.add_section()
    return table


def _order(task: TaskReport, is_alone: bool) -> list[str]:
    others = [] if is_alone else [score for score in task.scores if score != task.primary]
    return [task.primary, *others]


def _print_line(console: Console, title: str, items: Sequence[str]) -> None:
    if not items:
        return
    row = Table.grid()
    row.add_column(width=10)
    row.add_column()
    row.add_row(Text(title, "bold"), Text(", ".join(items)))
    console.print(row)


def _print_experts(console: Console, report: ReplayReport) -> None:
    """Of a model with experts: what each counts for, by task; what tasks gain from each other; what was revived."""
    shares = {
        name: shares for name in report.tasks if len(shares := report.insights.get("shares", {}).get(name, {})) > 1
    }
    for i, (name, share_of) in enumerate(list(shares.items())[:_MAX_LISTED]):
        line = ", ".join(f"{expert} {share:.0%}" for expert, share in share_of.items())
        _print_line(console, "" if i else "experts", [f"{name}: {line}"])
    if len(shares) > _MAX_LISTED:
        _print_line(console, "", [f"and of {len(shares) - _MAX_LISTED} more tasks; all of them: --json FILE"])
    gains = report.insights.get("sharing", {})
    gained = ", ".join(f"{name} {gains[name]:+.1%}" for name in report.tasks if name in gains)
    _print_line(console, "sharing", [f"{gained} of the loss saved"] if gained else [])
    n_revived = report.insights.get("revived", 0)
    networks = "network" if n_revived == 1 else "networks"
    _print_line(console, "revived", [f"{n_revived:,} {networks} that could learn no more"] if n_revived else [])


def _print_drifts(console: Console, report: ReplayReport) -> None:
    for i, drift in enumerate(report.true_drifts):
        what = ", ".join((*drift.tasks, *drift.features))
        line = f"{_words(drift.name)} ({drift.kind}) from event {drift.start_event:,}: {what}"
        _print_line(console, "" if i else "drifts", [line])
    by_signal: dict[tuple[str, str], list[Alarm]] = {}
    for alarm in report.alarms:
        by_signal.setdefault((alarm.subject.value, alarm.name), []).append(alarm)
    for i, ((subject, name), alarms) in enumerate(list(by_signal.items())[:_MAX_LISTED]):
        _print_line(console, "" if i else "alarms", [f"{subject} of {name}: {_alarms(alarms)}"])
    if len(by_signal) > _MAX_LISTED:
        rest = sum(len(alarms) for alarms in list(by_signal.values())[_MAX_LISTED:])
        line = f"and {rest:,} of {len(by_signal) - _MAX_LISTED} more signals; all of them: --json FILE"
        _print_line(console, "", [line])


def _alarms(alarms: Sequence[Alarm]) -> str:
    """Where a signal's alarms were, and from which mean to which it went."""
    shown = [f"{alarm.n_events:,} ({figure(alarm.before)} to {figure(alarm.after)})" for alarm in alarms[:_MAX_LISTED]]
    more = f" and {len(alarms) - _MAX_LISTED} more" if len(alarms) > _MAX_LISTED else ""
    return f"at event {', '.join(shown)}{more}"


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{share:.1%}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _kind(settings: Settings) -> str:
    return str(settings.model_dump(mode="json")["kind"])


def _kind_and_path(settings: Settings) -> str:
    dumped = settings.model_dump(mode="json")
    path = dumped.get("path")
    where = ", ".join(path) if isinstance(path, list) else path
    return f"{dumped['kind']} {where}" if where else str(dumped["kind"])
