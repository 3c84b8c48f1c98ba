"""Documents that all have the same fields, kept as columns, and written as JSON without making the documents.

Shape suffixes: N documents.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, final, overload

import msgspec
import numpy as np
import numpy.typing as npt

from streammtl.types import Ints


@dataclass(frozen=True, slots=True)
class Choice:
    """A column whose values are among a few: `options[index_N[n]]` is the value of document n."""

    options: Sequence[str]
    index_N: Ints

    def tolist(self) -> list[str]:
        """The values."""
        return [self.options[index] for index in self.index_N.tolist()]


#: One field of all documents: its values, or the fields of the object that it holds.
Column: TypeAlias = "Mapping[str, Column] | Sequence[Any] | npt.NDArray[Any] | Choice"


@final
class Table(Sequence[dict[str, Any]]):
    """A sequence of N documents with the same fields in the same order; a document is made when it is asked for.

    >>> table = Table({"id": ["a", "b"], "fraud": {"probability": np.array([0.5, np.nan])}})
    >>> table[0]
    {'id': 'a', 'fraud': {'probability': 0.5}}
    >>> print(table.encode_lines(msgspec.json.Encoder()).decode(), end="")
    {"id":"a","fraud":{"probability":0.5}}
    {"id":"b","fraud":{"probability":null}}
    """

    def __init__(self, columns: Mapping[str, Column]) -> None:
        """Columns have a value for each document; no object is without a field."""
        self._columns = columns
        self._documents: list[dict[str, Any]] | None = None

    def __len__(self) -> int:
        """N."""
        column: Any = self._columns
        while isinstance(column, Mapping):
            column = next(iter(column.values()))
        return len(column.index_N if isinstance(column, Choice) else column)

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        """The document, or the documents."""
        return self._made()[index]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The documents."""
        return iter(self._made())

    def encode_lines(self, encoder: msgspec.json.Encoder) -> bytes:
        """Each document as JSON and a line feed, in the bytes that the encoder writes for the document.

        Raises what the encoder raises for a value that has no form in JSON.
        """
        leaves: list[tuple[bytes, Any]] = []
        end = _find_leaves(self._columns, b"", leaves, encoder) + b"\n"
        n, step = len(self), 2 * len(leaves)
        pieces = [b""] * (n * step + 1)
        for place, (text, column) in enumerate(leaves):
            pieces[2 * place : -1 : step] = [text if place else end + text] * n
            pieces[2 * place + 1 :: step] = _encoded(column, encoder)
        if n:
            pieces[0], pieces[-1] = leaves[0][0], end
        return b"".join(pieces)

    def _made(self) -> list[dict[str, Any]]:
        if self._documents is None:
            self._documents = _values(self._columns)
        return self._documents


def _values(column: Any) -> list[Any]:
    if isinstance(column, Mapping):
        rows = zip(*map(_values, column.values()), strict=True)
        return [dict(zip(column, row, strict=True)) for row in rows]
    if isinstance(column, np.ndarray | Choice):
        return column.tolist()
    return list(column)


def _find_leaves(
    columns: Mapping[str, Column], text: bytes, leaves: list[tuple[bytes, Any]], encoder: msgspec.json.Encoder
) -> bytes:
    """Collect the columns of values, each with the text that stands before its values; the text after the last."""
    text += b"{"
    for name, column in columns.items():
        text += encoder.encode(name) + b":"
        if isinstance(column, Mapping):
            text = _find_leaves(column, text, leaves, encoder)
        else:
            leaves.append((text, column))
            text = b""
        text += b","
    return text[:-1] + b"}"


def _encoded(column: Any, encoder: msgspec.json.Encoder) -> list[bytes]:
    """The JSON of each value."""
    if isinstance(column, Choice):
        options = np.array([encoder.encode(option) for option in column.options], dtype=object)
        values: list[bytes] = options[column.index_N].tolist()
        return values
    # JSON has no line feed within a value: in text it is written as an escape.
    return encoder.encode_lines(column.tolist() if isinstance(column, np.ndarray) else column).split(b"\n")[:-1]
