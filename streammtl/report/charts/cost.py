"""Where the time went."""

from __future__ import annotations

import itertools
from typing import Any, Final

from streammtl.report.charts.base import (
    Chart,
    Colour,
    Figures,
    Key,
    field,
    layered,
    legend,
    of_events,
    quantile_of,
    rows,
)
from streammtl.report.theme import STAGES
from streammtl.report.words import number

HEIGHT: Final = 220

#: Stretches of the stream over which times are averaged: shorter ones show the machine's other work.
N_STRETCHES: Final = 60


def throughput_chart(figures: Figures, colour: Colour) -> Chart | None:
    """Microseconds per event by stage, along the stream."""
    history = figures["report"]["history"]
    if not history or len(history["events"]) < 4:
        return None
    events, seconds = history["events"], history["seconds"]
    stages = [stage for stage in STAGES if stage in seconds]
    every = max(1, len(events) // N_STRETCHES)
    ends = [*range(every - 1, len(events) - 1, every), len(events) - 1]
    values: list[dict[str, Any]] = []
    for start, end in itertools.pairwise(ends):
        n = events[end] - events[start]
        # After the last event labels still come: their time is in the table, but of no event here.
        if n * 2 * len(ends) < events[-1] - events[0]:
            continue
        for order, stage in enumerate(stages):
            spent = (seconds[stage][end] or 0.0) - (seconds[stage][start] or 0.0)
            values.append({"events": events[end], "stage": stage, "us": 1e6 * spent / n, "order": order})
    if len({value["events"] for value in values}) < 3:
        return None
    totals: dict[int, float] = {}
    for value in values:
        totals[value["events"]] = totals.get(value["events"], 0.0) + value["us"]
    # A moment in which the machine did something else would flatten all others.
    top = min(max(totals.values()), 2.0 * quantile_of(list(totals.values()), 0.9))
    keys = tuple(Key(stage, f"stage-{stage}", "square") for stage in stages)
    scale, _ = legend(keys, colour, symbol="square")
    encoding = {
        "x": of_events("events", figures["events"]),
        "y": {
            "field": "us",
            "type": "quantitative",
            "stack": "zero",
            "axis": {"title": "µs per event"},
            "scale": {"domain": [0, top]},
        },
        "color": {"field": "stage", **scale},
        "order": {"field": "order", "type": "quantitative"},
        "tooltip": [field("stage", "stage"), field("events", "up to event", ","), field("us", "µs per event", ".3~r")],
    }
    total = figures["report"]["cost"]["us_per_event"]
    return Chart(
        name="throughput",
        title="Time per event, by stage",
        text=f"Microseconds per event in each stage along the stream; {number(total)} in all on average.",
        spec=layered(
            [{"mark": {"type": "area", "clip": True}, "encoding": encoding}], height=HEIGHT, data=rows(values)
        ),
        height=HEIGHT,
        keys=keys,
    )
