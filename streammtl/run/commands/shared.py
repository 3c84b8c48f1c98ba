"""What several commands need."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from streammtl.errors import ConfigError, SinkError

if TYPE_CHECKING:
    from streammtl.config import RunConfig

INTERRUPTED = 130  # 128 + SIGINT, as shells have it

_Function = TypeVar("_Function", bound=Callable[..., Any])


def overrides_option(function: _Function) -> _Function:
    """`--set KEY=VALUE`."""
    return click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Override a setting, e.g. --set source.path=data.csv (repeatable).",
    )(function)


def load(what: str, overrides: tuple[str, ...], *, is_daemon: bool = False) -> RunConfig:
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


def write(path: Path, text: str) -> None:
    """Write a file that was asked for."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SinkError(f"cannot write {path}: {error.strerror}") from None
