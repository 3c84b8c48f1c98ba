"""Drifts and alarms along the stream."""

from __future__ import annotations

from typing import Any, Final

from streammtl.report.charts.base import Chart, Colour, Figures, Key, Spec, field, layered, of_events, rows
from streammtl.report.detection import is_column_of
from streammtl.report.words import number, plain, sentence, several

ROW_HEIGHT: Final = 26

#: Signals in the overview; those with most to tell come first.
MAX_SIGNALS: Final = 24

_VERDICTS: Final = {"detects": "detects a drift", "false": "false alarm", "alarm": "alarm"}


def alarm_rows(figures: Figures) -> list[dict[str, Any]]:
    """Every alarm with its verdict, and the drifts that it detects."""
    detection = figures["report"]["detection"]
    drifts_of: dict[int, list[str]] = {}
    for found in detection["found"] if detection else []:
        for index in found["alarms"]:
            drifts_of.setdefault(index, []).append(plain(figures["true_drifts"][found["drift"]]["name"]))
    shown = []
    for index, alarm in enumerate(figures["alarms"]):
        verdict = "alarm" if detection is None else "detects" if index in drifts_of else "false"
        shown.append(
            {
                "events": alarm["events"],
                "signal": signal_name(alarm["subject"], alarm["name"]),
                "name": alarm["name"],
                "subject": alarm["subject"],
                "detector": alarm["detector"],
                "from": number(alarm["before"]),
                "to": number(alarm["after"]),
                "verdict": _VERDICTS[verdict],
                "drift": ", ".join(drifts_of.get(index, [])) or "–",
                "is_false": verdict == "false",
            }
        )
    return shown


def signal_name(subject: str, name: str) -> str:
    """What is watched, for people.

    >>> signal_name("error", "fraud"), signal_name("feature", "amount")
    ('fraud: error', 'amount: feature')
    """
    return f"{name}: {plain(subject)}"


def drift_rows(figures: Figures) -> list[dict[str, Any]]:
    """Every true drift within the stream, with its end along it."""
    ends = figures["report"]["drift_end_events"]
    return [
        {
            "start": drift["start_event"],
            "end": end,
            "drift": plain(drift["name"]),
            "kind": drift["kind"],
            "tasks": drift["tasks"],
            "features": drift["features"],
        }
        for drift, end in zip(figures["true_drifts"], ends, strict=True)
        if drift["start_event"] < figures["events"]
    ]


def event_keys(figures: Figures, task: str | None = None) -> tuple[Key, ...]:
    """What shades and triangles mean, as far as there are any (of the task)."""
    alarms = [
        row for row in alarm_rows(figures) if task is None or (row["name"] == task and row["subject"] != "feature")
    ]
    keys = []
    if any(task is None or task in drift["tasks"] for drift in drift_rows(figures)):
        keys.append(Key("true drift", "drift", "band"))
    if figures["report"]["detection"] is None:
        return (*keys, Key("alarm", "alarm", "triangle")) if alarms else tuple(keys)
    if any(not row["is_false"] for row in alarms):
        keys.append(Key("alarm that detects a drift", "alarm", "triangle"))
    if any(row["is_false"] for row in alarms):
        keys.append(Key("false alarm", "alarm", "hollow"))
    return tuple(keys)


def drift_bands(figures: Figures, colour: Colour, *, task: str) -> Spec | None:
    """The drifts of a task as shaded bands, each with a line where it begins; None: it has none."""
    bands = [
        {"start": drift["start"], "end": drift["end"], "drift": drift["drift"], "kind": drift["kind"]}
        for drift in drift_rows(figures)
        if task in drift["tasks"]
    ]
    if not bands:
        return None
    n_events = figures["events"]
    x, tooltip = of_events("start", n_events), _drift_tooltip()
    return {
        "data": rows(bands),
        "layer": [
            {
                "mark": {"type": "rect", "color": colour("drift"), "opacity": 0.13},
                "encoding": {"x": x, "x2": {"field": "end"}, "tooltip": tooltip},
            },
            {
                "mark": {"type": "rule", "color": colour("drift"), "strokeWidth": 1.5, "opacity": 0.9},
                "encoding": {"x": x, "tooltip": tooltip},
            },
        ],
    }


def _drift_tooltip() -> list[Spec]:
    return [
        field("drift", "drift"),
        field("kind", "kind"),
        field("start", "from event", ","),
        field("end", "to event", ","),
    ]


def alarm_marks(figures: Figures, colour: Colour, *, task: str, height: int) -> list[Spec]:
    """The alarms of a task as triangles on the time axis, hollow where they are false."""
    values = [row for row in alarm_rows(figures) if row["name"] == task and row["subject"] != "feature"]
    if not values:
        return []
    mark = {
        "type": "point",
        "shape": "triangle-up",
        "size": 90,
        "color": colour("alarm"),
        "strokeWidth": 1.5,
        "opacity": 1,
    }
    return [
        {
            "data": rows(values),
            "mark": mark,
            "encoding": {
                "x": of_events("events", figures["events"]),
                "y": {"value": height - 6},
                "fill": _fill(colour),
                "tooltip": _alarm_tooltip(),
            },
        }
    ]


def _fill(colour: Colour) -> Spec:
    return {"condition": {"test": "datum.is_false", "value": colour("paper")}, "value": colour("alarm")}


def _alarm_tooltip() -> list[Spec]:
    return [
        field("signal", "alarm"),
        field("events", "at event", ","),
        field("from", "from"),
        field("to", "to"),
        field("detector", "detector"),
        field("verdict", "verdict"),
        field("drift", "drift"),
    ]


def timeline_chart(figures: Figures, colour: Colour) -> Chart | None:
    """Every signal with a drift or an alarm: when it really changed, and when somebody said so."""
    alarms, drifts = alarm_rows(figures), drift_rows(figures)
    alarmed = dict.fromkeys(alarm["signal"] for alarm in alarms)
    bands = [
        {"signal": signal, "start": drift["start"], "end": drift["end"], "drift": drift["drift"], "kind": drift["kind"]}
        for drift in drifts
        for signal in _signals_of(drift, alarms)
    ]
    errors = [signal_name("error", task) for task in figures["tasks"]]
    known = [*alarmed, *(band["signal"] for band in bands)]
    signals = [s for s in errors if s in known] + [s for s in dict.fromkeys(known) if s not in errors]
    if not signals:
        return None
    n_more, signals = max(0, len(signals) - MAX_SIGNALS), signals[:MAX_SIGNALS]
    n_events, height = figures["events"], ROW_HEIGHT * len(signals)
    y: Spec = {"type": "nominal", "field": "signal", "sort": signals, "title": None}
    axis = {"axis": {"labelLimit": 190, "labelColor": colour("ink"), "grid": True}, "scale": {"domain": signals}}
    y |= axis
    layers: list[Spec] = []
    bands = [band for band in bands if band["signal"] in signals]
    x = of_events("start", n_events)
    if bands:
        band = {"type": "bar", "color": colour("drift"), "opacity": 0.28, "height": ROW_HEIGHT - 10}
        tick = {"type": "tick", "color": colour("drift"), "thickness": 2.5, "height": ROW_HEIGHT - 10}
        tooltip = _drift_tooltip()
        layers.append(
            {
                "data": rows(bands),
                "mark": band,
                "encoding": {"x": x, "x2": {"field": "end"}, "y": y, "tooltip": tooltip},
            }
        )
        layers.append({"data": rows(bands), "mark": tick, "encoding": {"x": x, "y": y, "tooltip": tooltip}})
    shown = [alarm for alarm in alarms if alarm["signal"] in signals]
    if shown:
        mark = {
            "type": "point",
            "shape": "triangle-up",
            "size": 90,
            "color": colour("alarm"),
            "strokeWidth": 1.5,
            "opacity": 1,
        }
        encoding = {"x": of_events("events", n_events), "y": y, "fill": _fill(colour), "tooltip": _alarm_tooltip()}
        layers.append({"data": rows(shown), "mark": mark, "encoding": encoding})
    more = f" {several(n_more, 'more signal')} left out of the picture." if n_more else ""
    return Chart(
        name="drifts",
        title="When alarms came" if figures["report"]["detection"] is None else "When it changed, and when alarms came",
        text=f"{_timeline_text(figures, len(drifts))}{more}",
        spec=layered(layers, height=height),
        height=height,
        keys=event_keys(figures),
    )


def _signals_of(drift: dict[str, Any], alarms: list[dict[str, Any]]) -> list[str]:
    """The rows in which a drift is shown: the errors of its tasks, and its features where one was alarmed."""
    concerned = {
        alarm["signal"] for alarm in alarms if alarm["subject"] == "prediction" and alarm["name"] in drift["tasks"]
    }
    concerned |= {
        alarm["signal"]
        for alarm in alarms
        if alarm["subject"] == "feature" and any(is_column_of(alarm["name"], feature) for feature in drift["features"])
    }
    by_feature = [] if drift["tasks"] else [signal_name("feature", feature) for feature in drift["features"]]
    return [
        *(signal_name("error", task) for task in drift["tasks"]),
        *sorted(concerned),
        *(f for f in by_feature if f not in concerned),
    ]


def _timeline_text(figures: Figures, n_drifts: int) -> str:
    detection = figures["report"]["detection"]
    n_alarms = len(figures["alarms"])
    if detection is None:
        return f"{sentence(several(n_alarms, 'alarm'))} along {figures['events']:,} events; true drifts are not known."
    return (
        f"{sentence(several(n_drifts, 'true drift'))} and {several(n_alarms, 'alarm')} along "
        f"{figures['events']:,} events: "
        f"{several(detection['n_detected'], 'drift')} detected, {detection['n_missed']} missed, "
        f"{several(len(detection['false']), 'false alarm')}."
    )
