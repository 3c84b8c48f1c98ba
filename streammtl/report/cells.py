"""Fixed cells into which numbers are counted, so that a tally is small and the same however the stream was cut.

Shape suffixes: B values, C cells.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from streammtl.types import Floats, Ints

#: Probabilities are counted in cells of half a logit: finer than what a few hundred labels can tell apart.
LOGIT_EDGE: Final = 9.0
LOGITS_PER_CELL: Final = 0.5
N_LOGIT_CELLS: Final = int(2 * LOGIT_EDGE / LOGITS_PER_CELL)

#: Sizes are counted in 20 cells per decade, each 12 % wider than the one below it, from 1e-9 to 1e12.
CELLS_PER_DECADE: Final = 20
SMALLEST_DECADE: Final = -9
N_DECADES: Final = 21
N_SIZE_CELLS: Final = N_DECADES * CELLS_PER_DECADE
N_SIGNED_CELLS: Final = 2 * N_SIZE_CELLS + 1


def logit_cell(probability_B: Floats) -> Ints:
    """The cell of each probability; the outermost cells take what lies beyond them."""
    clipped_B = np.clip(probability_B, 1e-15, 1.0 - 1e-15)
    logit_B = np.log(clipped_B) - np.log1p(-clipped_B)
    cell_B = np.floor((logit_B + LOGIT_EDGE) * (1.0 / LOGITS_PER_CELL))
    cells_B: Ints = np.clip(cell_B, 0, N_LOGIT_CELLS - 1).astype(np.int64)
    return cells_B


def size_cell(size_B: Floats) -> Ints:
    """The cell of each number >= 0; zero and what is smaller than every cell go into the first."""
    with np.errstate(divide="ignore"):
        cell_B = np.floor((np.log10(size_B) - SMALLEST_DECADE) * CELLS_PER_DECADE)
    cells_B: Ints = np.clip(cell_B, 0, N_SIZE_CELLS - 1).astype(np.int64)
    return cells_B


def signed_cell(value_B: Floats) -> Ints:
    """The cell of each number, from the largest negative ones up; what is as good as zero goes into the middle one."""
    size_B = size_cell(np.abs(value_B)) + 1
    size_B[np.abs(value_B) < 10.0**SMALLEST_DECADE] = 0
    return N_SIZE_CELLS + np.where(value_B < 0, -size_B, size_B)


def size_edges() -> Floats:
    """The `N_SIZE_CELLS + 1` edges of the cells of sizes."""
    return np.asarray(10.0 ** (SMALLEST_DECADE + np.arange(N_SIZE_CELLS + 1) / CELLS_PER_DECADE))


def signed_edges() -> Floats:
    """The `N_SIGNED_CELLS + 1` edges of the cells of signed numbers."""
    edges = size_edges()
    return np.concatenate([-edges[::-1], edges])


def quantile(count_C: Ints, edge_C: Floats, share: float) -> float:
    """The value below which that share of the counted ones lies, taken as even within a cell; NaN: none counted."""
    total = int(count_C.sum())
    if not total:
        return float("nan")
    below_C = np.concatenate([[0], np.cumsum(count_C)])
    cell = min(int(np.searchsorted(below_C, share * total, side="left")), len(count_C)) - 1
    cell = max(cell, int(np.flatnonzero(count_C)[0]))
    inside = (share * total - below_C[cell]) / max(int(count_C[cell]), 1)
    return float(edge_C[cell] + min(max(inside, 0.0), 1.0) * (edge_C[cell + 1] - edge_C[cell]))


def merged(count_C: Ints, least: int) -> list[slice]:
    """Neighbouring cells in groups of at least `least` values, from the first one up; empty ends are left out.

    >>> merged(np.array([0, 5, 1, 1, 9, 0, 1]), least=5)
    [slice(1, 2, None), slice(2, 5, None), slice(5, 7, None)]
    """
    filled = np.flatnonzero(count_C)
    if not len(filled):
        return []
    groups, start, n = [], int(filled[0]), 0
    for cell in range(start, int(filled[-1]) + 1):
        n += int(count_C[cell])
        if n >= least or cell == filled[-1]:
            groups.append(slice(start, cell + 1))
            start, n = cell + 1, 0
    return groups
