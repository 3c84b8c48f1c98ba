"""Every signal in standard deviations of its own reference, so that one threshold suits them all.

Shape suffixes: B records of a block, S signals.
"""

from __future__ import annotations

from typing import final

import numpy as np

from streammtl.types import Bools, Floats, Ints, State

#: Values farther from the mean count as this many standard deviations: one absurd record is not a drift.
MAX_DEVIATIONS = 8.0
#: What a signal that never varied is multiplied with, so that any difference exceeds its limit of 1.
_CONSTANT_GAIN = 1e300

_NAMES = ("origin", "n", "sum", "sum_squares", "center", "gain", "limit")


@final
class Scaling:
    """Centers and scales signals by the mean and the standard deviation of their references.

    The reference of a signal are its values from its start until there are at least `n_reference`, at the end of a
    block. From the next block on, z = (x - mean) / deviation, clipped to +-8. A signal that was constant in its
    reference becomes 0 where it is still the same and +-1 where it is not.

    >>> scaling = Scaling(1, n_reference=4)
    >>> block = np.array([[1.0], [3.0], [1.0], [3.0]])
    >>> scaling.extend_references(block, None, np.array([4]))
    >>> scaling.apply(np.array([[2.0], [4.0], [99.0]])).tolist()
    [[0.0], [2.0], [8.0]]
    """

    def __init__(self, n_signals: int, n_reference: int) -> None:
        self._n_reference = n_reference
        self.is_ready_S: Bools = np.zeros(n_signals, dtype=np.bool_)
        self._at = {name: np.zeros(n_signals) for name in _NAMES}

    def extend_references(self, values_BS: Floats, is_present_BS: Bools | None, n_S: Ints) -> None:
        """Add a block to the references that are not complete.

        `n_S` values of each signal are present (finite); `is_present_BS` None: all of them.
        """
        at = self._at
        first_row_S = 0 if is_present_BS is None else is_present_BS.argmax(axis=0)
        first_S = values_BS[first_row_S, np.arange(values_BS.shape[1])]
        at["origin"] = np.where((at["n"] == 0) & (n_S > 0), first_S, at["origin"])
        # From the first value, so that a constant gives sums of exactly zero.
        deviation_BS = values_BS - at["origin"]
        if is_present_BS is not None:
            deviation_BS[~is_present_BS] = 0.0
        is_open_S = ~self.is_ready_S
        at["n"][is_open_S] += n_S[is_open_S]
        at["sum"][is_open_S] += deviation_BS.sum(axis=0)[is_open_S]
        at["sum_squares"][is_open_S] += (deviation_BS * deviation_BS).sum(axis=0)[is_open_S]
        for signal in np.flatnonzero(is_open_S & (at["n"] >= self._n_reference)).tolist():
            self._complete(signal)

    def _complete(self, signal: int) -> None:
        at = {name: float(self._at[name][signal]) for name in _NAMES}
        mean = at["sum"] / at["n"]
        variance = at["sum_squares"] / at["n"] - mean * mean
        varies = 0.0 < variance < np.inf
        self._at["center"][signal] = at["origin"] + mean if varies else at["origin"]
        self._at["gain"][signal] = 1.0 / np.sqrt(variance) if varies else _CONSTANT_GAIN
        self._at["limit"][signal] = MAX_DEVIATIONS if varies else 1.0
        self.is_ready_S[signal] = True

    def apply(self, values_BS: Floats) -> Floats:
        """The scaled values; 0 for signals whose reference is not complete."""
        z_BS = values_BS - self._at["center"]
        z_BS *= self._at["gain"]
        np.minimum(z_BS, self._at["limit"], out=z_BS)
        return np.maximum(z_BS, -self._at["limit"], out=z_BS)

    def restart(self, signal: int) -> None:
        """Forget the reference of a signal; its next values are a new one."""
        self.is_ready_S[signal] = False
        for array_S in self._at.values():
            array_S[signal] = 0.0

    def state(self) -> State:
        """The references and what follows from them."""
        return {"is_ready": self.is_ready_S.copy(), **{name: array_S.copy() for name, array_S in self._at.items()}}

    def load(self, state: State) -> None:
        """Take over a `state`."""
        self.is_ready_S = np.array(state["is_ready"], dtype=np.bool_)
        self._at = {name: np.array(state[name], dtype=np.float64) for name in _NAMES}
