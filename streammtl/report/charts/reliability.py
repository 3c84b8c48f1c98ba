"""Whether probabilities can be taken at their word."""

from __future__ import annotations

import math
from typing import Final

from streammtl.report.charts.base import Chart, Colour, Figures, Spec, field, layered, rows
from streammtl.report.words import percent, several

HEIGHT: Final = 260

#: Probabilities that an axis of logits may show; the labels are written by `_LABEL`.
_TICKS: Final = (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999)
_LABEL: Final = "format(1 / (1 + exp(-datum.value)), '~%')"


def reliability_chart(figures: Figures, task: str, colour: Colour) -> Chart | None:
    """Observed share by published probability, both on an axis of logits, so that rare things can be read too."""
    diagnostics = figures["report"]["diagnostics"][task]
    points = diagnostics.get("reliability")
    if not points or len(points) < 2:
        return None
    edge = _edge([point["mean"] for point in points])
    is_top = "confusion" in diagnostics
    values = [
        {
            "x": _logit(point["mean"], edge),
            "y": _logit(point["observed"], edge),
            "low": _logit(point["low"], edge),
            "high": _logit(point["high"], edge),
            "mean": point["mean"],
            "observed": point["observed"],
            "n": point["n"],
        }
        for point in points
    ]
    ends = [min(value["x"] for value in values), max(value["x"] for value in values)]
    domain = [min(ends[0], *(v["y"] for v in values)) - 0.4, max(ends[1], *(v["y"] for v in values)) + 0.4]
    ticks = [math.log(p / (1.0 - p)) for p in _TICKS]
    axis = {"values": ticks, "labelExpr": _LABEL, "grid": True}
    scale = {"domain": domain, "nice": False, "zero": False}
    x = {
        "field": "x",
        "type": "quantitative",
        "scale": scale,
        "axis": axis,
        "title": "confidence" if is_top else "predicted",
    }
    y = {
        "field": "y",
        "type": "quantitative",
        "scale": scale,
        "axis": axis,
        "title": "was right" if is_top else "happened",
    }
    mean = "mean confidence" if is_top else "mean prediction"
    tooltip = [
        field("mean", mean, ".3~p"),
        field("observed", "was right" if is_top else "happened", ".3~p"),
        field("n", "labels", ","),
    ]
    tint = colour(figures["report"]["task_colours"][task])
    diagonal = [{"x": domain[0], "y": domain[0]}, {"x": domain[1], "y": domain[1]}]
    layers: list[Spec] = [
        {
            "data": rows(diagonal),
            "mark": {"type": "line", "color": colour("no-change"), "strokeDash": [5, 3], "strokeWidth": 1.5},
            "encoding": {"x": x, "y": y},
        },
        {
            "mark": {"type": "rule", "color": tint, "strokeWidth": 1.5, "opacity": 0.6, "clip": True},
            "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
        },
        {
            "mark": {"type": "point", "filled": True, "color": tint, "size": 45, "opacity": 1},
            "encoding": {"x": x, "y": y, "tooltip": tooltip},
        },
    ]
    return Chart(
        name=f"reliability-{task}",
        title=f"Is the confidence in {task} deserved?" if is_top else f"Do the probabilities of {task} come true?",
        text=_text(points, is_top),
        spec=layered(layers, height=HEIGHT, data=rows(values)),
        height=HEIGHT,
    )


def _logit(share: float, edge: float) -> float:
    if share <= 0.0 or share >= 1.0:
        return edge if share >= 1.0 else -edge
    return max(-edge, min(edge, math.log(share / (1.0 - share))))


def _edge(means: list[float]) -> float:
    """How far the axes go, at most: where a share is 0 or 1 its point lies a little beyond the others."""
    return min(9.5, max([2.5, *(abs(_logit(mean, 9.0)) for mean in means)]) + 0.7)


def _text(points: list[dict[str, float]], is_top: bool) -> str:
    n = sum(point["n"] for point in points)
    off = sum(abs(point["mean"] - point["observed"]) * point["n"] for point in points) / n
    what = "the predicted class was right" if is_top else "it happened"
    worst = max(points, key=lambda point: abs(point["mean"] - point["observed"]))
    return (
        f"How often {what}, by published probability, in {several(len(points), 'group')} of labels with 95% intervals; "
        f"the dashed line is perfect. On average they are {percent(off)} apart; most where "
        f"{percent(worst['mean'])} was said and {percent(worst['observed'])} came."
    )
