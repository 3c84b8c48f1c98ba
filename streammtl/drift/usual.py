"""From a distribution over many values to one number that moves when it changes.

Shape suffixes: B records of a block, V possible values.
"""

from __future__ import annotations

from typing import final

import numpy as np
import numpy.typing as npt

from streammtl.types import Bools, Floats, State


@final
class UsualValues:
    """The share of the usual values: those that made up half of the reference.

    The reference are the first `n_reference` records. Of the values in it, the most frequent that together make up at
    least half are *usual* from then on. The signal is whether a record's value is a usual one: it stands near one
    half, where a share has most room both ways, and needs one lookup per record however many values there are. What
    it cannot see is a shift among the usual values, or among the others. Where nearly every value occurs once, the
    usual ones soon are rare and the signal says little.

    >>> usual = UsualValues(n_values=4, n_reference=4)
    >>> usual.take(np.array([2, 2, 3, 1]))  # the reference: no signal yet
    array([nan, nan, nan, nan])
    >>> usual.take(np.array([2, 0, 2, 3]))
    array([1., 0., 1., 0.])
    """

    def __init__(self, n_values: int, n_reference: int) -> None:
        self._n_reference = n_reference
        self._weight_V = np.zeros(n_values)
        self._n_seen = 0
        self._is_usual_V: Bools | None = None

    def take(self, value_B: npt.NDArray[np.integer]) -> Floats:
        """For each record 1.0 or 0.0: is its value a usual one? NaN while the reference is collected."""
        if self._is_usual_V is None:
            self._learn(np.bincount(value_B, minlength=len(self._weight_V)), len(value_B))
            return np.full(len(value_B), np.nan)
        usual_B: Floats = self._is_usual_V[value_B].astype(np.float64)
        return usual_B

    def take_probabilities(self, probability_BV: Floats) -> Floats:
        """For each record the probability of the usual values; NaN while the reference is collected."""
        if self._is_usual_V is None:
            present_B = np.flatnonzero(np.isfinite(probability_BV.sum(axis=1)))
            self._learn(probability_BV[present_B].sum(axis=0), len(present_B))
            return np.full(len(probability_BV), np.nan)
        usual_B: Floats = np.where(self._is_usual_V, probability_BV, 0.0).sum(axis=1)
        return usual_B

    def _learn(self, weight_V: npt.NDArray[np.integer] | Floats, n: int) -> None:
        self._weight_V += weight_V
        self._n_seen += n
        if self._n_seen < self._n_reference:
            return
        order_V = np.argsort(-self._weight_V, kind="stable")  # of equals the first
        covered_V = np.cumsum(self._weight_V[order_V])
        n_usual = 1 + int(np.searchsorted(covered_V, covered_V[-1] / 2.0))
        self._is_usual_V = np.zeros(len(order_V), dtype=np.bool_)
        self._is_usual_V[order_V[:n_usual]] = True

    def restart(self) -> None:
        """Forget; the next records are a new reference."""
        self._weight_V[:] = 0.0
        self._n_seen = 0
        self._is_usual_V = None

    def state(self) -> State:
        """What is usual, or what the reference holds so far; values that did not occur are left out."""
        seen = np.flatnonzero(self._weight_V)
        return {
            "n_seen": self._n_seen,
            "values": seen,
            "weights": self._weight_V[seen],
            "usual": None if self._is_usual_V is None else np.flatnonzero(self._is_usual_V),
        }

    def load(self, state: State) -> None:
        """Take over a `state`."""
        self.restart()
        self._n_seen = int(state["n_seen"])
        self._weight_V[state["values"]] = state["weights"]
        if state["usual"] is not None:
            self._is_usual_V = np.zeros(len(self._weight_V), dtype=np.bool_)
            self._is_usual_V[state["usual"]] = True
