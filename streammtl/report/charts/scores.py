"""The score of a task along the stream."""

from __future__ import annotations

from typing import Any, Final

from streammtl.report.charts.base import (
    Chart,
    Colour,
    Figures,
    Key,
    Spec,
    field,
    finite,
    layered,
    legend,
    of_events,
    quantile_of,
    rows,
)
from streammtl.report.charts.drifts import alarm_marks, drift_bands, event_keys
from streammtl.report.words import number, score_name, sentence, several

HEIGHT: Final = 260


def score_chart(figures: Figures, task: str, colour: Colour) -> Chart | None:
    """Windowed and running score beside no-change and the best possible one, with the drifts and alarms of the task."""
    history = figures["report"]["history"]
    if not history or len(finite(history["tasks"][task]["windowed"])) < 2:
        return None
    about = figures["report"]["scores"][task]
    lines = history["tasks"][task]
    best = figures["best_possible"].get(task, {}).get(about["primary"])
    values = [
        {"events": events, "windowed": windowed, "running": running, "no_change": no_change}
        for events, windowed, running, no_change in zip(
            history["events"], lines["windowed"], lines["running"], lines["no_change_windowed"], strict=True
        )
    ]
    low, high = score_range(lines, best)
    shown = score_name(about["primary"])
    n_events = figures["events"]
    tint = figures["report"]["task_colours"][task]
    keys = [
        Key(f"last {figures['report']['window']:,} labels", tint),
        Key("since the start", tint, dash=(2, 2)),
        Key(f"no change{_where(lines, low, high)}", "no-change", dash=(5, 3)),
        *([Key("best possible", "best", dash=(1, 4))] if best is not None else []),
    ]
    scale, dash = legend(keys, colour)
    names = [key.name for key in keys]
    x = of_events("events", n_events)
    y = {"type": "quantitative", "scale": {"domain": [low, high], "nice": False, "zero": False}, "title": shown}

    def line(column: str, name: str, width: float, opacity: float) -> Spec:
        return {
            "mark": {"type": "line", "clip": True, "strokeWidth": width, "opacity": opacity},
            "encoding": {
                "x": x,
                "y": {"field": column, **y},
                "color": {"datum": name, **scale},
                "strokeDash": {"datum": name, **dash},
            },
        }

    layers = [drift_bands(figures, colour, task=task)]
    if best is not None:
        rule = {
            "y": {"datum": best, **y},
            "color": {"datum": names[3], **scale},
            "strokeDash": {"datum": names[3], **dash},
        }
        layers.append(
            {"data": rows([{}]), "mark": {"type": "rule", "clip": True, "strokeWidth": 1.5}, "encoding": rule}
        )
    layers += [
        line("no_change", names[2], 1.5, 1),
        line("running", names[1], 1.5, 0.8),
        line("windowed", names[0], 2, 1),
    ]
    layers += [_reader(x, names, colour), *alarm_marks(figures, colour, task=task, height=HEIGHT)]
    return Chart(
        name=f"score-{task}",
        title=sentence(f"{shown} of {task}"),
        text=_text(figures, task, shown, lines, best, (low, high)),
        spec=layered([layer for layer in layers if layer], height=HEIGHT, data=rows(values)),
        height=HEIGHT,
        keys=(*keys, *event_keys(figures, task)),
    )


def _where(lines: dict[str, Any], low: float, high: float) -> str:
    """Says where the line of no change is when it is hardly in the picture."""
    again = finite(lines["no_change_windowed"])
    usual = quantile_of(again, 0.5) if again else low
    return " (below)" if usual < low else " (above)" if usual > high else ""


def _reader(x: Spec, names: list[str], colour: Colour) -> Spec:
    """A thin line under the pointer, with the figures of the nearest point."""
    columns = ("windowed", "running", "no_change")
    tooltip = [field("events", "event", ","), *(field(c, n, ".3~f") for c, n in zip(columns, names, strict=False))]
    hover = {
        "name": "hover",
        "select": {"type": "point", "fields": ["events"], "nearest": True, "on": "pointerover", "clear": "pointerout"},
    }
    return {
        "params": [hover],
        "mark": {"type": "rule", "color": colour("quiet"), "strokeWidth": 1},
        "encoding": {
            "x": x,
            "opacity": {"condition": {"param": "hover", "empty": False, "value": 0.6}, "value": 0},
            "tooltip": tooltip,
        },
    }


def score_range(lines: dict[str, Any], best: float | None) -> tuple[float, float]:
    """What of a score's axis is shown: nearly all of the curves, without the wild first points.

    >>> score_range({"windowed": [-900.0] + [0.5] * 99, "running": [0.4] * 100, "no_change_windowed": [0.1]}, 0.9)
    (0.06, 0.94)
    """
    windowed, running = finite(lines["windowed"]), finite(lines["running"])
    again = finite(lines["no_change_windowed"])
    settled = [*windowed[len(windowed) // 10 :], *running[len(running) // 10 :]] or [0.0]
    low, high = quantile_of(settled, 0.02), quantile_of(settled, 0.99)
    low, high = min(low, windowed[-1]), max(high, windowed[-1])
    if best is not None:
        low, high = min(low, best), max(high, best)
    if again:
        # Seen to be worse is enough: no change may take two fifths of the picture.
        usual, room = quantile_of(again, 0.5), 2.0 / 3.0 * (high - low)
        low, high = min(low, max(usual, low - room)), max(high, min(usual, high + room))
    margin = 0.05 * (high - low) or max(abs(high), 1.0) * 0.05
    return round(low - margin, 12), round(high + margin, 12)


def _text(
    figures: Figures, task: str, shown: str, lines: dict[str, Any], best: float | None, shown_range: tuple[float, float]
) -> str:
    windowed = finite(lines["windowed"])
    again = finite(lines["no_change_windowed"])
    n_alarms = sum(alarm["name"] == task and alarm["subject"] != "feature" for alarm in figures["alarms"])
    text = (
        f"{sentence(shown)} over the last {figures['report']['window']:,} labels along {figures['events']:,} events: "
        f"at first {number(windowed[0])}, at the end {number(windowed[-1])}, "
        f"between {number(min(windowed))} and {number(max(windowed))}."
    )
    if again:
        text += f" Predicting no change ends at {number(again[-1])}."
    if best is not None:
        text += f" The best possible over the whole stream is {number(best)}."
    low, high = shown_range
    n_cut = sum(not low <= value <= high for value in windowed)
    if n_cut:
        cut = sentence(several(n_cut, "point"))
        text += f" {cut} beyond {number(low)} to {number(high)} {'is' if n_cut == 1 else 'are'} cut off."
    return f"{text} There {'is' if n_alarms == 1 else 'are'} {several(n_alarms, 'alarm')} of this task."
