"""Learners against each other on the same streams."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from streammtl.run.commands.shared import INTERRUPTED, load, overrides_option


@click.command()
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
@overrides_option
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
        load,
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
