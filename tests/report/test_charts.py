"""The charts: every one can be drawn, and has the colours and values of the figures."""

from __future__ import annotations

import re
import xml.etree.ElementTree
from pathlib import Path
from typing import Any

import pytest

from streammtl.report import vega
from streammtl.report.charts.base import Chart
from streammtl.report.charts.catalogue import all_charts
from streammtl.report.charts.scores import score_range
from streammtl.report.plots import file_names, write_plots
from streammtl.report.theme import colours, task_dash, task_role, variable
from tests.report.runs import recorded, run_with_report


def values_of(chart: Chart) -> list[dict[str, Any]]:
    values: list[dict[str, Any]] = chart.spec["data"]["values"]
    return values


def charts_of(figures: dict[str, Any]) -> dict[str, Chart]:
    return {chart.name: chart for chart in all_charts(figures, variable)}


def test_each_topic_has_its_chart(figures: dict[str, Any]) -> None:
    names = set(charts_of(figures))
    assert {"drifts", "coverage", "throughput"} <= names
    assert {"score-is_fraud", "score-fraud_kind", "score-next_day_spend"} <= names
    assert {"reliability-fraud_kind", "confusion-fraud_kind", "residuals-next_day_spend", "delay-is_fraud"} <= names


def test_the_curves_are_those_of_the_history(figures: dict[str, Any]) -> None:
    history = figures["report"]["history"]
    for task in ("is_fraud", "fraud_kind", "next_day_spend"):
        values = values_of(charts_of(figures)[f"score-{task}"])
        assert [value["events"] for value in values] == history["events"]
        for value, exact in zip(values, history["tasks"][task]["windowed"], strict=True):
            assert value["windowed"] == (None if exact is None else pytest.approx(exact, rel=1e-5))


def test_a_task_has_its_colour_in_all_charts(figures: dict[str, Any]) -> None:
    charts = charts_of(figures)
    for task, role in figures["report"]["task_colours"].items():
        assert {key.name: key.role for key in charts["coverage"].keys}[task] == role
        others = {key for key in figures["report"]["task_colours"].values() if key != role}
        for name, chart in charts.items():
            if name.endswith(f"-{task}"):
                assert variable(role) in str(chart.spec) or name.startswith("experts")
                assert not any(variable(other) in str(chart.spec) for other in others)


def test_every_colour_of_a_chart_has_a_role(figures: dict[str, Any]) -> None:
    for chart in charts_of(figures).values():
        used = set(re.findall(r"var\(--([\w-]+)\)", str(chart.spec)))
        assert used <= set(figures["report"]["colours"]["light"])
        assert not re.findall(r"#[0-9a-fA-F]{6}", str(chart.spec))


def test_both_themes_have_every_role() -> None:
    assert set(colours()["light"]) == set(colours()["dark"])


def _luminance(colour: str) -> float:
    shares = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_and_lines_stand_out_from_their_paper(theme: str) -> None:
    found = colours()[theme]
    for role in ("ink", "quiet", "accent", "good", "poor"):
        assert _contrast(found[role], found["paper"]) >= 4.5, role
    for role in ("no-change", "best", "alarm", *(f"task-{i}" for i in range(8))):
        assert _contrast(found[role], found["paper"]) >= 3.0, role


def test_twenty_tasks_are_told_apart_by_colour_and_dashes() -> None:
    assert len({(task_role(number), tuple(task_dash(number))) for number in range(20)}) == 20


def test_the_axis_leaves_out_wild_beginnings_and_shows_the_end() -> None:
    lines = {"windowed": [-50.0, *[0.8] * 98, 0.3], "running": [0.7] * 100, "no_change_windowed": [0.6] * 100}
    low, high = score_range(lines, best=0.95)
    assert 0.2 < low < 0.3
    assert 0.95 < high < 1.1


def test_weights_that_move_are_drawn(tmp_path: Path) -> None:
    figures = run_with_report(recorded(tmp_path, 300, weighting="uncertainty"))
    assert "weights" in charts_of(figures)


def test_a_stream_too_short_has_no_pictures(tmp_path: Path) -> None:
    assert not charts_of(run_with_report(recorded(tmp_path, 10)))


@pytest.mark.slow
def test_every_picture_is_written_as_svg_and_png(figures: dict[str, Any], tmp_path: Path) -> None:
    written = write_plots(figures, tmp_path / "plots")
    names = file_names(all_charts(figures, variable))
    assert [path.name for path in written] == [f"{name}.{kind}" for name in names for kind in ("svg", "png")]
    for path in written:
        if path.suffix == ".png":
            assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
        else:
            drawing = xml.etree.ElementTree.fromstring(path.read_text(encoding="utf-8"))
            assert drawing.tag.endswith("svg")
            assert "var(--" not in path.read_text(encoding="utf-8")
            assert len(list(drawing.iter())) > 20


def test_every_chart_compiles(figures: dict[str, Any]) -> None:
    compile_chart = vega.vl_convert("a test").vegalite_to_vega
    for chart in charts_of(figures).values():
        assert compile_chart(chart.spec)["marks"], chart.name
