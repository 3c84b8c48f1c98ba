"""Errors of published values.

Shape suffixes: B scored labels of one task, C cells, I edges of bars.
"""

from __future__ import annotations

from typing import Any, Final, final

import numpy as np

from streammtl.report import cells
from streammtl.types import Floats

#: Points of mean label by mean prediction: as many as can be told apart on a phone, of enough labels for a mean.
VALUE_POINTS: Final = 16
LEAST_PER_POINT: Final = 30

#: Odd, so that one bar stands over zero.
RESIDUAL_BINS: Final = 41


@final
class Residuals:
    """Errors of predicted values: how they are spread, and whether the predictions are right on average.

    >>> residuals = Residuals()
    >>> residuals.add(np.array([1.0, 2.0, 5.0]), np.array([1.5, 2.0, 3.0]))
    >>> document = residuals.to_json()
    >>> document["n"], round(document["mean"], 2), sum(bar["n"] for bar in document["bars"])
    (3, 0.5, 3.0)
    """

    def __init__(self) -> None:
        self._edge_C = cells.signed_edges()
        self._count_C = np.zeros(cells.N_SIGNED_CELLS, np.int64)
        self._by_value_C = np.zeros(cells.N_SIGNED_CELLS, np.int64)
        self._predicted_C = np.zeros(cells.N_SIGNED_CELLS)
        self._label_C = np.zeros(cells.N_SIGNED_CELLS)
        self._sum = np.zeros(1)

    def add(self, label_B: Floats, predicted_B: Floats) -> None:
        """Take labels and what was predicted."""
        residual_B = label_B - predicted_B
        self._count_C += np.bincount(cells.signed_cell(residual_B), minlength=len(self._count_C))
        cell_B = cells.signed_cell(predicted_B)
        self._by_value_C += np.bincount(cell_B, minlength=len(self._count_C))
        np.add.at(self._predicted_C, cell_B, predicted_B)
        np.add.at(self._label_C, cell_B, label_B)
        np.add.at(self._sum, np.zeros(len(residual_B), np.int64), residual_B)

    def to_json(self) -> dict[str, Any]:
        """Quantiles of label - prediction, a histogram of them, and mean label by mean prediction."""
        n = int(self._count_C.sum())
        at = {share: cells.quantile(self._count_C, self._edge_C, share) for share in (0.01, 0.05, 0.5, 0.95, 0.99)}
        return {
            "n": n,
            "mean": float(self._sum[0]) / n if n else float("nan"),
            "median": at[0.5],
            "p05": at[0.05],
            "p95": at[0.95],
            "bars": self._bars(at[0.01], at[0.99]) if n else [],
            "values": self._values(),
        }

    def _bars(self, low: float, high: float) -> list[dict[str, float]]:
        """Bars of equal width around zero; a cell that lies in several bars is shared out by its width."""
        reach = max(abs(low), abs(high), 10.0**cells.SMALLEST_DECADE)
        edge_I = np.linspace(-reach, reach, RESIDUAL_BINS + 1)
        below_C = np.concatenate([[0.0], np.cumsum(self._count_C)])
        below_I = np.interp(edge_I, self._edge_C, below_C)
        below_I[0], below_I[-1] = 0.0, float(below_C[-1])  # what lies beyond is in the outermost bars
        return [
            {"from": float(edge_I[i]), "to": float(edge_I[i + 1]), "n": float(below_I[i + 1] - below_I[i])}
            for i in range(RESIDUAL_BINS)
        ]

    def _values(self) -> list[dict[str, float]]:
        least = max(LEAST_PER_POINT, int(self._by_value_C.sum()) // VALUE_POINTS)
        points = []
        for group in cells.merged(self._by_value_C, least):
            n = int(self._by_value_C[group].sum())
            predicted, label = float(self._predicted_C[group].sum()) / n, float(self._label_C[group].sum()) / n
            points.append({"n": n, "predicted": predicted, "label": label})
        return points
