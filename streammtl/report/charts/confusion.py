"""Which classes are taken for which."""

from __future__ import annotations

from typing import Final

from streammtl.report.charts.base import Chart, Colour, Figures, field, layered, rows
from streammtl.report.words import percent, several

#: Classes up to which each field has its share written in it.
MAX_WRITTEN: Final = 7


def confusion_chart(figures: Figures, task: str, colour: Colour) -> Chart | None:
    """True classes in rows, predicted ones in columns; each row sums to 100%."""
    confusion = figures["report"]["diagnostics"][task].get("confusion")
    if not confusion or not confusion["classes"]:
        return None
    classes, counts = confusion["classes"], confusion["counts"]
    values = [
        {"true": true, "predicted": predicted, "n": n, "share": n / max(sum(row), 1)}
        for true, row in zip(classes, counts, strict=True)
        for predicted, n in zip(classes, row, strict=True)
    ]
    # What fits beside each other on a phone.
    is_short = len(classes) * max(map(len, classes)) <= 30
    height = max(120, min(420, 44 * len(classes)))
    axis = {"labelAngle": 0 if is_short else -40, "labelLimit": 110, "domain": False, "ticks": False}
    x = {
        "field": "predicted",
        "type": "nominal",
        "sort": classes,
        "axis": {**axis, "orient": "top"},
        "title": "predicted",
    }
    y = {
        "field": "true",
        "type": "nominal",
        "sort": classes,
        "axis": {"labelLimit": 110, "domain": False},
        "title": "true",
    }
    tooltip = [
        field("true", "true"),
        field("predicted", "predicted"),
        field("n", "labels", ","),
        field("share", "of the true class", ".3~p"),
    ]
    opacity = {
        "field": "share",
        "type": "quantitative",
        "scale": {"domain": [0, 1], "range": [0.04, 0.6]},
        "legend": None,
    }
    tint = colour(figures["report"]["task_colours"][task])
    layers = [
        {
            "mark": {"type": "rect", "color": tint, "cornerRadius": 3, "stroke": colour("paper"), "strokeWidth": 2},
            "encoding": {"x": x, "y": y, "fillOpacity": opacity, "tooltip": tooltip},
        }
    ]
    if len(classes) <= MAX_WRITTEN:
        text = {"field": "share", "type": "quantitative", "format": ".0%"}
        layers.append({"mark": {"type": "text", "fontSize": 12}, "encoding": {"x": x, "y": y, "text": text}})
    return Chart(
        name=f"confusion-{task}",
        title=f"Which classes of {task} are mistaken?",
        text=_text(classes, counts),
        spec=layered(layers, height=height, data=rows(values)),
        height=height,
    )


def _text(classes: list[str], counts: list[list[int]]) -> str:
    found = [
        f"{name} {percent(counts[i][i] / sum(counts[i]))} of {sum(counts[i]):,}"
        for i, name in enumerate(classes)
        if sum(counts[i])
    ]
    more = f" and {several(len(found) - 8, 'more class', 'more classes')}" if len(found) > 8 else ""
    return f"Of the labels of each true class, so many were predicted as that class: {', '.join(found[:8])}{more}."
