"""Snapshots: taken rarely, never changed afterwards, and without effect on what is learned."""

from __future__ import annotations

import copy
import itertools

import pytest

from streammtl.digest import digest
from streammtl.evaluate import TaskReport
from streammtl.ops.history import History
from streammtl.ops.snapshot import Snapshot
from tests.engine.streams import documents, engine_of, records_of
from tests.ops.runs import Watched


def test_being_watched_changes_nothing_that_is_learned(run: Watched) -> None:
    run.give(150)
    alone = engine_of()
    alone.feed(records_of(documents(150)))
    assert digest(run.engine.state()) == digest(alone.state())


def test_a_snapshot_is_not_changed_by_later_turns(run: Watched) -> None:
    run.give(100)
    run.be_quiet()
    snapshot = run.monitor.recorder.snapshot
    before = copy.deepcopy(snapshot)
    run.give(200)
    run.be_quiet()
    assert repr(snapshot) == repr(before)
    assert run.monitor.recorder.snapshot.counts["events"] > before.counts["events"]


def test_snapshots_are_half_a_second_apart_however_short_the_turns_are(run: Watched) -> None:
    run.give(100, turns=100, seconds=0.01)
    assert 1 <= run.monitor.recorder.history.latest.number <= 3


@pytest.mark.parametrize(("cost_s", "n_expected"), [(0.002, 10), (0.5, 4)])
def test_snapshots_take_a_thousandth_of_the_time_or_come_every_five_seconds(
    run: Watched, cost_s: float, n_expected: int
) -> None:
    report, asked_s = run.engine.report, []

    def slow_report() -> dict[str, TaskReport]:
        asked_s.append(run.clock.now())
        run.clock.advance(cost_s)
        return report()

    run.engine.report = slow_report  # type: ignore[method-assign]
    run.give(100, turns=200, seconds=0.1)  # 20 s
    assert len(asked_s) == pytest.approx(n_expected, abs=1)


def test_a_quiet_stream_is_told_to_its_last_record(run: Watched) -> None:
    run.give(100, turns=50, seconds=0.001)
    assert run.monitor.recorder.snapshot.counts["records"] < run.engine.totals["records"]
    run.be_quiet()
    assert run.monitor.recorder.snapshot.counts["records"] == run.engine.totals["records"]


def test_a_history_of_any_length_has_few_points_over_all_of_it() -> None:
    history = History(max_points=50)
    for events in range(1, 10_001):
        history.add(Snapshot(stream={"events": events}))
    numbers = [point.events for point in history.points]
    assert 25 <= len(numbers) <= 50
    assert numbers[0] < 400
    assert numbers[-1] > 9_600
    assert len({b - a for a, b in itertools.pairwise(numbers)}) == 1


def test_a_stream_that_stands_still_adds_no_points() -> None:
    history = History()
    for _ in range(10):
        history.add(Snapshot(stream={"events": 5}))
    assert len(history.points) == 1
