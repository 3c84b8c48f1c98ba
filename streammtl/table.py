"""Documents that all have the same fields, kept as columns and made only when somebody looks.

Shape suffixes: N documents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias, final, overload

import msgspec
import numpy as np
import numpy.typing as npt

from streammtl.types import Ints

#: One field of all documents: its values, or the fields of the object that it holds.
Column: TypeAlias = "Mapping[str, Column] | Sequence[Any] | npt.NDArray[Any] | Choice"

#: Documents that are in memory as structs at the same time: few enough to stay in the processor's cache.
_CHUNK = 256


@final
class Choice:
    """A column whose values are among a few texts: that of document n is `options[index_N[n]]`.

    >>> Choice(["a", "b"], np.array([0, 1, 1])).values(slice(1, 3))
    ['b', 'b']
    """

    def __init__(self, options: Sequence[str], index_N: Ints | npt.NDArray[np.integer]) -> None:
        self._options = np.array(options, dtype=object)
        self._index_N = index_N

    def __len__(self) -> int:
        """N."""
        return len(self._index_N)

    def values(self, part: slice) -> list[str]:
        """The texts of some documents."""
        values: list[str] = self._options[self._index_N[part]].tolist()
        return values


@final
class Table(Sequence[dict[str, Any]]):
    """A sequence of N documents with the same fields in the same order; they are made when one is asked for.

    >>> table = Table({"id": ["a", "b"], "fraud": {"probability": np.array([0.5, np.nan])}})
    >>> table[0]
    {'id': 'a', 'fraud': {'probability': 0.5}}
    >>> print(table.encode_lines(msgspec.json.Encoder()).decode(), end="")
    {"id":"a","fraud":{"probability":0.5}}
    {"id":"b","fraud":{"probability":null}}
    """

    def __init__(self, columns: Mapping[str, Column]) -> None:
        """All columns have N values."""
        self._columns = columns
        self._documents: list[dict[str, Any]] | None = None

    def __len__(self) -> int:
        """N."""
        column: Any = self._columns
        while isinstance(column, Mapping):
            column = next(iter(column.values()))
        return len(column)

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        """A document, or some."""
        return self._made()[index]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The documents."""
        return iter(self._made())

    def encode_lines(self, encoder: msgspec.json.Encoder) -> bytes:
        """Each document as JSON and a line feed, in the bytes that the encoder writes for the document.

        Raises what the encoder raises for a value that has no form in JSON.
        """
        parts = (slice(start, start + _CHUNK) for start in range(0, len(self), _CHUNK))
        return b"".join([encoder.encode_lines(_rows(self._columns, part, _maker_of_structs)) for part in parts])

    def _made(self) -> list[dict[str, Any]]:
        if self._documents is None:
            self._documents = _rows(self._columns, slice(None), _maker_of_dictionaries)
        return self._documents


#: Makes an object of the values of its fields.
_Maker: TypeAlias = Callable[..., Any]


def _rows(column: Any, part: slice, maker: Callable[[tuple[str, ...]], _Maker]) -> list[Any]:
    """The values of a column, or the objects that its fields make."""
    if isinstance(column, Mapping):
        return list(map(maker(tuple(column)), *(_rows(inner, part, maker) for inner in column.values())))
    if isinstance(column, Choice):
        return column.values(part)
    return list(column[part].tolist() if isinstance(column, np.ndarray) else column[part])


def _maker_of_dictionaries(names: tuple[str, ...]) -> _Maker:
    return lambda *values: dict(zip(names, values, strict=True))


@cache
def _maker_of_structs(names: tuple[str, ...]) -> _Maker:
    """A struct is made and written faster than a dictionary, to the same JSON."""
    attributes = {f"f{place}": name for place, name in enumerate(names)}
    try:
        return msgspec.defstruct("Object", [(attribute, Any) for attribute in attributes], rename=attributes, gc=False)
    except ValueError:  # a name with quotation marks, backslashes or control characters
        return _maker_of_dictionaries(names)
