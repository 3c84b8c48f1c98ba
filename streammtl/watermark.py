"""The watermark: how far event time has come."""

from __future__ import annotations

from typing import final

import numpy as np

from streammtl.types import Floats, State

#: So few records take less time one by one.
_FEW = 32


@final
class Watermark:
    """The largest event time seen. One record moves it by at most `max_ahead_s`, however far ahead its time is.

    >>> import numpy as np
    >>> Watermark(max_ahead_s=10.0).advance(np.array([100.0, 90.0, 1e9, 105.0]))
    array([100., 100., 110., 110.])
    """

    def __init__(self, max_ahead_s: float) -> None:
        self._max_ahead_s = max_ahead_s
        self._now_s = -np.inf  # until the first record with a time, which sets it as it is

    def advance(self, time_s_N: Floats) -> Floats:
        """The watermark after each record; NaN is a record without a time."""
        if len(time_s_N) < _FEW:
            return self._clamped(time_s_N)
        time_s_N = np.where(np.isnan(time_s_N), -np.inf, time_s_N)
        watermark_N = np.maximum.accumulate(np.maximum(time_s_N, self._now_s))
        before_N = np.concatenate([[self._now_s], watermark_N[:-1]])
        with np.errstate(invalid="ignore"):  # -inf minus -inf while no record has had a time
            if ((watermark_N - before_N > self._max_ahead_s) & np.isfinite(before_N)).any():
                return self._clamped(time_s_N)
        self._now_s = float(watermark_N[-1])
        return watermark_N

    def _clamped(self, time_s_N: Floats) -> Floats:
        """`advance` record by record."""
        now_s, clamped = self._now_s, []
        for time_s in time_s_N.tolist():
            if time_s > now_s:  # not of NaN
                is_far_ahead = now_s != -np.inf and time_s - now_s > self._max_ahead_s
                now_s = now_s + self._max_ahead_s if is_far_ahead else time_s
            clamped.append(now_s)
        self._now_s = now_s
        return np.array(clamped, dtype=np.float64)

    def state(self) -> State:
        """Where it stands."""
        return {"now_s": self._now_s}

    def load(self, state: State) -> None:
        """Take over a `state`."""
        self._now_s = float(state["now_s"])
