"""The command `streammtl`.

Exit codes: 0 done, also a daemon that was told to stop; 1 something of the world failed (a file, a disk, a damaged
checkpoint, a broker); 2 a wrong setting or argument; 3 a limit of rejected records was passed, after state was saved;
130 interrupted before the end, after the turn was finished and its checkpoint saved.
"""

from __future__ import annotations

from typing import Any

import click

from streammtl.errors import ConfigError, LimitError, StreamMtlError
from streammtl.run.commands.comparisons import compare
from streammtl.run.commands.configurations import check, create, explain, list_components, schema
from streammtl.run.commands.runs import replay, run
from streammtl.run.commands.shared import INTERRUPTED
from streammtl.run.commands.streams import simulate, tail


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


for _command in (replay, compare, run, simulate, check, schema, list_components, explain, create, tail):
    main.add_command(_command)


if __name__ == "__main__":
    main()
