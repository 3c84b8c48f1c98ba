"""Lines of all tasks in one picture."""

from __future__ import annotations

from typing import Any, Final

from streammtl.report.charts.base import Chart, Colour, Figures, Key, Spec, field, layered, legend, of_events, rows

HEIGHT: Final = 220


def task_lines(
    figures: Figures,
    colour: Colour,
    values: list[dict[str, Any]],
    y: Spec,
    *,
    name: str,
    title: str,
    form: str,
    text: str,
) -> Chart:
    """A line per task through rows of `events`, `task` and `value`."""
    about = figures["report"]
    tasks = list(figures["tasks"])
    keys = tuple(Key(task, about["task_colours"][task], dash=tuple(about["task_dashes"][task])) for task in tasks)
    scale, dash = legend(keys, colour)
    encoding = {
        "x": of_events("events", figures["events"]),
        "y": {"field": "value", "type": "quantitative", **y},
        "color": {"field": "task", **scale},
        "strokeDash": {"field": "task", **dash},
        "tooltip": [field("task", "task"), field("events", "event", ","), field("value", title, form)],
    }
    mark = {"type": "line", "tooltip": True}
    spec = layered([{"mark": mark, "encoding": encoding}], height=HEIGHT, data=rows(values))
    return Chart(name, title, text, spec, HEIGHT, keys)
