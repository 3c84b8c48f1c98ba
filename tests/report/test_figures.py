"""The figures of a report: complete, JSON, and a function of the stream."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from streammtl.config import RunConfig
from streammtl.report.charts.drifts import alarm_rows
from streammtl.report.configuration import HIDDEN, command_line, configuration_yaml, without_secrets
from streammtl.report.figures import drift_ends
from streammtl.run.replay import replay, world_config
from streammtl.worlds.base import TrueDrift
from tests.report.runs import fraud, recorded, run_with_report

TIMES = ("seconds", "events_per_s", "stages", "made", "cost", "seconds_of_report")


def without_times(figures: dict[str, Any]) -> dict[str, Any]:
    figures = {key: value for key, value in figures.items() if key not in TIMES}
    report = {key: value for key, value in figures["report"].items() if key not in (*TIMES, "configuration")}
    history = {key: value for key, value in report["history"].items() if key != "seconds"}
    return {**figures, "report": {**report, "history": history}}


def test_the_figures_are_json(figures: dict[str, Any]) -> None:
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures


def test_polls_of_1_and_of_5000_give_the_same_figures(tmp_path: Path) -> None:
    config = recorded(tmp_path, 450)
    polls = [config.source.model_copy(update={"max_poll_records": size}) for size in (1, 5000)]
    found = [run_with_report(config.model_copy(update={"source": source})) for source in polls]
    assert without_times(found[0]) == without_times(found[1])


@pytest.mark.slow
def test_polls_of_1_and_of_5000_give_the_same_figures_of_a_world() -> None:
    config = fraud(400)
    polls = [config.source.model_copy(update={"max_poll_records": size}) for size in (1, 5000)]
    found = [run_with_report(config.model_copy(update={"source": source})) for source in polls]
    assert without_times(found[0]) == without_times(found[1])


def test_the_report_does_not_change_what_is_learned(tmp_path: Path) -> None:
    config = recorded(tmp_path, 450)
    assert replay(config).digest == run_with_report(config)["digest"]


def test_the_history_ends_with_the_figures_of_the_run(figures: dict[str, Any]) -> None:
    history = figures["report"]["history"]
    assert history["records"][-1] == figures["records"]
    assert history["events"] == sorted(set(history["events"]))
    for name, task in figures["tasks"].items():
        lines = history["tasks"][name]
        assert lines["running"][-1] == task["scores"][task["primary"]]
        assert lines["windowed"][-1] == task["windowed"][task["primary"]]
        assert lines["labels"][-1] == task["labels"]
    assert {name: weights[-1] for name, weights in history["weights"].items()} == figures["weights"]


def test_every_scored_label_is_in_the_diagrams(figures: dict[str, Any]) -> None:
    for name, task in figures["tasks"].items():
        diagnostics = figures["report"]["diagnostics"][name]
        n_scored = task["labels"] + task["expiries"] - task["unscored"]
        if "reliability" in diagnostics:
            assert sum(point["n"] for point in diagnostics["reliability"]) == n_scored
        if "confusion" in diagnostics:
            assert sum(map(sum, diagnostics["confusion"]["counts"])) == n_scored
        if "residuals" in diagnostics:
            assert diagnostics["residuals"]["n"] == n_scored
        assert diagnostics["delays"]["n"] == task["labels"]


def test_each_alarm_detects_a_drift_or_is_false(figures: dict[str, Any]) -> None:
    detection = figures["report"]["detection"]
    detecting = {alarm for found in detection["found"] for alarm in found["alarms"]}
    assert detecting | set(detection["false"]) == set(range(len(figures["alarms"])))
    assert not detecting & set(detection["false"])
    assert [row["is_false"] for row in alarm_rows(figures)] == [
        index in detection["false"] for index in range(len(figures["alarms"]))
    ]
    assert figures["alarms"], "a stream that says nothing of this test"


def test_a_recorded_stream_has_no_verdict_on_its_alarms(tmp_path: Path) -> None:
    figures = run_with_report(recorded(tmp_path, 300))
    assert figures["report"]["detection"] is None
    assert not figures["report"]["drifts_known"]


@pytest.mark.parametrize(("end_s", "expected"), [(math.nan, 10), (5.0, 10), (20.0, 40), (35.0, 70), (99.0, 80)])
def test_the_end_of_a_drift_is_found_by_its_time(end_s: float, expected: int) -> None:
    history = {"time_s": [math.nan, 10.0, 20.0, 30.0, 40.0], "events": [5, 20, 40, 60, 80]}
    drift = TrueDrift("it", "gradual", ("up",), (), 5.0, end_s, 10, "")
    assert drift_ends([drift], history, n_events=80) == [expected]


def test_a_stream_of_nothing_has_a_report(tmp_path: Path) -> None:
    figures = run_with_report(recorded(tmp_path, 0))
    assert figures["events"] == 0
    assert figures["report"]["cost"]["us_per_event"] is None


def test_after_a_resume_the_report_says_where_it_begins(tmp_path: Path) -> None:
    changes = {"checkpoint": {"path": str(tmp_path / "state")}}
    config = recorded(tmp_path, 300, **changes)
    run_with_report(config)
    longer = recorded(tmp_path, 500, **changes)
    figures = run_with_report(longer, resume=True)
    report = figures["report"]
    assert (report["start"]["records"], report["start"]["events"]) == (300, 300)
    assert figures["events"] == 500
    assert report["cost"]["events"] == 200
    assert sum(point["n"] for point in report["diagnostics"]["up"]["reliability"]) == 200
    assert report["history"]["events"][0] > 300


@pytest.mark.parametrize("overrides", [[], ["weighting={kind: famo, rate: 0.1}"], ["drift.features=kswin"]])
def test_the_configuration_on_the_page_makes_the_same_run(tmp_path: Path, overrides: list[str]) -> None:
    config = RunConfig.parse(world_config("fraud"), overrides, environment={})
    path = tmp_path / "again.yaml"
    path.write_text(configuration_yaml(config), encoding="utf-8")
    assert RunConfig.load(path, environment={}).model_dump() == config.model_dump()


@pytest.mark.parametrize(
    "settings",
    [
        {"password": "hunter2"},
        {"sink": [{"sasl_plain_password": "hunter2"}]},
        {"url": "https://ann:hunter2@example.org/x"},
        {"API_KEY": "hunter2"},
    ],
)
def test_secrets_are_hidden(settings: dict[str, Any]) -> None:
    shown = json.dumps(without_secrets(settings))
    assert "hunter2" not in shown
    assert HIDDEN in shown


def test_what_only_sounds_like_a_secret_is_shown() -> None:
    settings = {"features": {"token": {"kind": "categorical"}}, "password_file": "/run/secret", "password": None}
    assert without_secrets(settings) == settings


def test_the_command_can_be_given_to_a_shell() -> None:
    command = command_line("my run.yaml", ["a=1", "source.password=hunter2"], ["{kind: swap}"])
    assert (
        command == "streammtl replay 'my run.yaml' --set a=1 --set 'source.password=(hidden)' --inject '{kind: swap}'"
    )
