"""HTML as text: tags and tables whose content is escaped."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Html:
    """Text that is HTML already."""

    text: str


#: What may stand inside of a tag: text is escaped, HTML is not.
Content: TypeAlias = "str | Html | Sequence[Content]"


def tag(name: str, content: Content = "", **attributes: str) -> Html:
    """A tag; `class_` and `data_x` become `class` and `data-x`.

    >>> tag("p", ["a < b ", tag("b", "c")], class_="x").text
    '<p class="x">a &lt; b <b>c</b></p>'
    """
    shown = "".join(f' {key.rstrip("_").replace("_", "-")}="{html.escape(value)}"' for key, value in attributes.items())
    return Html(f"<{name}{shown}>{inner(content)}</{name}>")


def inner(content: Content) -> str:
    """Content as HTML text."""
    if isinstance(content, Html):
        return content.text
    return html.escape(content) if isinstance(content, str) else "".join(map(inner, content))


def table(
    caption: str, columns: Sequence[str], rows: Sequence[Sequence[Content]], *, numbers: Sequence[int] = ()
) -> Html:
    """A table that scrolls by itself where it is too wide; the first cell of a row heads it; `numbers` align right."""

    def look(column: int) -> dict[str, str]:
        return {"class_": "number"} if column in numbers else {}

    head = tag("tr", [tag("th", name, scope="col", **look(i)) for i, name in enumerate(columns)])
    body = [
        tag("tr", [tag("th", cells[0], scope="row"), *(tag("td", c, **look(i)) for i, c in enumerate(cells[1:], 1))])
        for cells in rows
    ]
    whole = tag("table", [tag("caption", caption), tag("thead", head), tag("tbody", body)])
    return tag("div", whole, class_="wide", tabindex="0", role="region", aria_label=caption)
