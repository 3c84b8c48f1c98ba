"""How long labels took.

Shape suffixes: B labels of one task, C cells.
"""

from __future__ import annotations

from typing import Any, final

import numpy as np

from streammtl.report import cells
from streammtl.types import Floats


@final
class Delays:
    """How long labels took.

    >>> delays = Delays()
    >>> delays.add(np.array([0.0, 60.0, 90.0, np.nan]))
    >>> document = delays.to_json()
    >>> document["n"], document["at_once"], round(document["median_s"])
    (3, 1, 60)
    """

    def __init__(self) -> None:
        self._edge_C = cells.size_edges()
        self._count_C = np.zeros(cells.N_SIZE_CELLS, np.int64)
        self._n_at_once = 0

    def add(self, delay_s_B: Floats) -> None:
        """Take delays; NaN: unknown."""
        known_B = delay_s_B[~np.isnan(delay_s_B)]
        late_B = known_B[known_B > 10.0**cells.SMALLEST_DECADE]
        self._n_at_once += len(known_B) - len(late_B)
        self._count_C += np.bincount(cells.size_cell(late_B), minlength=len(self._count_C))

    def to_json(self) -> dict[str, Any]:
        """Number, median, 90 %, and bars of equal width in the logarithm."""
        count_C = self._count_C.copy()
        count_C[0] += self._n_at_once
        bars = [
            {
                "from_s": float(self._edge_C[c]),
                "to_s": float(self._edge_C[c + 2]),
                "n": int(self._count_C[c : c + 2].sum()),
            }
            for c in range(0, cells.N_SIZE_CELLS, 2)
        ]
        return {
            "n": int(count_C.sum()),
            "at_once": self._n_at_once,
            "median_s": cells.quantile(count_C, self._edge_C, 0.5),
            "p90_s": cells.quantile(count_C, self._edge_C, 0.9),
            "bars": [bar for bar in bars if bar["n"]],
        }
