"""How many labels came, and how late."""

from __future__ import annotations

from typing import Final

from streammtl.report.charts.base import Chart, Colour, Figures, field, layered, rows
from streammtl.report.charts.lines import task_lines
from streammtl.report.words import percent, several, span

HEIGHT: Final = 220

_DURATIONS: Final = (0.001, 1, 60, 3600, 86400, 604800, 2592000, 31557600)
_LABEL: Final = (
    "datum.value < 1 ? '1 ms' : datum.value < 60 ? '1 s' : datum.value < 3600 ? '1 min' : "
    "datum.value < 86400 ? '1 h' : datum.value < 604800 ? '1 day' : datum.value < 2592000 ? '1 week' : "
    "datum.value < 31557600 ? '1 month' : '1 year'"
)


def coverage_chart(figures: Figures, colour: Colour) -> Chart | None:
    """The share of the events so far that have a label, by task; None where all always had one."""
    history = figures["report"]["history"]
    if not history or len(history["events"]) < 2:
        return None
    values = [
        {"events": events, "task": task, "value": labels / events}
        for task, lines in history["tasks"].items()
        for events, labels in zip(history["events"], lines["labels"], strict=True)
        if events
    ]
    if all(value["value"] == 1.0 for value in values):
        return None
    at_end = ", ".join(f"{name} {percent(task['coverage'])}" for name, task in figures["tasks"].items())
    y = {"axis": {"format": "~%", "title": "events with a label"}, "scale": {"domainMin": 0}}
    return task_lines(
        figures,
        colour,
        values,
        y,
        name="coverage",
        title="Labels that came",
        form=".3~p",
        text=f"Share of the events so far that have a label; at the end: {at_end}.",
    )


def delay_chart(figures: Figures, task: str, colour: Colour) -> Chart | None:
    """How long the labels of a task took; None where all took the same time."""
    delays = figures["report"]["diagnostics"][task]["delays"]
    if len(delays["bars"]) < 3:
        return None
    tint = colour(figures["report"]["task_colours"][task])
    values = [
        {**bar, "share": bar["n"] / delays["n"], "from": span(bar["from_s"]), "to": span(bar["to_s"])}
        for bar in delays["bars"]
    ]
    low, high = values[0]["from_s"], values[-1]["to_s"]
    ticks = [value for value in _DURATIONS if low / 1.5 <= value <= high * 1.5]
    x = {
        "field": "from_s",
        "type": "quantitative",
        "scale": {"type": "log", "domain": [low, high], "nice": False},
        "axis": {"values": ticks, "labelExpr": _LABEL, "title": "from the event to its label"},
    }
    y = {
        "field": "share",
        "type": "quantitative",
        "axis": {"format": "~%", "title": "share of labels"},
        "scale": {"zero": True},
    }
    tooltip = [field("from", "from"), field("to", "to"), field("share", "share of labels", ".3~p")]
    layer = {
        "mark": {"type": "rect", "color": tint, "opacity": 0.85, "stroke": colour("paper"), "strokeWidth": 1},
        "encoding": {"x": x, "x2": {"field": "to_s"}, "y": y, "y2": {"datum": 0}, "tooltip": tooltip},
    }
    at_once = (
        f" {several(delays['at_once'], 'label')} came with the event and is not in the picture."
        if delays["at_once"]
        else ""
    )
    return Chart(
        name=f"delay-{task}",
        title=f"How late do the labels of {task} come?",
        text=f"Half of the labels came within {span(delays['median_s'])}, 90% within {span(delays['p90_s'])}.{at_once}",
        spec=layered([layer], height=HEIGHT, data=rows(values)),
        height=HEIGHT,
    )
