"""The command `streammtl`.

Exit codes: 0 done, also a daemon that was told to stop; 1 something of the world failed (a file, a disk, a damaged
checkpoint, a broker); 2 a wrong setting or argument; 3 a limit of rejected records was passed, after state was saved;
130 interrupted before the end, after the turn was finished and its checkpoint saved.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from streammtl.errors import ConfigError, LimitError, SinkError, StreamMtlError

if TYPE_CHECKING:
    from streammtl.clock import Clock
    from streammtl.config import RunConfig
    from streammtl.run.live import LivePage
    from streammtl.run.observe import Observer

# Everything else is imported inside the commands, so that `streammtl --help` answers at once.

INTERRUPTED = 130  # 128 + SIGINT, as shells have it

_Function = TypeVar("_Function", bound=Callable[..., Any])


class _Commands(click.Group):
    """Turns our errors into one message and an exit code, and lists commands in the order of their use."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except StreamMtlError as error:
            click.echo(f"streammtl: {error}", err=True)
            ctx.exit(2 if isinstance(error, ConfigError) else 3 if isinstance(error, LimitError) else 1)
        except KeyboardInterrupt:
            click.echo("streammtl: interrupted", err=True)
            ctx.exit(INTERRUPTED)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of declaration."""
        return list(self.commands)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="streammtl", prog_name="streammtl")
def main() -> None:
    """Learn several tasks from a stream: predict each event, learn from each label as it arrives."""


def _overrides(function: _Function) -> _Function:
    return click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Override a setting, e.g. --set source.path=data.csv (repeatable).",
    )(function)


@main.command()
@click.argument("what")
@_overrides
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

    config = inject(_load(what, overrides), changes)
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
        _write(json_path, json.dumps(figures, indent=1) + "\n")
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


@main.command()
@click.argument("what", nargs=-1, required=True)
@click.option(
    "--vary",
    "varied",
    multiple=True,
    metavar="KEY=VALUE,VALUE",
    help="Compare these values of a setting, e.g. --vary weighting=equal,famo; several give all combinations.",
)
@click.option(
    "--seeds", type=click.IntRange(min=1), default=5, show_default=True, help="Runs of each, with seeds 0, 1, ..."
)
@click.option("--peers", default="", metavar="KIND,KIND", help="Other learners beside ours: streammtl list peers.")
@click.option("--events", type=click.IntRange(min=1), help="The first events of each stream only.")
@click.option("--reference", metavar="NAME", help="The learner that the others are held against. Default: the first.")
@click.option("--jobs", type=click.IntRange(min=1), help="Runs at a time. Default: one per core.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder of the runs and results."
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Look here, also in subfolders, for files that are not where a configuration says.",
)
@_overrides
@click.option("--quiet", is_flag=True, help="No progress and no tables.")
def compare(
    what: tuple[str, ...],
    varied: tuple[str, ...],
    seeds: int,
    peers: str,
    events: int | None,
    reference: str | None,
    jobs: int | None,
    out: Path,
    data: Path | None,
    overrides: tuple[str, ...],
    quiet: bool,
) -> None:
    """Compare settings, and other learners, on the same streams.

    WHAT are configuration files or names of simulators. Writes results.json, tables.md and compare.html to the folder
    --out, and keeps each finished run there: interrupted and started again, it goes on where it was. Of a simulator,
    each seed is another world. --events counts records where labels are records of their own. Sinks and checkpoints of
    the configurations are not used. Exits with 1 where a run failed.
    """
    from rich.console import Console

    from streammtl.compare.carry_out import PAGE, RESULTS, TABLES, carry_out
    from streammtl.compare.grid import variants
    from streammtl.compare.plan import plan
    from streammtl.run.compare import CompareProgress, n_cores, print_comparison
    from streammtl.run.signals import stop_on_signals

    planned = plan(
        what,
        variants(varied),
        _load,
        peers=peers,
        seeds=seeds,
        events=events,
        overrides=overrides,
        data=data,
        reference=reference,
    )
    n_processes = jobs or n_cores()
    with stop_on_signals() as stop, CompareProgress(Console(stderr=True, quiet=quiet), n_processes) as progress:
        outcome = carry_out(planned, out, n_processes, progress=progress, stop=stop)
    if outcome.summary is None:
        click.echo(
            f"streammtl: interrupted; {outcome.n_kept} of {outcome.n_runs} runs are kept in {out}, and the same "
            "command goes on from there",
            err=True,
        )
        sys.exit(INTERRUPTED)
    if not quiet:
        print_comparison(Console(), outcome.summary)
        click.echo(f"written to {out}: {PAGE}, {TABLES}, {RESULTS}", err=True)
    if outcome.summary.results.errors:
        click.echo(f"streammtl: {len(outcome.summary.results.errors)} of {outcome.n_runs} runs failed", err=True)
        sys.exit(1)


@main.command()
@click.argument("config", type=click.Path(path_type=Path))
@_overrides
def run(config: Path, overrides: tuple[str, ...]) -> None:
    """Run CONFIG as a daemon.

    It goes on from the last checkpoint, until SIGTERM or SIGINT; then it finishes its turn, saves a checkpoint and
    exits with 0.
    """
    from streammtl.run.daemon import run_daemon
    from streammtl.run.signals import ignore_hangup, stop_on_signals

    loaded = _load(str(config), overrides, is_daemon=True)
    with ignore_hangup(), stop_on_signals() as stop:
        run_daemon(loaded, stop=stop)
    _end_without_waiting()


@main.command()
@click.argument("world")
@click.option(
    "--to",
    "destination",
    required=True,
    help="A file (.jsonl, .jsonl.gz), or an embedded log (.log) or Kafka (kafka://host:port) with the topics events "
    "and labels; or the configuration of a run on Kafka (.yaml): what it reads, as its user, with its driver.",
)
@click.option("--events", type=click.IntRange(min=1), help="Number of events.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of everything random.")
@click.option(
    "--rate", type=click.FloatRange(min=0, min_open=True), help="Events per second. Default: as fast as it goes."
)
@click.option("--force", is_flag=True, help="Replace a file that is there; append to topics that have records.")
@click.option(
    "--partitions", type=click.IntRange(min=1), default=1, show_default=True, help="Of Kafka topics that are made."
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting of the world, e.g. --set dirt.malformed=0.01 (repeatable).",
)
def simulate(
    world: str,
    destination: str,
    events: int | None,
    seed: int | None,
    rate: float | None,
    force: bool,
    partitions: int,
    overrides: tuple[str, ...],
) -> None:
    """Write the stream of the simulator WORLD.

    Its ground truth (drifts, best possible scores) goes to NAME.truth.json beside it.
    """
    from rich.console import Console

    from streammtl.clock import SystemClock
    from streammtl.run.progress import Bar
    from streammtl.run.signals import stop_on_signals
    from streammtl.run.simulate import truth_path, world_settings, write_truth, write_world
    from streammtl.run.simulate_kafka import is_kafka

    if is_kafka(destination):
        from streammtl.config import Monitoring
        from streammtl.run.logs import set_up_logs

        set_up_logs(Monitoring(), is_daemon=False)
    settings = world_settings(world, overrides, events=events, seed=seed)
    built, clock = settings.build(), SystemClock()
    with stop_on_signals() as stop:
        with Bar(Console(stderr=True), clock) as bar:
            written = write_world(
                built,
                destination,
                clock,
                rate=rate,
                force=force,
                partitions=partitions,
                stop=stop,
                observe=lambda n_events: bar.show(n_events, lambda: n_events / settings.events),
            )
        write_truth(built, written, truth_path(destination))
    per_s = written.n_events / written.seconds if written.seconds > 0 else 0.0
    click.echo(
        f"wrote {written.n_events:,} events in {written.n_records:,} records to {destination} in "
        f"{written.seconds:.1f} s: {per_s:,.0f} events/s; the truth about them is in {truth_path(destination)}",
        err=True,
    )
    if written.stopped:
        click.echo("streammtl: interrupted before the end of the world", err=True)
        sys.exit(INTERRUPTED)


@main.command()
@click.argument("config", type=click.Path(path_type=Path))
@_overrides
def check(config: Path, overrides: tuple[str, ...]) -> None:
    """Say whether CONFIG is right, without running it."""
    from rich.console import Console

    from streammtl.clock import SystemClock
    from streammtl.run.assemble import build_engine
    from streammtl.run.tables import print_checked

    loaded = _load(str(config), overrides)
    engine = build_engine(loaded, Path(), SystemClock())
    loaded.source.build()
    print_checked(Console(), str(config), loaded, engine.learner.layout)


@main.command()
def schema() -> None:
    """Print the JSON schema of configurations, for editors."""
    from streammtl.config_schema import json_schema

    click.echo(json.dumps(json_schema(), indent=1))


@main.command(name="list")
@click.argument("family", required=False)
def list_components(family: str | None) -> None:
    """List the components of FAMILY, or of all families."""
    from rich.console import Console

    from streammtl.run.explain import print_components

    print_components(Console(), family)


@main.command()
@click.argument("what", metavar="FAMILY[/KIND]")
def explain(what: str) -> None:
    """Show what a component does, and its settings.

    E.g. weighting/famo; a family (weighting); or a section of the configuration (join).
    """
    from rich.console import Console

    from streammtl.run.explain import explain as print_explanation

    print_explanation(Console(), what)


@main.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--tasks", help="Names of the columns to predict, separated by commas. Default: guessed.")
@click.option("--output", "-o", type=click.Path(path_type=Path), help="Write to this file instead of printing.")
def create(data: Path, tasks: str | None, output: Path | None) -> None:
    """Write a commented starting configuration from a sample of DATA (.jsonl, .csv, .parquet, also .gz)."""
    from streammtl.run.create import create_configuration

    if output is not None and output.exists():
        raise ConfigError(f"{output} exists already; remove it or give another name")
    text = create_configuration(data, tuple(name.strip() for name in tasks.split(",")) if tasks else ())
    if output is None:
        click.echo(text, nl=False)
    else:
        _write(output, text)
        click.echo(f"wrote {output}; try: streammtl replay {output}", err=True)


@main.command()
@click.argument("where")
@click.argument("topic", required=False)
@click.option("--follow", "-f", is_flag=True, help="Wait for new records until interrupted.")
@click.option("--last", "-n", type=click.IntRange(min=1), help="Begin with the last N records. Default: all.")
@click.option("--values", "values_only", is_flag=True, help="Only the values, not partition@offset and key.")
def tail(where: str, topic: str | None, follow: bool, last: int | None, values_only: bool) -> None:
    """Print the records of TOPIC, one per line; without TOPIC, the topics.

    WHERE is an embedded log, Kafka (kafka://host:port, also kafka://host:port/topic), or the configuration of a run on
    Kafka: its cluster, with its user and certificates.
    """
    from rich.console import Console

    from streammtl.clock import SystemClock
    from streammtl.run.signals import stop_on_signals
    from streammtl.run.tail import print_topics, tail_topic

    is_kafka = where.startswith("kafka://") or where.endswith((".yaml", ".yml"))
    if is_kafka:
        from streammtl.config import Monitoring
        from streammtl.run.logs import set_up_logs
        from streammtl.run.tail_kafka import find_topic, print_kafka_topics, tail_kafka

        set_up_logs(Monitoring(), is_daemon=False)
        connection, topic = find_topic(where, topic)
    if topic is None:
        if follow or last is not None or values_only:
            raise ConfigError("--follow, --last and --values need a TOPIC")
        print_kafka_topics(Console(), connection) if is_kafka else print_topics(Console(), Path(where))
        return
    with stop_on_signals() as stop:
        out, clock = sys.stdout.buffer, SystemClock()
        if is_kafka:
            tail_kafka(connection, topic, out, last=last, follow=follow, values_only=values_only, stop=stop)
        else:
            tail_topic(Path(where), topic, out, clock, last=last, follow=follow, values_only=values_only, stop=stop)


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


def _live_page(config: RunConfig, clock: Clock) -> LivePage:
    """A live page that is served until the command ends."""
    from streammtl.run.live import LivePage  # a server and its client library: a tenth of a second

    return click.get_current_context().with_resource(LivePage(config, clock))


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SinkError(f"cannot write {path}: {error.strerror}") from None


def _load(what: str, overrides: tuple[str, ...], *, is_daemon: bool = False) -> RunConfig:
    """The configuration of a file or of a simulator's name; relative paths in it are taken from the current folder."""
    from streammtl.component import members
    from streammtl.config import RunConfig
    from streammtl.config_errors import nearest
    from streammtl.run.logs import set_up_logs
    from streammtl.run.replay import world_config

    path = Path(what)
    worlds = members("worlds")
    if path.is_file() or path.suffix in (".yaml", ".yml") or (path.is_dir() and what not in worlds):
        config = RunConfig.load(path, overrides)
    elif what in worlds:
        config = RunConfig.parse(world_config(what), overrides, where=f"the configuration of {what}")
    else:
        raise ConfigError(f"{what!r} is neither a file nor a simulator; {nearest(what, worlds)}")
    set_up_logs(config.monitoring, is_daemon=is_daemon)
    return config


if __name__ == "__main__":
    main()
