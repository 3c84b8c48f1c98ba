"""Every picture of a report as files, for documents and slides."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from streammtl.errors import SinkError
from streammtl.report import vega
from streammtl.report.charts.base import Chart, Figures, Spec
from streammtl.report.charts.catalogue import all_charts
from streammtl.report.theme import FILE_FONT, chart_config

#: Pixels of a picture's drawing; PNG has twice as many.
WIDTH: Final = 720
PNG_SCALE: Final = 2.0


def write_plots(figures: Figures, folder: Path) -> list[Path]:
    """Write each chart as NAME.svg and NAME.png into the folder, which is made if it is not there; the files."""
    colours = figures["report"]["colours"]["light"]
    charts = all_charts(figures, colours.__getitem__)
    config = {**chart_config(colours.__getitem__, FILE_FONT), "background": colours["paper"]}
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, chart in zip(file_names(charts), charts, strict=True):
            spec = _spec(chart)
            vector, pixels = folder / f"{name}.svg", folder / f"{name}.png"
            vector.write_text(vega.svg(spec, config), encoding="utf-8")
            pixels.write_bytes(vega.png(spec, config, PNG_SCALE))
            written += [vector, pixels]
    except OSError as error:
        raise SinkError(f"cannot write pictures to {folder}: {error.strerror}") from None
    return written


def _spec(chart: Chart) -> Spec:
    title = {"text": chart.title, "anchor": "start", "fontSize": 13, "fontWeight": 600, "offset": 12}
    return {**chart.spec, "width": WIDTH, "title": title, "description": chart.text, "padding": 12}


def file_names(charts: list[Chart]) -> list[str]:
    """A name for each chart that every file system takes, no two alike.

    >>> charts = [Chart(name, "", "", {}, 0) for name in ("score-a/b", "score-a b", "drifts")]
    >>> file_names(charts)
    ['score-a_b', 'score-a_b-2', 'drifts']
    """
    names: list[str] = []
    for chart in charts:
        # Case does not count on some file systems.
        plain = re.sub(r"[^\w.-]+", "_", chart.name)[:100]
        taken = {name.lower() for name in names}
        number, name = 1, plain
        while name.lower() in taken:
            number += 1
            name = f"{plain}-{number}"
        names.append(name)
    return names
