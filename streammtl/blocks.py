"""Rows of a stream in blocks of a fixed size, whatever the pieces they come in.

Whoever sums floating-point numbers per block instead of per turn gets the same bits however the stream was cut.
"""

from __future__ import annotations

from typing import Any, final

import numpy as np
import numpy.typing as npt

from streammtl.errors import CheckpointMismatchError
from streammtl.types import Floats, State

#: One array per entry of `widths`, all with the same number of rows.
Rows = tuple[Floats, ...]


@final
class BlockBuffer:
    """Takes rows in stream order in pieces of any size, gives back blocks of exactly `block` rows, keeps the rest.

    A row has one part per entry of `widths`, of that many columns. Blocks are C-contiguous float64 arrays
    `(block, width)`, whatever was pushed, so that sums over them take the same path every time; they are copies.

    >>> buffer = BlockBuffer(2, (1,))
    >>> buffer.push(np.array([1.0]))
    []
    >>> [label_B1.ravel().tolist() for (label_B1,) in buffer.push(np.array([2.0, 3.0, 4.0, 5.0]))]
    [[1.0, 2.0], [3.0, 4.0]]
    >>> buffer.rest()[0].tolist()
    [[5.0]]
    """

    def __init__(self, block: int, widths: tuple[int, ...]) -> None:
        assert block > 0
        assert widths
        self._block = block
        self._widths = widths
        self._stored = tuple(np.empty((block, width)) for width in widths)
        self._n_stored = 0

    def __len__(self) -> int:
        """Number of rows that wait for their block to be complete; always below `block`."""
        return self._n_stored

    def push(self, *arrays: npt.NDArray[Any]) -> list[Rows]:
        """Add rows, as one array `(n,)` or `(n, width)` per part; returns the blocks that became complete, in order."""
        parts = [
            array.reshape(-1, 1) if array.ndim == 1 else array
            for array in arrays  # a part of width 1 may come without its second axis
        ]
        n_rows = len(parts[0])
        assert [part.shape for part in parts] == [(n_rows, width) for width in self._widths]
        taken = min(self._block - self._n_stored, n_rows)
        self._store(parts, 0, taken)
        if self._n_stored < self._block:
            return []
        blocks = [tuple(stored.copy() for stored in self._stored)]
        n_whole = (n_rows - taken) // self._block
        until = taken + n_whole * self._block
        whole = [np.array(part[taken:until], dtype=np.float64, order="C") for part in parts]
        for start in range(0, n_whole * self._block, self._block):
            blocks.append(tuple([rows[start : start + self._block] for rows in whole]))
        self._n_stored = 0
        self._store(parts, until, n_rows)
        return blocks

    def _store(self, parts: list[npt.NDArray[Any]], start: int, stop: int) -> None:
        until = self._n_stored + stop - start
        for stored, part in zip(self._stored, parts, strict=True):
            stored[self._n_stored : until] = part[start:stop]
        self._n_stored = until

    def rest(self) -> Rows:
        """Copies of the rows that wait for their block to be complete."""
        return tuple(stored[: self._n_stored].copy() for stored in self._stored)

    def state(self) -> State:
        """The waiting rows, by the number of the part."""
        return {str(part): rows for part, rows in enumerate(self.rest())}

    def load(self, state: State) -> None:
        """Take over a `state`."""
        rows = [np.asarray(state[str(part)], dtype=np.float64) for part in range(len(state))]
        n_rows = len(rows[0]) if rows else 0
        if [part.shape for part in rows] != [(n_rows, width) for width in self._widths] or n_rows >= self._block:
            raise CheckpointMismatchError(
                f"a buffer for blocks of {self._block} rows with parts of {self._widths} columns cannot take over "
                f"waiting rows of shapes {[part.shape for part in rows]}"
            )
        self._n_stored = 0
        self._store(list(rows), 0, n_rows)
