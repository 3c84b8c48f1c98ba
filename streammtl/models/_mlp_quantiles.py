"""What the `mlp` model reads of running quantiles, beside the values; see `streammtl.models._quantiles`.

Shape suffixes as in `streammtl.types`; Z standardised ones of the dense columns, S values of a sample, Q edges.
"""

from __future__ import annotations

from typing import Any, final

import numpy as np
import numpy.typing as npt

from streammtl.models._mlp_inputs import Buffer
from streammtl.models._quantiles import EDGE_ALIGNMENT, FIRST_EDGES, SAMPLE_SIZE
from streammtl.types import Bools, Floats, Floats32, Ints, Ops, RowLayout, State


@final
class Quantiles:
    """Adds to each row, behind the dense values, the tails of those that are standardised, and behind the categories
    their bins.

    The other columns (clocks, parts of vectors) come in a scale of their own, often many of them, and say little alone.
    """

    def __init__(self, layout: RowLayout, has_tails: bool, n_parts: int | None) -> None:
        """With `n_parts` None there are no bins."""
        from streammtl.models._kernel_build import build_passes

        self._place: Any = build_passes().place_among_quantiles
        self.has_tails = has_tails
        #: The columns whose quantiles are known.
        self.column_Z: Ints = np.flatnonzero(layout.dense_is_scaled)
        self._n_edges = n_edges = 0 if n_parts is None else n_parts - 1
        names = [layout.dense_names[d] for d in self.column_Z]
        #: Of the rows as networks read them, without bins: what is behind their categories they leave alone.
        self.layout = RowLayout(
            (*layout.dense_names, *(f"tail of {name}" for name in names if has_tails)),
            (*layout.dense_is_scaled, *(False for _ in names if has_tails)),
            layout.category_names,
            layout.table_sizes,
        )
        #: The same with bins: 0 for what is missing, then one between any two edges and one on each.
        self.binned_layout = RowLayout(
            self.layout.dense_names,
            self.layout.dense_is_scaled,
            (*layout.category_names, *(f"bin of {name}" for name in names if n_edges)),
            (*layout.table_sizes, *(2 * n_edges + 2 for _ in names if n_edges)),
        )
        width = -(-n_edges // EDGE_ALIGNMENT) * EDGE_ALIGNMENT
        n_columns = len(names)
        self._dense, self._category = Buffer(np.float32), Buffer(np.int32)
        self._counts: Ints = np.zeros(2, dtype=np.int64)  # rows predicted, rows learned
        self._n_Z: Ints = np.zeros(n_columns, dtype=np.int64)
        self._sample_ZS: Floats32 = np.zeros((n_columns, SAMPLE_SIZE), dtype=np.float32)
        self.edge_ZQ: Floats32 = np.full((n_columns, width), np.inf, dtype=np.float32)
        #: Where the lower tail begins, and 1 / its mean length (0 where there is none), then the same of the upper one.
        self.tail_4Z: Floats = np.zeros((4, n_columns))

    def place(self, ops: Ops) -> Ops:
        """The operations on rows that hold tails and bins too, valid until the next call; samples and edges move on."""
        n_ops = len(ops)
        place_N = np.empty(n_ops, dtype=np.int64)
        dense_NX = self._dense.of((n_ops, self.layout.n_dense))
        category_NB = self._category.of((n_ops, self.binned_layout.n_categories))
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
            self.tail_4Z,
            self._n_edges,
            place_N,
            dense_NX,
            category_NB,
        )
        if wrong >= 0:
            raise IndexError(f"operation {wrong} names row {ops.row_N[wrong]} of {len(ops.dense_RD)}")
        return Ops(ops.is_learn_N, place_N, ops.labels_NT, dense_NX, category_NB)

    def state(self) -> State:
        """Samples, edges and tails."""
        edge_ZQ = np.where(self._has_edges_Z1, self.edge_ZQ, np.float32(0.0))[:, : self._n_edges]
        return {name: array.copy() for name, array in self._arrays.items()} | {"edges": edge_ZQ}

    def load(self, state: State) -> None:
        """Take over a `state`."""
        for name, array in self._arrays.items():
            array[...] = np.asarray(state[name])
        self.edge_ZQ[:, : self._n_edges] = np.where(self._has_edges_Z1, state["edges"], np.float32(np.inf))

    @property
    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {"counts": self._counts, "n": self._n_Z, "sample": self._sample_ZS, "tails": self.tail_4Z}

    @property
    def _has_edges_Z1(self) -> Bools:
        """Until they are found for the first time they are infinite, so that all values lie below."""
        return (self._n_Z >= FIRST_EDGES)[:, None]
