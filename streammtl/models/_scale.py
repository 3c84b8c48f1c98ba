"""Running mean and standard deviation of columns, in float64, that a wild value does not spoil.

Shape suffixes: B rows of an update, C columns.
"""

from __future__ import annotations

from typing import final

import numpy as np

from streammtl.types import Bools, Floats, State

#: A value counts as at most this many standard deviations from the mean. A single wild value among n then multiplies
#: the variance by at most 1 + 10,000 / n, while a lasting change of units is followed within some hundred rows.
OUTLIER_LIMIT = 100.0
#: A column whose deviation is this small beside its mean is constant: what is left is float64 rounding.
_CONSTANT = 1e-12
#: Below this a deviation is no scale to divide by: ratios of values must stay inside float64.
_TINY = 1e-60


@final
class RunningScale:
    """Mean and standard deviation of each column, merged block by block.

    Blocks are merged by Chan, Golub, LeVeque, Updating Formulae and a Pairwise Algorithm for Computing Sample
    Variances, 1979. After `memory_rows` values a column begins to forget: the past then counts as that many. A column
    without a deviation (no value yet, or a constant) has scale 1 and is not `is_known_C`.

    >>> import numpy as np
    >>> scale = RunningScale(1, memory_rows=1000)
    >>> scale.update(np.array([[1.0], [3.0]]))
    >>> scale.mean_C, scale.scale_C
    (array([2.]), array([1.]))
    """

    def __init__(self, n_columns: int, memory_rows: int) -> None:
        self._memory_rows = float(memory_rows)
        self._n_C: Floats = np.zeros(n_columns)
        self._squares_C: Floats = np.zeros(n_columns)  # sum of squared deviations
        self.mean_C: Floats = np.zeros(n_columns)
        self._derive()

    def update(self, values_BC: Floats) -> None:
        """Take in these rows; what is not finite is absent."""
        # Columns lie contiguous: then a column's sum does not depend on how many other columns there are.
        values_CB = np.ascontiguousarray(values_BC.T)
        present_CB = np.isfinite(values_CB)
        n_C = present_CB.sum(axis=1).astype(np.float64)
        if not n_C.any():
            return
        low_C, high_C = self._limits(values_CB, present_CB)
        values_CB = np.where(present_CB, values_CB, self.mean_C[:, None])
        values_CB = np.minimum(np.maximum(values_CB, low_C[:, None]), high_C[:, None])
        divisor_C = np.maximum(n_C, 1.0)
        mean_C = np.where(present_CB, values_CB, 0.0).sum(axis=1) / divisor_C
        deviation_CB = np.where(present_CB, values_CB - mean_C[:, None], 0.0)
        self._merge(n_C, mean_C, (deviation_CB * deviation_CB).sum(axis=1))
        self._derive()

    def _limits(self, values_CB: Floats, present_CB: Bools) -> tuple[Floats, Floats]:
        reach_C = np.where(self.is_known_C, OUTLIER_LIMIT * self.scale_C, np.inf)
        low_C, high_C = self.mean_C - reach_C, self.mean_C + reach_C
        for column in np.flatnonzero(~self.is_known_C).tolist():
            # No deviation yet: half the values of the first block show what is usual.
            values = values_CB[column, present_CB[column]]
            if len(values) > 2:
                middle = float(np.median(values))
                reach = OUTLIER_LIMIT * float(np.median(np.abs(values - middle)))
                if reach > 0.0:
                    low_C[column], high_C[column] = middle - reach, middle + reach
        return low_C, high_C

    def _merge(self, n_C: Floats, mean_C: Floats, squares_C: Floats) -> None:
        total_C = np.maximum(self._n_C + n_C, 1.0)
        share_C = n_C / total_C
        shift_C = mean_C - self.mean_C
        self.mean_C = self.mean_C + np.where(n_C > 0.0, shift_C * share_C, 0.0)
        between_C = np.where(n_C > 0.0, shift_C * shift_C * self._n_C * share_C, 0.0)
        kept_C = np.minimum(total_C, self._memory_rows)
        self._squares_C = (self._squares_C + squares_C + between_C) * (kept_C / total_C)
        self._n_C = np.minimum(self._n_C + n_C, self._memory_rows)

    def _derive(self) -> None:
        deviation_C = np.sqrt(self._squares_C / np.maximum(self._n_C, 1.0))
        self.is_known_C: Bools = deviation_C > np.maximum(_CONSTANT * np.abs(self.mean_C), _TINY)
        self.scale_C: Floats = np.where(self.is_known_C, deviation_C, 1.0)

    def state(self) -> State:
        """Counts, means and sums of squares."""
        return {"n": self._n_C.copy(), "mean": self.mean_C.copy(), "squares": self._squares_C.copy()}

    def load(self, state: State) -> None:
        """Take over a `state`."""
        self._n_C = np.array(state["n"], dtype=np.float64)
        self.mean_C = np.array(state["mean"], dtype=np.float64)
        self._squares_C = np.array(state["squares"], dtype=np.float64)
        self._derive()
