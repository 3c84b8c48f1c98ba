"""The charts of a comparison as Vega-Lite specifications.

Shape suffix: V learners.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from streammtl.compare.markdown import mean_costs
from streammtl.compare.statistics import MIN_SEEDS
from streammtl.compare.summary import Summary
from streammtl.report.charts.base import Chart, Colour, Spec, field, layered, rows
from streammtl.report.theme import N_EXPERT_COLOURS, N_TASK_COLOURS, expert_role, task_role
from streammtl.report.words import score_name

_ROW: Final = 26  # pixels of a learner's row among the ranks
_OFFSET_ROW: Final = 11  # and of a learner within a task
_GAP: Final = 16  # between two tasks
#: Shapes beside the colours, so that nothing is told by colour alone.
_SHAPES: Final = {
    "circle": "●",
    "square": "■",
    "triangle-up": "▲",
    "diamond": "◆",
    "cross": "✚",
    "triangle-down": "▼",
    "triangle-right": "▶",
    "triangle-left": "◀",
}
#: Differences below it are drawn in proportion, those above it by their logarithm: a run that failed badly would
#: otherwise press all others together.
_LINEAR_UP_TO: Final = 0.01
_TICKS: Final = (-10, -1, -0.1, -0.03, -0.01, 0, 0.01, 0.03, 0.1, 1, 10)


_SIGNED: Final = "datum.value === 0 ? '0' : format(datum.value, '+~g')"


def charts_of(summary: Summary, colour: Colour) -> list[Chart]:
    """All that have something to show, in the order of the page."""
    results = summary.results
    made = [rank_chart(summary, colour), cost_chart(summary, colour)]
    made += [difference_chart(summary, x, colour) for x in range(len(results.streams))]
    return [chart for chart in made if chart is not None]


def rank_chart(summary: Summary, colour: Colour) -> Chart | None:
    """The mean rank of each learner, with the critical difference from the best."""
    results = summary.results
    order = [v for v in summary.order if not math.isnan(summary.rank_V[v])]
    if len(order) < 2:
        return None
    names = [results.learners[v] for v in order]
    values: list[dict[str, Any]] = [
        {"learner": results.learners[v], "rank": float(summary.rank_V[v]), "first": 1.0} for v in order
    ]
    x = {"type": "quantitative", "scale": {"domain": [1, len(order)], "nice": False}, "title": "mean rank, 1 is best"}
    y = {"field": "learner", "type": "nominal", "sort": names, "title": None, "axis": {"labelLimit": 260}}
    best, test = values[0]["rank"], summary.test
    text = "Mean rank over all tasks: " + ", ".join(f"{one['learner']} {one['rank']:.2f}" for one in values) + "."
    layers: list[Spec] = []
    if test is not None and len(results.seeds) >= MIN_SEEDS:
        reach = {"from": best, "to": min(best + test.critical_difference, float(len(order)))}
        layers.append(
            {
                "data": rows([reach]),
                "mark": {"type": "rect", "color": colour("accent"), "opacity": 0.14},
                "encoding": {"x": {"field": "from", **x}, "x2": {"field": "to"}},
            }
        )
        reached = f"the critical difference, {test.critical_difference:.2f}"
        text += f" Learners in the shaded stretch are closer to the best than {reached}."
    line = {
        "mark": {"type": "rule", "color": colour("line")},
        "encoding": {"y": y, "x": {"field": "first", **x}, "x2": {"field": "rank"}},
    }
    dots = {
        "mark": {"type": "point", "filled": True, "size": 90, "opacity": 1},
        "encoding": {
            "y": y,
            "x": {"field": "rank", **x},
            "color": _colour(results.learners, names, colour),
            "shape": _shape(results.learners, names),
            "tooltip": [field("learner", "learner"), field("rank", "mean rank", ".2f")],
        },
    }
    height = _ROW * len(order)
    return Chart("ranks", "Mean ranks", text, layered([*layers, line, dots], height=height, data=rows(values)), height)


def difference_chart(summary: Summary, stream: int, colour: Colour) -> Chart | None:
    """How far each learner is from the reference on each task of a stream."""
    results = summary.results
    places = [p for p, place in enumerate(results.places) if place.stream == results.streams[stream]]
    names = [results.learners[v] for v in summary.order if results.learners[v] in summary.differences]
    values = [_row(summary, name, p) for name in names for p in places]
    shown = [row for row in values if row["difference"] is not None]
    if not shown:
        return None
    tasks = [f"{results.places[p].task} ({score_name(results.places[p].score)})" for p in places]
    ends = [abs(row[key]) for row in shown for key in ("difference", "low", "high") if row[key] is not None]
    reach = max(1.15 * max(ends), _LINEAR_UP_TO)
    x = {
        "type": "quantitative",
        "scale": {"type": "symlog", "constant": _LINEAR_UP_TO, "domain": [-reach, reach], "nice": False},
        "axis": {
            "values": [t for t in _TICKS if abs(t) <= reach],
            "labelExpr": _SIGNED,
            "grid": True,
            "labelOverlap": "greedy",
        },
        "title": "← worse · better →",
    }
    y = {"field": "task", "type": "nominal", "sort": tasks, "title": None, "axis": {"labelLimit": 240}}
    offset = {"field": "learner", "type": "nominal", "sort": names}
    colours, shapes = _colour(results.learners, names, colour), _shape(results.learners, names)
    tips = [
        field("learner", "learner"),
        field("task", "task"),
        field("difference", "difference", "+.4f"),
        field("low", "from", "+.4f"),
        field("high", "to", "+.4f"),
        field("verdict", "verdict"),
    ]
    encoding = {"y": y, "yOffset": offset, "color": colours}
    decided = "datum.verdict === 'better' || datum.verdict === 'worse'"
    layers: list[Spec] = [
        {
            "data": rows([{}]),
            "mark": {"type": "rule", "color": colour("quiet"), "strokeWidth": 1},
            "encoding": {"x": {"datum": 0, **x}},
        },
        {
            "transform": [{"filter": "isValid(datum.low)"}],
            "mark": {"type": "rule", "strokeWidth": 1.5},
            "encoding": {**encoding, "x": {"field": "low", **x}, "x2": {"field": "high"}},
        },
    ]
    for test, is_filled in ((f"!({decided})", False), (decided, True)):
        layers.append(
            {
                "transform": [{"filter": test}],
                "mark": {"type": "point", "filled": is_filled, "size": 60 if is_filled else 45, "opacity": 1},
                "encoding": {**encoding, "shape": shapes, "x": {"field": "difference", **x}, "tooltip": tips},
            }
        )
    height = len(tasks) * (_GAP + _OFFSET_ROW * len(names))
    spec = layered(layers, height=height, data=rows(shown))
    title = f"Difference from {results.reference} on {results.streams[stream]}"
    return Chart(f"differences-{stream}", title, _about(summary, values), spec, height)


def _row(summary: Summary, name: str, p: int) -> dict[str, Any]:
    place, found = summary.results.places[p], summary.differences[name][p]
    return {
        "learner": name,
        "task": f"{place.task} ({score_name(place.score)})",
        "difference": found.mean if math.isfinite(found.mean) else None,
        "low": found.low if math.isfinite(found.low) else None,
        "high": found.high if math.isfinite(found.high) else None,
        "verdict": {"noise": "within noise", "unclaimed": "too few seeds"}.get(found.verdict, found.verdict),
        "diverged": math.isinf(found.mean),
    }


def _about(summary: Summary, values: Sequence[dict[str, Any]]) -> str:
    n = len(summary.results.seeds)
    text = f"Mean of {n} seed{'s' if n > 1 else ''}, paired"
    if n >= MIN_SEEDS:
        text += ", with its 95 % interval; filled where better or worse, hollow where within noise."
    else:
        text += f"; fewer than {MIN_SEEDS} seeds, so there are no intervals and all dots are hollow."
    diverged = [f"{row['learner']} on {row['task']}" for row in values if row["diverged"]]
    return f"{text} Not shown, because one of the two diverged: {'; '.join(diverged)}." if diverged else text


def cost_chart(summary: Summary, colour: Colour) -> Chart | None:
    """What the ranks cost: mean rank against processor time per event."""
    results = summary.results
    cost_V = mean_costs(results.cost_us_VX)
    order = [v for v in summary.order if not math.isnan(summary.rank_V[v]) and not math.isnan(cost_V[v])]
    if len(order) < 2:
        return None
    names = [results.learners[v] for v in order]
    values: list[dict[str, Any]] = [
        {"learner": results.learners[v], "rank": float(summary.rank_V[v]), "cost": float(cost_V[v])} for v in order
    ]
    costs = [row["cost"] for row in values]
    x = {
        "field": "cost",
        "type": "quantitative",
        "scale": {"type": "log", "domain": [0.7 * min(costs), 1.4 * max(costs)], "nice": False},
        "axis": {"format": "~s", "grid": True, "tickCount": 6},
        "title": "µs of processor time per event",
    }
    y = {
        "field": "rank",
        "type": "quantitative",
        "scale": {"domain": [len(order), 1], "nice": False, "zero": False},
        "title": "mean rank, best above",
    }
    tips = [field("learner", "learner"), field("rank", "mean rank", ".2f"), field("cost", "µs per event", ",.1f")]
    dots = {
        "mark": {"type": "point", "filled": True, "size": 110, "opacity": 1},
        "encoding": {
            "x": x,
            "y": y,
            "color": _colour(results.learners, names, colour),
            "shape": _shape(results.learners, names),
            "tooltip": tips,
        },
    }
    text = "Mean rank, and the geometric mean over the streams of the processor time per event: " + ", ".join(
        f"{row['learner']} {row['rank']:.2f} at {row['cost']:,.0f} µs" for row in values
    )
    return Chart("cost", "Rank against time", f"{text}.", layered([dots], height=240, data=rows(values)), 240)


def _colour(learners: Sequence[str], shown: Sequence[str], colour: Colour) -> Spec:
    """The page has a key of its own beside the charts, which finds room on a phone too."""
    scale = {"domain": list(shown), "range": [colour(role_of(learners, name)) for name in shown]}
    return {"field": "learner", "type": "nominal", "scale": scale, "legend": None}


def role_of(learners: Sequence[str], name: str) -> str:
    """The colour's role of a learner, the same in every chart; those of tasks first, then those of experts."""
    number = learners.index(name) % (N_TASK_COLOURS + N_EXPERT_COLOURS)
    return task_role(number) if number < N_TASK_COLOURS else expert_role(number - N_TASK_COLOURS)


def sign_of(learners: Sequence[str], name: str) -> str:
    """The shape of a learner's marks as a letter."""
    return _SHAPES[_shape_of(learners, name)]


def _shape_of(learners: Sequence[str], name: str) -> str:
    number = learners.index(name)
    n_rounds = number // (N_TASK_COLOURS + N_EXPERT_COLOURS)  # who has the colour of another has not its shape
    return list(_SHAPES)[(number + n_rounds) % len(_SHAPES)]


def _shape(learners: Sequence[str], shown: Sequence[str]) -> Spec:
    scale = {"domain": list(shown), "range": [_shape_of(learners, name) for name in shown]}
    return {"field": "learner", "type": "nominal", "scale": scale, "legend": None}
