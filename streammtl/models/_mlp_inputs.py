"""Dense inputs of the networks of the `mlp` model; see `streammtl.models._intake`.

Shape suffixes as in `streammtl.types`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from streammtl.models._mlp_statistics import Statistics
from streammtl.types import Bools, Floats, Ints, Ops, RowLayout


@dataclass(frozen=True, slots=True)
class Inputs:
    """Rows of standardised values, NaN where missing, and which of them each operation reads."""

    place_N: Ints
    x_ND: Floats


@final
class Intake:
    """Takes rows into the running scales, and standardises them."""

    def __init__(self, layout: RowLayout, clip_input: float, memory_rows: int) -> None:
        from streammtl.models._kernel_build import build_passes

        self._take_in: Any = build_passes().take_in
        self._is_scaled_D: Bools = np.array(layout.dense_is_scaled, dtype=bool)
        self._limits: Floats = np.array([clip_input, memory_rows])
        self._buffer = Buffer()

    def advance(self, ops: Ops, statistics: Statistics) -> Inputs:
        """Those of the operations, valid until the next call; the scales of the inputs move on."""
        place_N, x_ND = np.empty(len(ops), dtype=np.int64), self._buffer.of((len(ops), len(self._is_scaled_D)))
        tables = (self._is_scaled_D, self._limits)
        wrong = self._take_in(ops.is_learn_N, ops.row_N, ops.dense_RD, *tables, *statistics.of_inputs, place_N, x_ND)
        if wrong >= 0:
            raise IndexError(f"operation {wrong} names row {ops.row_N[wrong]} of {len(ops.dense_RD)}")
        return Inputs(place_N, x_ND)


@final
class Buffer:
    """Memory for arrays of changing shapes: to get and return some hundred kilobytes anew each time costs more."""

    def __init__(self, dtype: type[np.generic] = np.float64) -> None:
        self._flat: npt.NDArray[Any] = np.empty(0, dtype=dtype)

    def of(self, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        """An array of this shape, its values undefined; valid until the next call."""
        size = math.prod(shape)
        if len(self._flat) < size:
            self._flat = np.empty(size, dtype=self._flat.dtype)
        return self._flat[:size].reshape(shape)
