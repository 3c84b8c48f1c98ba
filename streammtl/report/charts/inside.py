"""What goes on inside of the learner: task weights, experts' shares, sharing."""

from __future__ import annotations

from typing import Final

from streammtl.report.charts.base import Chart, Colour, Figures, Key, field, finite, layered, legend, of_events, rows
from streammtl.report.charts.lines import task_lines
from streammtl.report.theme import expert_role
from streammtl.report.words import number, percent

HEIGHT: Final = 180


def weight_chart(figures: Figures, colour: Colour) -> Chart | None:
    """The weights of the tasks' losses; None where they never moved."""
    history = figures["report"]["history"]
    if not history or not weights_moved(figures):
        return None
    values = [
        {"events": events, "task": task, "value": weight}
        for task, weights in history["weights"].items()
        for events, weight in zip(history["events"], weights, strict=True)
        if weight is not None
    ]
    at_end = ", ".join(f"{task} {number(weight)}" for task, weight in figures["weights"].items())
    y = {"axis": {"title": "weight"}, "scale": {"zero": True}}
    return task_lines(
        figures,
        colour,
        values,
        y,
        name="weights",
        title="Task weights",
        form=".3~f",
        text=f"Weight of each task's loss; at the end: {at_end}.",
    )


def weights_moved(figures: Figures) -> bool:
    """Whether any weight was ever another than before."""
    history = figures["report"]["history"]
    return any(max(w, default=0.0) != min(w, default=0.0) for w in map(finite, history.get("weights", {}).values()))


def sharing_chart(figures: Figures, colour: Colour) -> Chart | None:
    """How much of its loss each task saves by learning together with the others."""
    history = figures["report"]["history"]
    if not history or not history["sharing"] or len(history["events"]) < 2:
        return None
    values = [
        {"events": events, "task": task, "value": max(gain, -1.0)}
        for task, gains in history["sharing"].items()
        for events, gain in zip(history["events"], gains, strict=True)
        if gain is not None
    ]
    if not values:
        return None
    at_end = ", ".join(f"{task} {percent(gain)}" for task, gain in figures["insights"].get("sharing", {}).items())
    y = {"axis": {"format": "~%", "title": "loss saved by sharing"}}
    text = f"Share of the loss that a task saves by learning with the others (below 0 it loses); at the end: {at_end}."
    return task_lines(figures, colour, values, y, name="sharing", title="What sharing gains", form=".3~p", text=text)


def expert_chart(figures: Figures, task: str, colour: Colour) -> Chart | None:
    """What each expert counts for in the predictions of a task; None for a model without several experts."""
    history = figures["report"]["history"]
    shares = history.get("shares", {}).get(task, {}) if history else {}
    if len(shares) < 2 or len(history["events"]) < 2:
        return None
    experts = list(shares)
    values = [
        {"events": events, "expert": expert, "share": share, "order": order}
        for order, expert in enumerate(experts)
        for events, share in zip(history["events"], shares[expert], strict=True)
        if share is not None
    ]
    keys = tuple(Key(expert, expert_role(order), "square") for order, expert in enumerate(experts))
    scale, _ = legend(keys, colour, symbol="square")
    y = {
        "field": "share",
        "type": "quantitative",
        "stack": "zero",
        "axis": {"format": "~%", "title": "share"},
        "scale": {"domain": [0, 1]},
    }
    encoding = {
        "x": of_events("events", figures["events"]),
        "y": y,
        "color": {"field": "expert", **scale},
        "order": {"field": "order", "type": "quantitative"},
        "tooltip": [field("expert", "expert"), field("events", "event", ","), field("share", "share", ".3~p")],
    }
    at_end = ", ".join(f"{expert} {percent(share[-1])}" for expert, share in shares.items())
    mark = {"type": "area", "clip": True, "line": False}
    return Chart(
        name=f"experts-{task}",
        title=f"Which expert predicts {task}?",
        text=f"Share of each expert in the predictions along the stream; at the end: {at_end}.",
        spec=layered([{"mark": mark, "encoding": encoding}], height=HEIGHT, data=rows(values)),
        height=HEIGHT,
        keys=keys,
    )
