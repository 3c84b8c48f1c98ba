"""The place of a chart on the page."""

from __future__ import annotations

from typing import Final

from streammtl.report.charts.base import Chart, Key
from streammtl.report.page.html import Html, tag
from streammtl.report.theme import variable

#: What the axes need beside the drawing; the place is kept free until the chart is drawn.
_AROUND: Final = 50


def figure(chart: Chart, level: int = 4, *, is_wide: bool = False) -> Html:
    """A heading, the legend, the place in which the chart is drawn, and what it shows in words."""
    place = tag(
        "div",
        "",
        class_="chart",
        data_chart=chart.name,
        role="img",
        aria_label=f"{chart.title}. {chart.text}",
        style=f"min-height:{chart.height + _AROUND}px",
    )
    content = [tag(f"h{level}", chart.title), *_legend(chart), place, tag("figcaption", chart.text)]
    return tag("figure", content, class_="wide-chart" if is_wide else "half-chart")


def _legend(chart: Chart) -> list[Html]:
    items = [tag("li", [_symbol(key), key.name]) for key in chart.keys]
    return [tag("ul", items, class_="key")] if items else []


def _symbol(key: Key) -> Html:
    """A piece of the line, or of whatever else it stands for."""
    tint = variable(key.role)
    line = (
        f'<line x1="1" y1="6" x2="21" y2="6" style="stroke:{tint};stroke-width:2.5;'
        f'stroke-dasharray:{" ".join(map(str, key.dash)) or "none"}"/>'
    )
    triangle = "M11 1.5 L16 10.5 L6 10.5 Z"
    shapes = {
        "line": line,
        "square": f'<rect x="6" y="1" width="10" height="10" rx="2" style="fill:{tint}"/>',
        "band": f'<rect x="4" y="0" width="14" height="12" style="fill:{tint};fill-opacity:.3"/>',
        "triangle": f'<path d="{triangle}" style="fill:{tint};stroke:{tint};stroke-width:1.5"/>',
        "hollow": f'<path d="{triangle}" style="fill:none;stroke:{tint};stroke-width:1.5"/>',
    }
    return Html(f'<svg viewBox="0 0 22 12" width="22" height="12" aria-hidden="true">{shapes[key.look]}</svg>')
