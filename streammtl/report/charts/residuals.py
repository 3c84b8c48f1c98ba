"""How wrong predicted values are."""

from __future__ import annotations

from typing import Final

from streammtl.report.charts.base import SHORT_LABEL, Chart, Colour, Figures, Spec, field, layered, rows
from streammtl.report.words import number, several

HEIGHT: Final = 260

#: Labels of a histogram, at least: fewer are no shape.
LEAST_LABELS: Final = 30


def residual_chart(figures: Figures, task: str, colour: Colour) -> Chart | None:
    """A histogram of label - prediction."""
    residuals = figures["report"]["diagnostics"][task].get("residuals")
    if not residuals or residuals["n"] < LEAST_LABELS:
        return None
    total = residuals["n"]
    values = [{**bar, "share": bar["n"] / total} for bar in residuals["bars"]]
    tint = colour(figures["report"]["task_colours"][task])
    x = {
        "field": "from",
        "type": "quantitative",
        "axis": {"labelExpr": SHORT_LABEL, "title": "label − prediction"},
        "scale": {"nice": False, "zero": False},
    }
    tooltip = [field("from", "from", ".3~s"), field("to", "to", ".3~s"), field("share", "share of labels", ".3~p")]
    y = {
        "field": "share",
        "type": "quantitative",
        "axis": {"format": "~%", "title": "share of labels"},
        "scale": {"zero": True},
    }
    rule = {"type": "rule", "color": colour("ink"), "strokeWidth": 1, "strokeDash": [5, 3]}
    layers = [
        {
            "mark": {"type": "rect", "color": tint, "opacity": 0.85, "stroke": colour("paper"), "strokeWidth": 1},
            "encoding": {"x": x, "x2": {"field": "to"}, "y": y, "y2": {"datum": 0}, "tooltip": tooltip},
        },
        {"data": rows([{"zero": 0}]), "mark": rule, "encoding": {"x": {"field": "zero", "type": "quantitative"}}},
    ]
    return Chart(
        name=f"residuals-{task}",
        title=f"How far off is {task}?",
        text=(
            f"Label minus prediction over {several(total, 'label')}: half of them above "
            f"{number(residuals['median'])}, 90% between {number(residuals['p05'])} and "
            f"{number(residuals['p95'])}, mean {number(residuals['mean'])}. "
            "The outermost bars hold the 2% that lie farther out."
        ),
        spec=layered(layers, height=HEIGHT, data=rows(values)),
        height=HEIGHT,
    )


def value_chart(figures: Figures, task: str, colour: Colour) -> Chart | None:
    """Mean label by mean prediction: on the diagonal, predictions are right on average."""
    residuals = figures["report"]["diagnostics"][task].get("residuals")
    points = residuals["values"] if residuals else []
    if len(points) < 2:
        return None
    tint = colour(figures["report"]["task_colours"][task])
    both = [value for point in points for value in (point["predicted"], point["label"])]
    margin = 0.05 * (max(both) - min(both)) or 1.0
    domain = [min(both) - margin, max(both) + margin]
    scale = {"domain": domain, "nice": False, "zero": False}
    axis = {"labelExpr": SHORT_LABEL, "grid": True}
    x = {"field": "predicted", "type": "quantitative", "scale": scale, "axis": axis, "title": "mean prediction"}
    y = {"field": "label", "type": "quantitative", "scale": scale, "axis": axis, "title": "mean label"}
    tooltip = [
        field("predicted", "mean prediction", ".4~g"),
        field("label", "mean label", ".4~g"),
        field("n", "labels", ","),
    ]
    diagonal = [{"predicted": end, "label": end} for end in domain]
    line = {"type": "line", "color": colour("no-change"), "strokeDash": [5, 3], "strokeWidth": 1.5}
    layers: list[Spec] = [
        {"data": rows(diagonal), "mark": line, "encoding": {"x": x, "y": y}},
        {
            "mark": {"type": "point", "filled": True, "color": tint, "size": 45, "opacity": 1},
            "encoding": {"x": x, "y": y, "tooltip": tooltip},
        },
    ]
    worst = max(points, key=lambda point: abs(point["predicted"] - point["label"]))
    return Chart(
        name=f"values-{task}",
        title=f"Are the values of {task} right on average?",
        text=(
            f"Mean label by mean prediction in {several(len(points), 'group')} of labels; the dashed line is perfect. "
            f"They are farthest apart where {number(worst['predicted'])} was predicted and "
            f"{number(worst['label'])} came."
        ),
        spec=layered(layers, height=HEIGHT, data=rows(points)),
        height=HEIGHT,
    )
