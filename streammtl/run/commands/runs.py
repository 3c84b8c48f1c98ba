"""Commands that learn: to the end of a stream, or as a daemon."""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streammtl.errors import ConfigError
from streammtl.run.commands.shared import INTERRUPTED, load, overrides_option, write

if TYPE_CHECKING:
    from streammtl.clock import Clock
    from streammtl.config import RunConfig
    from streammtl.run.live import LivePage
    from streammtl.run.observe import Observer


@click.command()
@click.argument("what")
@overrides_option
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write every figure to this file.")
@click.option("--report", "report_path", type=click.Path(path_type=Path), help="Write a page to look at (.html).")
@click.option("--plots", "plots_path", type=click.Path(path_type=Path), help="Write its pictures to this folder.")
@click.option("--resume", is_flag=True, help="Go on from the newest checkpoint, if there is one.")
@click.option(
    "--journal",
    type=click.Path(path_type=Path),
    help="Take what a daemon took, in its order, from its checkpoint folder; no checkpoints and no sinks.",
)
@click.option("--quiet", is_flag=True, help="No progress and no table.")
@click.option(
    "--inject",
    "changes",
    multiple=True,
    metavar="CHANGE",
    help="Put a change into the stream, e.g. '{kind: swap, fields: [a, b], at: 5000}' (repeatable).",
)
@click.option("--live", is_flag=True, help="Serve a page to watch it in a browser, until interrupted.")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Events per second. Default: all it can.")
def replay(
    what: str,
    overrides: tuple[str, ...],
    json_path: Path | None,
    report_path: Path | None,
    plots_path: Path | None,
    resume: bool,
    journal: Path | None,
    quiet: bool,
    changes: tuple[str, ...],
    live: bool,
    rate: float | None,
) -> None:
    """Run a stream to its end.

    WHAT is a configuration file, or the name of a simulator (streammtl list worlds). Interrupted by SIGINT or SIGTERM,
    it finishes its turn, saves a checkpoint if checkpoint.path is set, and exits with 130.
    """
    from rich.console import Console

    from streammtl.clock import SystemClock
    from streammtl.run.inject import inject
    from streammtl.run.loop import Loop
    from streammtl.run.observe import Observers
    from streammtl.run.progress import Bar, ReplayProgress
    from streammtl.run.replay import report_of, true_drifts
    from streammtl.run.signals import stop_on_signals
    from streammtl.run.tables import print_report
    from streammtl.run.throttle import Throttle

    config = inject(load(what, overrides), changes)
    if resume and config.checkpoint.path is None:
        raise ConfigError("--resume needs checkpoint.path, the folder of the checkpoints")
    if json_path is not None and (json_path.is_dir() or not json_path.absolute().parent.is_dir()):
        raise ConfigError(f"--json {json_path}: expected the name of a file in a folder that is there")
    reporting = None
    if report_path is not None or plots_path is not None:
        from streammtl.report.configuration import command_line
        from streammtl.report.reporting import Reporting

        reporting = Reporting(report_path, plots_path, config, command_line(what, overrides, changes))
    clock, source = SystemClock(), None
    if journal is not None:
        from streammtl.run.from_journal import replay_of_journal

        if resume:
            raise ConfigError("--journal replays from the beginning; leave --resume out")
        config, source = replay_of_journal(config, journal, Path(), clock)
    page = _live_page(config, clock) if live else None
    # Before the bar, and while a signal still ends the process: a model may have to be compiled, and says so.
    loop = Loop(config, Path(), clock, source)
    with stop_on_signals() as stop, Bar(Console(stderr=True, quiet=quiet), clock) as bar:
        observers: list[Observer] = [ReplayProgress(bar, loop.source)]
        if page is not None:
            observers.append(page.watch(loop, true_drifts(config)))
        if rate is not None:
            observers.append(Throttle(rate, clock, stop))
        if reporting is not None:
            observers.append(reporting.watch(loop.engine, loop.source, clock))
        ran = loop.run(resume=resume, stop=stop, observer=Observers(*observers))
        report = report_of(config, ran)
    figures = report.to_json() if reporting is None else reporting.figures(report, clock)
    if json_path is not None:
        write(json_path, json.dumps(figures, indent=1) + "\n")
    if not quiet:
        print_report(Console(), report)
    for done in [] if reporting is None else reporting.write(figures):
        click.echo(done, err=True)
    if page is not None and not report.stopped:
        with stop_on_signals() as stop:
            page.stay(stop)
    if report.stopped:
        saved = "" if config.checkpoint.path is None else f"; go on with --resume from {config.checkpoint.path}"
        click.echo(f"streammtl: interrupted before the end of the stream{saved}", err=True)
        sys.exit(INTERRUPTED)


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@overrides_option
def run(config: Path, overrides: tuple[str, ...]) -> None:
    """Run CONFIG as a daemon.

    It goes on from the last checkpoint, until SIGTERM or SIGINT; then it finishes its turn, saves a checkpoint and
    exits with 0.
    """
    from streammtl.run.daemon import run_daemon
    from streammtl.run.signals import ignore_hangup, stop_on_signals

    loaded = load(str(config), overrides, is_daemon=True)
    with ignore_hangup(), stop_on_signals() as stop:
        run_daemon(loaded, stop=stop)
    _end_without_waiting()


def _live_page(config: RunConfig, clock: Clock) -> LivePage:
    """A live page that is served until the command ends."""
    from streammtl.run.live import LivePage  # a server and its client library: a tenth of a second

    return click.get_current_context().with_resource(LivePage(config, clock))


def _end_without_waiting() -> None:
    """End the process now where a client library waits for a broker: nothing of ours is left to do, all is saved.

    An interpreter that takes itself down under the library's threads would wait for them, or crash.
    """
    from streammtl.kafka.call import is_one_waiting

    if is_one_waiting():
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
