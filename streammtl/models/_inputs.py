"""From feature rows to network inputs: standardise, clip, mark what is missing, look up embeddings.

Shape suffixes: B rows, D dense columns, S dense columns that are standardised, I = 2 D network inputs from dense
columns.
"""

from __future__ import annotations

from typing import final

import numpy as np

from streammtl.models._scale import RunningScale
from streammtl.types import Floats32, RowLayout, State


@final
class DenseInputs:
    """Dense columns as network inputs: first the D values, then D marks of which 1 says that the value is missing.

    A missing value is 0, which is the mean where the column is standardised. All values are clipped to +-`clip`, so
    that no input, however wild, makes the network overflow.
    """

    def __init__(self, layout: RowLayout, clip: float, memory_rows: int) -> None:
        self.n_inputs = 2 * layout.n_dense
        self._clip = clip
        self._scaled_S = np.flatnonzero(np.array(layout.dense_is_scaled, dtype=bool))
        self._scale = RunningScale(len(self._scaled_S), memory_rows)
        self._mean_D = np.zeros(layout.n_dense)
        self._scale_D = np.ones(layout.n_dense)

    def update(self, dense_BD: Floats32) -> None:
        """Take these rows into the running mean and deviation."""
        if not len(self._scaled_S):
            return
        self._scale.update(dense_BD[:, self._scaled_S].astype(np.float64))
        self._spread()

    def _spread(self) -> None:
        self._mean_D[self._scaled_S] = self._scale.mean_C
        self._scale_D[self._scaled_S] = self._scale.scale_C

    def write(self, dense_BD: Floats32, inputs_BI: Floats32) -> None:
        """Write the inputs of these rows."""
        n_dense = dense_BD.shape[1]
        x_BD = dense_BD.astype(np.float64)
        missing_BD = ~np.isfinite(x_BD)
        x_BD -= self._mean_D
        x_BD /= self._scale_D
        np.maximum(x_BD, -self._clip, out=x_BD)
        np.minimum(x_BD, self._clip, out=x_BD)
        x_BD[missing_BD] = 0.0
        inputs_BI[:, :n_dense] = x_BD
        inputs_BI[:, n_dense : self.n_inputs] = missing_BD

    def state(self) -> State:
        """The running statistics."""
        return self._scale.state()

    def load(self, state: State) -> None:
        """Take over a `state`."""
        self._scale.load(state)
        self._spread()
