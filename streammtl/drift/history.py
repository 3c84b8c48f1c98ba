"""What signals were before a change, and what they are since.

Shape suffixes: S signals, H remembered blocks.
"""

from __future__ import annotations

from typing import final

import numpy as np

from streammtl.types import Floats, Ints, State

#: Blocks of which the sums are kept apart: a change is mostly found within 20 blocks of where it happened.
_KEPT = 32


@final
class History:
    """Sums of each signal since its start, those of the latest blocks apart.

    A change is found some blocks after it happened. So `means` splits the blocks since the start in two, at the place
    that explains the values best: the last k blocks (k up to 32) against all before, with the k of the greatest

        (after - before)² n_after n_before / (n_after + n_before)

    n the number of values on either side: least squares, as in D. V. Hinkley, Inference about the Change-Point in a
    Sequence of Random Variables. Biometrika 57, 1970.

    >>> history = History(1)
    >>> for mean in (1.0, 1.1, 0.9, 1.0, 3.0, 3.0):
    ...     history.append(np.array([10]), np.array([10.0 * mean]))
    >>> history.means(0)
    (1.0, 3.0)
    """

    def __init__(self, n_signals: int) -> None:
        self._n_blocks_S: Ints = np.zeros(n_signals, dtype=np.int64)
        self._n_S: Ints = np.zeros(n_signals, dtype=np.int64)
        self._sum_S = np.zeros(n_signals)
        self._latest_n_SH: Ints = np.zeros((n_signals, _KEPT), dtype=np.int64)
        self._latest_sum_SH = np.zeros((n_signals, _KEPT))
        self._all_signals = np.arange(n_signals)

    def append(self, n_S: Ints, sum_S: Floats) -> None:
        """Add a block: how many values each signal has in it, and their sum; no values change nothing."""
        signals = self._all_signals if n_S.all() else np.flatnonzero(n_S)
        slots = self._n_blocks_S[signals] % _KEPT
        self._latest_n_SH[signals, slots] = n_S[signals]
        self._latest_sum_SH[signals, slots] = sum_S[signals]
        self._n_blocks_S += n_S > 0
        self._n_S += n_S
        self._sum_S += sum_S

    def means(self, signal: int) -> tuple[float, float]:
        """The means before and after the most likely place of a change; NaN before it with one block only."""
        n_blocks, n_total, total = int(self._n_blocks_S[signal]), self._n_S[signal], self._sum_S[signal]
        if n_blocks < 2:
            return float("nan"), float(total / n_total)
        latest = (n_blocks - 1 - np.arange(min(n_blocks - 1, _KEPT))) % _KEPT
        n_after, after = np.cumsum(self._latest_n_SH[signal, latest]), np.cumsum(self._latest_sum_SH[signal, latest])
        n_before, before = n_total - n_after, total - after
        gap = after / n_after - before / n_before
        k = int(np.argmax(gap * gap * n_after * n_before))
        return float(before[k] / n_before[k]), float(after[k] / n_after[k])

    def restart(self, signal: int) -> None:
        """Forget what a signal was."""
        self._n_blocks_S[signal] = self._n_S[signal] = 0
        self._sum_S[signal] = 0.0

    def state(self) -> State:
        """All sums, those of the latest blocks in a circle of 32."""
        return {
            "n_blocks": self._n_blocks_S.copy(),
            "n": self._n_S.copy(),
            "sum": self._sum_S.copy(),
            "latest_n": self._latest_n_SH.copy(),
            "latest_sum": self._latest_sum_SH.copy(),
        }

    def load(self, state: State) -> None:
        """Take over a `state`."""
        self._n_blocks_S = np.array(state["n_blocks"], dtype=np.int64)
        self._n_S = np.array(state["n"], dtype=np.int64)
        self._sum_S = np.array(state["sum"], dtype=np.float64)
        self._latest_n_SH = np.array(state["latest_n"], dtype=np.int64)
        self._latest_sum_SH = np.array(state["latest_sum"], dtype=np.float64)
