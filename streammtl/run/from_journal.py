"""Replaying what a daemon took, in the order in which it took it."""

from __future__ import annotations

from pathlib import Path
from typing import final

from streammtl.clock import Clock
from streammtl.config import RunConfig
from streammtl.errors import ConfigError, SourceError
from streammtl.journal import Runs, read_journal
from streammtl.sources.base import Source
from streammtl.types import Position, Records


def replay_of_journal(config: RunConfig, folder: Path, base: Path, clock: Clock) -> tuple[RunConfig, Source]:
    """The configuration and the source of a replay that follows the journal in `folder` to its end.

    The folder may be that of the checkpoints, which holds the journal. The replay leaves alone what the daemon of the
    same configuration writes: there are no checkpoints and no sinks.
    """
    source = config.source.build(base, clock)
    if not source.needs_journal:
        raise ConfigError("--journal: this source has only one order, and no journal; leave --journal out")
    beside = folder / "journal"
    runs = read_journal(beside if beside.is_dir() else folder)
    quiet = {"checkpoint": config.checkpoint.model_copy(update={"path": None})}
    nothing = dict.fromkeys(("predictions", "metrics", "rejects"))
    quiet_config = config.model_copy(update={**quiet, "sink": config.sink.model_copy(update=nothing)})
    return quiet_config, _Journalled(source, runs)


@final
class _Journalled(Source):
    """The records that a journal names, and then the end."""

    def __init__(self, source: Source, runs: Runs) -> None:
        self._source, self._runs = source, runs

    def open(self, position: Position) -> None:
        """Open the other source where the journal begins."""
        if position:
            raise SourceError("a replay of a journal begins where the journal begins, not at a checkpoint")
        self._source.open(self._runs.starts())
        self._source.follow(self._runs, end=True)

    def poll(self, timeout_s: float) -> Records | None:
        """The next records in the journal's order."""
        return self._source.poll(timeout_s)

    @property
    def n_records(self) -> int | None:
        """As many as the journal has."""
        return self._runs.n_records

    def close(self) -> None:
        """Close the other source."""
        self._source.close()
