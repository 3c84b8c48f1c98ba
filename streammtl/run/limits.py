"""Limits of rejected records, beyond which a run stops instead of learning from what is left."""

from __future__ import annotations

from typing import final

import numpy as np

from streammtl.errors import LimitError
from streammtl.limits import Limits
from streammtl.types import Bools


@final
class RejectLimits:
    """Counts rejected records: those in a row, and those among the last `window` records.

    >>> import numpy as np
    >>> limits = RejectLimits(Limits(rejects_in_row=2))
    >>> limits.check(np.array([True, True, False]))
    >>> limits.check(np.array([True, True, True]))
    Traceback (most recent call last):
        ...
    streammtl.errors.LimitError: 3 records in a row were rejected, and limits.rejects_in_row is 2: ...
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._n_in_row = 0
        self._window_N: Bools = np.zeros(0, np.bool_)  # the last records, True: rejected

    def check(self, is_rejected_N: Bools) -> None:
        """Take note of more records. Raises `LimitError`."""
        self._check_row(is_rejected_N)
        self._check_ratio(is_rejected_N)

    def _check_row(self, is_rejected_N: Bools) -> None:
        limit = self._limits.rejects_in_row
        if not is_rejected_N.any():
            self._n_in_row = 0 if len(is_rejected_N) else self._n_in_row
            return
        good = np.flatnonzero(~is_rejected_N)
        # Longest run: the one that began earlier, those between good records, the one at the end.
        ends = np.concatenate([good, [len(is_rejected_N)]])
        runs = np.diff(ends, prepend=-1) - 1
        runs[0] += self._n_in_row
        self._n_in_row = int(runs[-1])
        longest = int(runs.max())
        if limit is not None and longest > limit:
            self._refuse(f"{longest:,} records in a row were rejected, and limits.rejects_in_row is {limit:,}")

    def _check_ratio(self, is_rejected_N: Bools) -> None:
        limit, window = self._limits.rejects_ratio, self._limits.rejects_window
        if limit is None:
            return
        recent_N = np.concatenate([self._window_N, is_rejected_N])
        self._window_N = recent_N[-window + 1 :] if window > 1 else recent_N[:0]
        if not recent_N.any():
            return
        n_rejected_N = np.concatenate([[0], np.cumsum(recent_N)])
        in_window_N = n_rejected_N[window:] - n_rejected_N[:-window] if len(recent_N) >= window else np.zeros(0)
        most = int(in_window_N.max(initial=0))
        if most > limit * window:
            self._refuse(
                f"{most:,} of {window:,} records were rejected ({most / window:.1%}), and limits.rejects_ratio is "
                f"{limit:g}"
            )

    def _refuse(self, what: str) -> None:
        raise LimitError(
            f"{what}: state is saved; look at the rejects for their reasons, and start again to go on behind them"
        )
