"""A report that was asked for: what a run must do for it before, while and after the stream is taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any, final

from streammtl.clock import Clock
from streammtl.config import RunConfig
from streammtl.engine import Engine
from streammtl.errors import ConfigError
from streammtl.report.figures import figures
from streammtl.report.plots import write_plots
from streammtl.report.recorder import Recorder
from streammtl.report.vega import vl_convert
from streammtl.report.write import write_page
from streammtl.run.replay import ReplayReport
from streammtl.sources.base import Source
from streammtl.worlds.base import World


@final
class Reporting:
    """Where the page and the pictures go (None: nowhere), and the recorder that looks on for them.

    Raises `ConfigError` at once where the page or the folder of the pictures could not be written, and
    `MissingExtraError` where charts cannot be drawn: nobody should learn it at the end of a long run.
    """

    def __init__(self, page: Path | None, plots: Path | None, config: RunConfig, command: str) -> None:
        if page is not None and (page.is_dir() or not page.absolute().parent.is_dir()):
            raise ConfigError(f"--report {page}: expected the name of a file in a folder that is there")
        if plots is not None and ((plots.exists() and not plots.is_dir()) or not plots.absolute().parent.is_dir()):
            raise ConfigError(f"--plots {plots}: expected a folder, or the name of a new one in a folder that is there")
        vl_convert("--report" if page is not None else "--plots")
        self._page = page
        self._plots = plots
        self._config = config
        self._command = command
        self._recorder: Recorder | None = None

    def watch(self, engine: Engine, source: Source, clock: Clock) -> Recorder:
        """The observer of the run."""
        world = getattr(self._config.source, "world", None)
        # A world does not know its records before; that there are about two per event is near enough.
        expected = source.n_records or (2 * world.events if isinstance(world, World.Config) else None)
        self._recorder = Recorder(engine, clock, expected)
        return self._recorder

    def figures(self, report: ReplayReport, clock: Clock) -> dict[str, Any]:
        """Every figure of the report, when the run is over."""
        assert self._recorder is not None, "watch the run first"
        return figures(report, self._recorder, self._config, command=self._command, made_s=clock.now())

    def write(self, found: dict[str, Any]) -> list[str]:
        """Write what was asked for; says of each what and where."""
        done = []
        if self._page is not None:
            write_page(found, self._page)
            done.append(f"wrote the report {self._page.absolute()}")
        if self._plots is not None:
            n_files = len(write_plots(found, self._plots))
            done.append(f"wrote {n_files} pictures to {self._plots.absolute()}")
        return done
