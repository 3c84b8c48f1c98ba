"""Drawing many choices at once: sorted arrays of cumulative shares to search in."""

from __future__ import annotations

import numpy as np

from streammtl.types import Floats


def steps(shares: Floats) -> Floats:
    """Cumulative shares of each row plus the row's number, flat: one sorted array to search (row + uniform) in.

    >>> steps(np.array([[1.0, 3.0], [2.0, 2.0]])).tolist()
    [0.25, 1.0, 1.5, 2.0]
    """
    cumulative = np.cumsum(shares / shares.sum(axis=1, keepdims=True), axis=1)
    cumulative[:, -1] = 1.0
    flat: Floats = cumulative + np.arange(len(shares), dtype=np.float64)[:, None]
    return flat.ravel()
