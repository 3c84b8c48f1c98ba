"""Commands that help with configurations, and run nothing."""

from __future__ import annotations

import json
from pathlib import Path

import click

from streammtl.errors import ConfigError
from streammtl.run.commands.shared import load, overrides_option, write


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@overrides_option
def check(config: Path, overrides: tuple[str, ...]) -> None:
    """Say whether CONFIG is right, without running it."""
    from rich.console import Console

    from streammtl.clock import SystemClock
    from streammtl.run.assemble import build_engine
    from streammtl.run.tables import print_checked

    loaded = load(str(config), overrides)
    engine = build_engine(loaded, Path(), SystemClock())
    loaded.source.build()
    print_checked(Console(), str(config), loaded, engine.learner.layout)


@click.command()
def schema() -> None:
    """Print the JSON schema of configurations, for editors."""
    from streammtl.config_schema import json_schema

    click.echo(json.dumps(json_schema(), indent=1))


@click.command(name="list")
@click.argument("family", required=False)
def list_components(family: str | None) -> None:
    """List the components of FAMILY, or of all families."""
    from rich.console import Console

    from streammtl.run.explain import print_components

    print_components(Console(), family)


@click.command()
@click.argument("what", metavar="FAMILY[/KIND]")
def explain(what: str) -> None:
    """Show what a component does, and its settings.

    E.g. weighting/famo; a family (weighting); or a section of the configuration (join).
    """
    from rich.console import Console

    from streammtl.run.explain import explain as print_explanation

    print_explanation(Console(), what)


@click.command()
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
        write(output, text)
        click.echo(f"wrote {output}; try: streammtl replay {output}", err=True)
