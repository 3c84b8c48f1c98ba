"""What every page has around its content: one file that asks the network for nothing."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from streammtl.report import vega
from streammtl.report.page.html import Html, tag
from streammtl.report.theme import stylesheet


def document(
    title: str, body: Sequence[Html], data: Mapping[str, Any], themes: dict[str, dict[str, str]], style: str = ""
) -> str:
    """The page as text.

    `data` are JSON values with the `charts` that the page's script draws, and their `config`; `themes` are the colours
    by theme and role; `style` goes after the style of all pages.
    """
    scripts = [vega.javascript(), _asset("page.js")]
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src {' '.join(map(_hash, scripts))}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    head = [
        Html('<meta charset="utf-8">'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Html('<meta name="color-scheme" content="light dark">'),
        Html('<link rel="icon" href="data:,">'),
        tag("title", title),
        Html(f"<style>{stylesheet(themes)}{_asset('page.css')}{style}</style>"),
    ]
    # `<` is written as an escape, so that no text in the data can end the script.
    text = json.dumps(data, allow_nan=False, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    tail = [
        Html(f'<script type="application/json" id="data">{text}</script>'),
        *(Html(f"<script>{script}</script>") for script in scripts),
    ]
    page = tag("html", [tag("head", head), tag("body", [*body, *tail])], lang="en")
    return f"<!doctype html>\n{page.text}\n"


def _asset(name: str) -> str:
    return resources.files("streammtl.report").joinpath("assets", name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
