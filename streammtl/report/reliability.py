"""Published probabilities against how often it was so.

Shape suffixes: B scored labels of one task, C cells.
"""

from __future__ import annotations

import math
from typing import Final, final

import numpy as np

from streammtl.report import cells
from streammtl.types import Floats

#: Labels in a point of the diagram, at least: the interval of a share of one half is then +-0.17.
LEAST_PER_POINT: Final = 30

_Z95: Final = 1.959964


@final
class Reliability:
    """Probabilities against how often it was so.

    >>> reliability = Reliability()
    >>> reliability.add(np.full(40, 0.3), np.repeat([1.0, 0.0], [10, 30]))
    >>> [(point["n"], round(point["mean"], 2), point["observed"]) for point in reliability.to_json()]
    [(40, 0.3, 0.25)]
    """

    def __init__(self) -> None:
        self._count_C = np.zeros(cells.N_LOGIT_CELLS, np.int64)
        self._positive_C = np.zeros(cells.N_LOGIT_CELLS, np.int64)
        self._sum_C = np.zeros(cells.N_LOGIT_CELLS)

    def add(self, probability_B: Floats, is_so_B: Floats) -> None:
        """Take probabilities and what came of them (0 or 1)."""
        cell_B = cells.logit_cell(probability_B)
        self._count_C += np.bincount(cell_B, minlength=len(self._count_C))
        self._positive_C += np.bincount(cell_B[is_so_B > 0.5], minlength=len(self._count_C))
        # One after the other: the sum has the same bits however the stream was cut.
        np.add.at(self._sum_C, cell_B, probability_B)

    def to_json(self) -> list[dict[str, float]]:
        """One point per group of cells: labels, mean probability, observed share and its 95% interval (Wilson)."""
        points = []
        for group in cells.merged(self._count_C, LEAST_PER_POINT):
            n, n_positive = int(self._count_C[group].sum()), int(self._positive_C[group].sum())
            low, high = wilson(n_positive, n)
            mean = float(self._sum_C[group].sum()) / n
            points.append({"n": n, "mean": mean, "observed": n_positive / n, "low": low, "high": high})
        return points


def wilson(n_positive: int, n: int) -> tuple[float, float]:
    """The 95% interval of a share after Wilson, "Probable inference ...", JASA 22, 1927.

    (s + z²/2n ± z sqrt(s(1-s)/n + z²/4n²)) / (1 + z²/n), with the observed share s of n and z = 1.96.

    >>> [round(bound, 3) for bound in wilson(10, 40)]
    [0.142, 0.402]
    """
    share, square = n_positive / n, _Z95**2 / n
    half = _Z95 * math.sqrt(share * (1.0 - share) / n + square / (4.0 * n))
    centre = share + square / 2.0
    return max(0.0, (centre - half) / (1.0 + square)), min(1.0, (centre + half) / (1.0 + square))
