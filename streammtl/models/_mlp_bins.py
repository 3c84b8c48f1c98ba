"""Bins of dense columns for the experts of the `mlp` model that read them; see `streammtl.models._quantiles`.

Shape suffixes as in `streammtl.types`; Z standardised ones of the dense columns, S values of a sample, Q edges.
"""

from __future__ import annotations

from typing import Any, final

import numpy as np

from streammtl.models._quantiles import EDGE_ALIGNMENT, FIRST_EDGES, SAMPLE_SIZE
from streammtl.types import Bools, Floats32, Ints, Ops, RowLayout, State


@final
class QuantileBins:
    """Adds to each row, behind its categories, the bins of those dense values that are standardised.

    The others (clocks, parts of vectors) come in a scale of their own, often many of them, and say little alone.
    """

    def __init__(self, layout: RowLayout, n_parts: int) -> None:
        from streammtl.models._kernel_build import build_passes

        self._place: Any = build_passes().place_in_bins
        self._n_edges = n_edges = n_parts - 1
        width = -(-n_edges // EDGE_ALIGNMENT) * EDGE_ALIGNMENT
        #: The columns that have bins.
        self.column_Z: Ints = np.flatnonzero(layout.dense_is_scaled)
        self.layout = RowLayout(
            layout.dense_names,
            layout.dense_is_scaled,
            (*layout.category_names, *(f"bin of {layout.dense_names[d]}" for d in self.column_Z)),
            # 0 for what is missing, then one between any two edges and one on each.
            (*layout.table_sizes, *(2 * n_edges + 2 for _ in self.column_Z)),
        )
        self._counts: Ints = np.zeros(2, dtype=np.int64)  # rows predicted, rows learned
        n_binned = len(self.column_Z)
        self._n_Z: Ints = np.zeros(n_binned, dtype=np.int64)
        self._sample_ZS: Floats32 = np.zeros((n_binned, SAMPLE_SIZE), dtype=np.float32)
        self.edge_ZQ: Floats32 = np.full((n_binned, width), np.inf, dtype=np.float32)

    def place(self, ops: Ops) -> Ops:
        """The operations on rows that hold the bins too; samples and edges move on."""
        n_ops = len(ops)
        place_N = np.empty(n_ops, dtype=np.int64)
        dense_ND = np.empty((n_ops, ops.dense_RD.shape[1]), dtype=np.float32)
        category_NB = np.empty((n_ops, len(self.layout.table_sizes)), dtype=np.int32)
        wrong = self._place(
            ops.is_learn_N,
            ops.row_N,
            ops.dense_RD,
            ops.category_RC,
            self.column_Z,
            self._counts,
            self._n_Z,
            self._sample_ZS,
            self.edge_ZQ,
            self._n_edges,
            place_N,
            dense_ND,
            category_NB,
        )
        if wrong >= 0:
            raise IndexError(f"operation {wrong} names row {ops.row_N[wrong]} of {len(ops.dense_RD)}")
        return Ops(ops.is_learn_N, place_N, ops.labels_NT, dense_ND, category_NB)

    def state(self) -> State:
        """Samples and edges."""
        edge_ZQ = np.where(self._has_edges_Z1, self.edge_ZQ, np.float32(0.0))[:, : self._n_edges]
        arrays = {"counts": self._counts, "n": self._n_Z, "sample": self._sample_ZS, "edges": edge_ZQ}
        return {name: np.array(array) for name, array in arrays.items()}

    def load(self, state: State) -> None:
        """Take over a `state`."""
        for name, array in (("counts", self._counts), ("n", self._n_Z), ("sample", self._sample_ZS)):
            array[...] = np.asarray(state[name])
        self.edge_ZQ[:, : self._n_edges] = np.where(self._has_edges_Z1, state["edges"], np.float32(np.inf))

    @property
    def _has_edges_Z1(self) -> Bools:
        """Until they are found for the first time they are infinite, so that all values lie below."""
        return (self._n_Z >= FIRST_EDGES)[:, None]
