"""The table at the end of a replay: the primary score first, fewer columns where it is narrow, `-` where nothing is."""

from __future__ import annotations

import io
import math
from dataclasses import replace

import pytest
from rich.console import Console

from streammtl.evaluate import TaskReport
from streammtl.run.replay import ReplayReport
from streammtl.run.tables import figure, print_report
from streammtl.types import Alarm, AlarmSubject
from streammtl.worlds.base import TrueDrift

TASK = TaskReport(
    kind="regression",
    labels=1234,
    expiries=0,
    unscored=0,
    coverage=0.5,
    delay_mean_s=0.0,
    delay_max_s=0.0,
    scores={"mae": 12.3456, "r2": 0.91},
    fading={},
    windowed={"mae": 11.0, "r2": math.nan},
    no_change={"mae": 15.0},
    no_change_fading={},
    no_change_windowed={},
    primary="r2",
)
REPORT = ReplayReport(
    name="plant",
    events=2468,
    labels=1234,
    records=2468,
    seconds=2.0,
    events_per_s=1234.0,
    digest="d" * 64,
    tasks={"load": TASK},
    composite=None,
    best_possible={},
    weights={"load": 1.0},
    insights={},
    alarms=(),
    true_drifts=(),
    join={"matched": 1234, "orphan": 0},
    rejected={"bad_time": 3},
    steps=10,
    steps_skipped=0,
    stages={"learn": 1.5},
    stopped=False,
)


def printed(report: ReplayReport, width: int) -> list[str]:
    out = io.StringIO()
    print_report(Console(file=out, width=width), report)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def row(lines: list[str], start: str) -> list[str]:
    return next(line.split() for line in lines if line.split()[:1] == start.split()[:1])


def alarm(name: str, event: int) -> Alarm:
    return Alarm(AlarmSubject.ERROR, name, "adwin", math.nan, event, "p", event, 0.25, 0.5)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (math.nan, "-"),
        (0.0, "0.0000"),
        (0.91234, "0.9123"),
        (-0.5, "-0.5000"),
        (1.38129, "1.381"),
        (12.3456, "12.35"),
        (123.456, "123.5"),
        (123456.7, "123,457"),
        (0.000123456, "1.235e-04"),
        (2.5e12, "2.500e+12"),
        (math.inf, "inf"),
    ],
)
def test_a_figure_has_the_digits_that_say_something(value: float | None, text: str) -> None:
    assert figure(value) == text


def test_the_primary_score_comes_first_beside_no_change() -> None:
    lines = printed(REPORT, 120)
    assert row(lines, "task") == ["task", "labels", "coverage", "score", "whole", "window", "no-change"]
    assert row(lines, "load") == ["load", "1,234", "50.0%", "r2", "0.9100", "-", "-"]
    assert row(lines, "mae") == ["mae", "12.35", "11.00", "15.00"]


def test_the_primary_score_is_bold() -> None:
    out = io.StringIO()
    print_report(Console(file=out, width=120, force_terminal=True, color_system="standard"), REPORT)
    line = next(line for line in out.getvalue().splitlines() if "0.9100" in line)
    assert "\x1b[1m" in line


def test_a_narrow_terminal_gets_fewer_columns_and_no_longer_lines() -> None:
    lines = printed(replace(REPORT, best_possible={"load": {"r2": 0.95}}), 80)
    assert row(lines, "task") == ["task", "score", "whole", "window", "no-change", "best"]
    assert row(lines, "load") == ["load", "r2", "0.9100", "-", "-", "0.9500"]
    assert max(len(line) for line in lines) <= 80


def test_many_tasks_have_a_line_each() -> None:
    lines = printed(replace(REPORT, tasks={f"task{i:02}": TASK for i in range(40)}), 80)
    assert sum(line.split()[:1] != [] and line.split()[0].startswith("task") for line in lines) == 41
    assert not any(" mae " in line for line in lines)
    assert "one score per task; all of them: --json FILE" in lines


def test_the_lines_below_say_weights_labels_and_rejects() -> None:
    lines = printed(REPORT, 100)
    assert "weights   load 1.000" in lines
    assert "labels    matched 1,234" in lines  # what did not happen is left out
    assert "rejected  bad time 3" in lines
    assert "total     2,468 events, 1,234 labels, 10 steps in 2.00 s: 1,234 events/s" in lines
    assert f"digest    {'d' * 64}" in lines


def test_the_shares_of_experts_are_a_line_per_task() -> None:
    insights = {
        "shares": {"load": {"fast": 0.876, "slow": 0.124}, "price": {"fast": 0.5, "slow": 0.5}},
        "sharing": {"price": -0.002, "load": 0.0314},
        "revived": 2,
    }
    report = replace(REPORT, tasks={"price": TASK, "load": TASK}, insights=insights)
    lines = printed(report, 100)
    at = lines.index("experts   price: fast 50%, slow 50%")  # in the order of the configuration
    assert lines[at + 1 : at + 4] == [
        "          load: fast 88%, slow 12%",
        "sharing   price -0.2%, load +3.1% of the loss saved",
        "revived   2 networks that could learn no more",
    ]


def test_one_expert_alone_is_not_worth_a_line() -> None:
    lines = printed(replace(REPORT, insights={"shares": {"load": {"only": 1.0}}, "revived": 0}), 100)
    assert not any(line.startswith(("experts", "sharing", "revived")) for line in lines)


def test_the_experts_of_very_many_tasks_are_counted() -> None:
    names = [f"task{i:02}" for i in range(40)]
    insights = {"shares": {name: {"fast": 1.0, "slow": 0.0} for name in names}}
    lines = printed(replace(REPORT, tasks=dict.fromkeys(names, TASK), insights=insights), 100)
    assert sum("fast 100%, slow 0%" in line for line in lines) == 12
    assert "          and of 28 more tasks; all of them: --json FILE" in lines


def test_alarms_are_one_line_per_signal() -> None:
    lines = printed(replace(REPORT, alarms=(alarm("load", 100), alarm("price", 200), alarm("load", 1300))), 100)
    assert "alarms    error of load: at event 100 (0.2500 to 0.5000), 1,300 (0.2500 to 0.5000)" in lines
    assert "          error of price: at event 200 (0.2500 to 0.5000)" in lines


def test_very_many_alarms_are_counted() -> None:
    many = tuple(alarm(f"x{i % 30}", i) for i in range(900))
    text = " ".join(" ".join(printed(replace(REPORT, alarms=many), 100)).split())
    assert "and 18 more" in text
    assert "and 540 of 18 more signals; all of them: --json FILE" in text


def test_true_drifts_are_told() -> None:
    drift = TrueDrift("new_attack", "abrupt", ("load",), ("amount",), 0.0, 0.0, 12_000, "")
    lines = printed(replace(REPORT, true_drifts=(drift,)), 100)
    assert "drifts    new attack (abrupt) from event 12,000: load, amount" in lines
