"""Commands that write streams, and look into them."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from streammtl.errors import ConfigError
from streammtl.run.commands.shared import INTERRUPTED


@click.command()
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


@click.command()
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
