"""Every figure of the report as one JSON document: what the page and the pictures draw, and what `--json` writes."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from streammtl.component import members
from streammtl.config import RunConfig
from streammtl.report.configuration import configuration_yaml, versions
from streammtl.report.detection import detect, is_column_of
from streammtl.report.recorder import Recorder
from streammtl.report.theme import colours, task_dash, task_role
from streammtl.run.replay import ReplayReport, without_nan
from streammtl.types import AlarmSubject
from streammtl.worlds.base import TrueDrift

#: Of the layout of the document; grows when something that was there means something else.
VERSION = 1


def figures(
    report: ReplayReport, recorder: Recorder, config: RunConfig, *, command: str, made_s: float
) -> dict[str, Any]:
    """The figures of the replay, and under `report` what was recorded along the stream."""
    recorded = recorder.to_json()
    ends = drift_ends(report.true_drifts, recorded["history"], report.events)
    known_drifts = bool(report.true_drifts or report.best_possible)
    detection = detect(
        report.true_drifts, report.alarms, n_events=report.events, end_events=ends, is_watched=_watched(config)
    )
    document: dict[str, Any] = {
        "version": VERSION,
        "made": datetime.datetime.fromtimestamp(made_s, datetime.UTC).isoformat(timespec="seconds"),
        "command": command,
        "configuration": configuration_yaml(config),
        "versions": versions(),
        "window": config.scores.window,
        "scores": {name: _about_score(task.kind, task.primary) for name, task in report.tasks.items()},
        **recorded,
        "drifts_known": known_drifts,
        "drift_end_events": ends,
        "detection": asdict(detection) if known_drifts else None,
        "cost": _cost(report, recorded),
        "colours": colours(),
        "task_colours": {name: task_role(number) for number, name in enumerate(report.tasks)},
        "task_dashes": {name: task_dash(number) for number, name in enumerate(report.tasks)},
    }
    whole: dict[str, Any] = without_nan({**report.to_json(), "report": document})
    return whole


def _about_score(kind: str, primary: str) -> dict[str, Any]:
    larger: dict[str, bool] = members("metrics")[kind].larger_is_better  # type: ignore[attr-defined]
    return {"primary": primary, "larger_is_better": larger[primary]}


def drift_ends(drifts: Sequence[TrueDrift], history: dict[str, Any], n_events: int) -> list[int]:
    """The number of the last event of each drift, as near as the points of the history tell its time."""
    points = [
        (time_s, events)
        for time_s, events in zip(history.get("time_s", []), history.get("events", []), strict=True)
        if not math.isnan(time_s)
    ]
    ends = []
    for drift in drifts:
        start = min(drift.start_event, n_events)
        # Also where the drift has no time, because the stream has none.
        if not drift.end_s > drift.start_s or not points:
            ends.append(start)
        elif drift.end_s >= points[-1][0]:
            ends.append(n_events)
        else:
            ends.append(max(start, round(float(np.interp(drift.end_s, *np.array(points).T)))))
    return ends


def _watched(config: RunConfig) -> Any:
    """Says of a signal whether a detector looks at it."""
    drift = config.drift
    looked_at = {
        AlarmSubject.ERROR: (drift.error, drift.error_tasks),
        AlarmSubject.FEATURE: (drift.features, drift.feature_columns),
        AlarmSubject.PREDICTION: (drift.predictions, drift.prediction_tasks),
    }

    def is_watched(subject: AlarmSubject, name: str) -> bool:
        detector, names = looked_at[subject]
        return detector is not None and (names is None or any(is_column_of(watched, name) for watched in names))

    return is_watched


def _cost(report: ReplayReport, recorded: dict[str, Any]) -> dict[str, Any]:
    """What the stream cost in this process, without what the report itself did."""
    seconds = max(report.seconds - recorded["seconds_of_report"], 0.0)
    n_events = report.events - recorded["start"]["events"]
    return {
        "events": n_events,
        "seconds": seconds,
        "events_per_s": n_events / seconds if seconds else None,
        "us_per_event": 1e6 * seconds / n_events if n_events else None,
        "stages": dict(report.stages),
    }
