"""What the charts are made of."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

#: A (part of a) Vega-Lite specification.
Spec: TypeAlias = dict[str, Any]

#: Gives a colour for its role: a variable of the page, or the colour itself in a file.
Colour: TypeAlias = Callable[[str], str]

#: The figures of a report (see `streammtl.report.figures`).
Figures: TypeAlias = dict[str, Any]

#: Writes a number of an axis as 0, 0.5, 20k, 1.5M.
SHORT_LABEL = "format(datum.value, abs(datum.value) < 1000 ? '~g' : '~s')"

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"


@dataclass(frozen=True, slots=True)
class Key:
    """A line of a legend as the page writes it; files have the legend in the picture."""

    name: str
    role: str  # of its colour
    look: Literal["line", "square", "band", "triangle", "hollow"] = "line"
    dash: tuple[int, ...] = ()  # of a line; empty: none


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture of the report."""

    name: str  # of its file, and of its place in the page
    title: str
    text: str  # what it shows, in words, for those who do not see it
    spec: Spec
    height: int  # of the drawing, in pixels
    keys: tuple[Key, ...] = ()


def layered(layers: Sequence[Spec], *, height: int, **more: Any) -> Spec:
    """Layers over each other, as wide as their place."""
    return {"$schema": SCHEMA, "width": "container", "height": height, "layer": list(layers), **more}


def rows(values: Iterable[Any]) -> Spec:
    """Values as the data of a layer, with numbers cut to what can be seen."""
    return {"values": [{name: short(value) for name, value in row.items()} for row in values]}


def short(value: Any) -> Any:
    """A number with the six digits of which a picture shows three."""
    return float(f"{value:.6g}") if isinstance(value, float) else value


def of_events(field: str, n_events: int) -> Spec:
    """The place of a field along the stream."""
    axis = {"title": "events", "labelExpr": SHORT_LABEL}
    return {
        "field": field,
        "type": "quantitative",
        "axis": axis,
        "scale": {"domain": [0, max(n_events, 1)], "nice": False},
    }


def field(name: str, title: str, form: str | None = None) -> Spec:
    """A line of a tooltip: a number, or text where there is no format."""
    if form is None:
        return {"field": name, "title": title, "type": "nominal"}
    return {"field": name, "title": title, "type": "quantitative", "format": form}


def finite(values: Iterable[float | None]) -> list[float]:
    """The numbers among the values."""
    return [value for value in values if value is not None and math.isfinite(value)]


def quantile_of(values: Sequence[float], share: float) -> float:
    """The value at a share of the sorted values."""
    ordered = sorted(values)
    return ordered[round(share * (len(ordered) - 1))]


def legend(keys: Sequence[Key], colour: Colour, *, symbol: str = "stroke") -> tuple[Spec, Spec]:
    """The colours and the dashes of named lines; together they are one legend."""
    names = [key.name for key in keys]
    look = {"title": None, "symbolType": symbol, "columns": 5}
    colours = {"domain": names, "range": [colour(key.role) for key in keys]}
    dashes = {"domain": names, "range": [list(key.dash) or [1, 0] for key in keys]}
    return (
        {"type": "nominal", "scale": colours, "legend": look},
        {"type": "nominal", "scale": dashes, "legend": look},
    )
