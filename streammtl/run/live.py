"""The live page of a replay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import final

import click

from streammtl.clock import Clock
from streammtl.config import RunConfig
from streammtl.errors import ConfigError
from streammtl.ops.monitor import Monitor
from streammtl.run.loop import Loop
from streammtl.run.observe import Observer
from streammtl.worlds.base import TrueDrift

_EVERY_S = 0.2  # somebody watches: more points than a daemon takes,
_SHARE = 0.2  # at more cost


@final
class LivePage:
    """Serves the live page of one replay, from its construction until it is left as a context manager."""

    def __init__(self, config: RunConfig, clock: Clock) -> None:
        self._clock = clock
        self._monitor = Monitor(config, clock, every_s=_EVERY_S, share=_SHARE)
        server = self._monitor.server
        if server is None:
            raise ConfigError("--live needs monitoring.http.port, which is null: set it to auto or to a port")
        self.url = server.url
        click.echo(f"watch it at {self.url}", err=True)

    def watch(self, loop: Loop, drifts: Sequence[TrueDrift]) -> Observer:
        """The observer of this run, whose stream changes as `drifts` say where that is known."""
        self._monitor.attach(loop.engine, loop.source, drifts)
        return self._monitor.observer

    def stay(self, stop: Callable[[], bool]) -> None:
        """The run has ended: show it until somebody says stop."""
        self._monitor.ended()
        click.echo(f"the page stays at {self.url} until you interrupt (Ctrl-C)", err=True)
        while not stop():
            self._clock.sleep(0.1)

    def __enter__(self) -> LivePage:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop serving."""
        self._monitor.close()
