"""Reads a page as a browser would, as far as its words, tables and data go."""

from __future__ import annotations

import html.parser
import json
import re
from dataclasses import dataclass, field
from typing import Any

VOID = {"meta", "link", "br", "line", "rect", "path"}


@dataclass
class Node:
    tag: str
    attributes: dict[str, str]
    children: list[Node | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    def all(self, tag: str) -> list[Node]:
        inner = [node for child in self.children if isinstance(child, Node) for node in child.all(tag)]
        return [self, *inner] if self.tag == tag else inner


class _Reader(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.path = [Node("document", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.path[-1].children.append(node)
        if tag not in VOID:
            self.path.append(node)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.path.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self.path[-1].children.append(data)


def read(page: str) -> Node:
    """The page as a tree; asserts that every tag is closed."""
    reader = _Reader()
    reader.feed(page)
    assert len(reader.path) == 1
    return reader.path[0]


def table(document: Node, caption: str) -> list[list[str]]:
    """The cells of the table with this caption, the head first."""
    (found,) = [node for node in document.all("table") if node.all("caption")[0].text == caption]
    return [[cell.text for cell in row.children if isinstance(cell, Node)] for row in found.all("tr")]


def data(page: str) -> dict[str, Any]:
    """The JSON in the page."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    document: dict[str, Any] = json.loads(found.group(1))
    return document
