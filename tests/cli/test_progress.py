"""Progress: a smoothed rate, the share that is done, live scores, and alarms."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from streammtl.clock import ManualClock
from streammtl.config import RunConfig
from streammtl.engine import Engine, TurnReport
from streammtl.run.observe import Observer
from streammtl.run.progress import Bar, Rate, ReplayProgress, share_done
from streammtl.run.replay import replay
from streammtl.sources.base import Source
from streammtl.types import Position, Records
from tests.cli.commands import write_small


def test_the_rate_follows_slowly() -> None:
    rate = Rate()
    assert rate.update(1000, seconds=1.0) == 1000.0
    assert 1000.0 < rate.update(3000, seconds=1.0) < 2000.0
    for _ in range(30):
        settled = rate.update(3000, seconds=1.0)
    assert settled == pytest.approx(3000.0, rel=1e-3)


def test_the_rate_of_long_and_short_looks_is_the_same() -> None:
    long, short = Rate(), Rate()
    long.update(100, seconds=1.0)
    short.update(100, seconds=1.0)
    for _ in range(4):
        last = short.update(50, seconds=0.25)
    assert long.update(200, seconds=1.0) == pytest.approx(last)


def test_elsewhere_than_on_a_terminal_there_is_a_line_every_ten_seconds() -> None:
    out, clock = io.StringIO(), ManualClock()
    bar = Bar(Console(file=out, width=80), clock)
    with bar:
        for second in range(1, 26):
            clock.advance(1.0)
            bar.show(100 * second, lambda second=second: second / 50, lambda: "auc 0.9")  # type: ignore[misc]
    assert out.getvalue().splitlines() == [" 20%  1,000 events  100/s  auc 0.9", " 40%  2,000 events  100/s  auc 0.9"]


def test_what_is_not_shown_is_not_computed() -> None:
    def never() -> float | None:
        raise AssertionError("nobody sees it")

    Bar(Console(file=io.StringIO(), width=80), ManualClock()).show(1, never)


def test_a_replay_shows_its_share_its_rate_and_its_scores(tmp_path: Path) -> None:
    config = RunConfig.load(write_small(tmp_path), ["source.max_poll_records=20"], environment={})
    out, clock = io.StringIO(), ManualClock()
    source = config.source.build()
    progress = ReplayProgress(Bar(Console(file=out, width=60), clock), source)

    class Slow(Observer):
        def turn(self, report: TurnReport, engine: Engine) -> None:
            clock.advance(4.0)
            progress.turn(report, engine)

    replay(config, source=source, observer=Slow(), clock=clock)
    lines = out.getvalue().splitlines()
    assert len(lines) == 3  # 10 turns of 4 seconds, a line after every third
    assert "60 events  5/s" in lines[0]
    assert "up auc " in lines[-1]
    assert "size r2 " in lines[-1]


@pytest.mark.parametrize(
    ("progress", "n_records", "expected"),
    [(None, None, None), (0.25, None, 0.25), (None, 400, 0.5), (1.5, 400, 1.0), (None, 100, 1.0), (None, 0, None)],
)
def test_the_share_is_what_the_source_can_tell(
    progress: float | None, n_records: int | None, expected: float | None
) -> None:
    assert share_done(TellingSource(progress, n_records), 200) == expected


class TellingSource(Source):
    """Gives nothing, but tells how far it is."""

    def __init__(self, progress: float | None, n_records: int | None) -> None:
        self._progress, self._n_records = progress, n_records

    def open(self, position: Position) -> None:
        raise NotImplementedError

    def poll(self, timeout_s: float) -> Records | None:
        raise NotImplementedError

    @property
    def n_records(self) -> int | None:
        return self._n_records

    def progress(self) -> float | None:
        return self._progress

    def close(self) -> None:
        pass


def test_on_a_narrow_terminal_the_text_yields_to_the_bar() -> None:
    out, clock = io.StringIO(), ManualClock()
    bar = Bar(Console(file=out, width=80, force_terminal=True, color_system=None), clock)
    with bar:
        clock.advance(1.0)
        bar.show(1000, lambda: 0.5, lambda: "task r2 0.500  " * 20)
    last = [line for line in out.getvalue().replace("\r", "\n").splitlines() if "events" in line][-1]
    assert " 50% " in last
    assert "1,000 events  1,000/s  task r2" in last
    assert last.rstrip().endswith("…")
