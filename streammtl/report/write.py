"""Writes the page."""

from __future__ import annotations

from pathlib import Path

from streammtl.errors import SinkError
from streammtl.report.charts.base import Figures
from streammtl.report.page.build import build_page


def write_page(figures: Figures, path: Path) -> None:
    """Write the report; raises `SinkError` where the file cannot be written."""
    text = build_page(figures)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SinkError(f"cannot write the report {path}: {error.strerror}") from None
