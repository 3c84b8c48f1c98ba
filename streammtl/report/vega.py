"""The door to `vl_convert`: Vega's JavaScript for the page, and pictures without a browser."""

from __future__ import annotations

import functools
from types import ModuleType

from streammtl.errors import MissingExtraError
from streammtl.report.charts.base import Spec


def vl_convert(purpose: str) -> ModuleType:
    """The module; raises `MissingExtraError` where it is not installed."""
    try:
        import vl_convert
    except ModuleNotFoundError:
        raise MissingExtraError("vl-convert-python", "report", purpose) from None
    module: ModuleType = vl_convert
    return module


@functools.cache
def javascript() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script that defines `vegaEmbed`."""
    bundle: str = vl_convert("a report").javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return bundle


def svg(spec: Spec, config: Spec) -> str:
    """The picture as SVG text."""
    drawn: str = vl_convert("--plots").vegalite_to_svg(spec, config=config)
    return drawn


def png(spec: Spec, config: Spec, scale: float) -> bytes:
    """The picture as a PNG with `scale` times as many pixels."""
    drawn: bytes = vl_convert("--plots").vegalite_to_png(spec, config=config, scale=scale)
    return drawn
