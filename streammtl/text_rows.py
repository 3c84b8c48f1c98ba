"""Rows of a table of text, held as one list of cells: columns are cut out of it at once, rows where somebody asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final, overload


@final
class TextRows(Sequence[Mapping[str, str]]):
    """Rows of the same columns, in order. A dictionary of each row would cost more than all that is read from it.

    >>> rows = TextRows(("id", "amount"), ["a", "1.5", "b", ""])
    >>> rows[1], rows.column("amount")
    ({'id': 'b', 'amount': ''}, ['1.5', ''])
    >>> rows[1:]
    [{'id': 'b', 'amount': ''}]
    """

    __slots__ = ("_cells", "header")

    def __init__(self, header: tuple[str, ...], cells: list[str]) -> None:
        """`cells` of all rows, one row after the other."""
        assert header
        assert len(cells) % len(header) == 0
        self.header = header
        self._cells = cells

    def column(self, name: str) -> list[str]:
        """The cells of a column of the header."""
        return self._cells[self.header.index(name) :: len(self.header)]

    def __len__(self) -> int:
        """Number of rows."""
        return len(self._cells) // len(self.header)

    @overload
    def __getitem__(self, index: int) -> dict[str, str]: ...
    @overload
    def __getitem__(self, index: slice) -> TextRows: ...
    def __getitem__(self, index: int | slice) -> dict[str, str] | TextRows:
        """A row as a dictionary, or some of the rows."""
        width = len(self.header)
        if isinstance(index, int):
            first = range(len(self))[index] * width
            return dict(zip(self.header, self._cells[first : first + width], strict=True))
        start, stop, step = index.indices(len(self))
        if step == 1:
            return TextRows(self.header, self._cells[start * width : stop * width])
        rows = range(start, stop, step)
        return TextRows(self.header, [cell for row in rows for cell in self._cells[row * width : (row + 1) * width]])

    def __eq__(self, other: object) -> bool:
        """Whether another sequence holds the same rows."""
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """As a list of dictionaries."""
        return repr(list(self))
