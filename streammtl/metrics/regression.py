"""Scores of predicted values.

Shape suffixes: B labelled rows, O = 1 published column, S statistics.
"""

from __future__ import annotations

from typing import ClassVar, Literal, Protocol, final, runtime_checkable

import numpy as np

from streammtl.metrics.base import Scorer, Term, coefficient_of_determination
from streammtl.tasks.base import Task
from streammtl.types import Floats

COUNT, ABSOLUTE, SQUARED, PINBALL, OFFSET, OFFSET_SQUARED, N_SUMS = range(7)


@runtime_checkable
class AimsAtQuantile(Protocol):
    """A task that says which quantile of the label it predicts (0.5 unless its loss is the quantile loss)."""

    quantile: float


@final
class RegressionScorer(Scorer):
    """Mean absolute error, root mean squared error, R2 and pinball loss of a predicted value.

    With label y and published value v, in the label's own units:

    - `mae`: mean of |y - v|; `rmse`: root of the mean of (y - v)^2;
    - `r2` = 1 - sum (y - v)^2 / sum (y - mean y)^2, the mean being that of the scored labels themselves; NaN while the
      labels do not differ, and where their spread is lost in rounding: squares are summed around the reference label,
      and a spread below 1e-6 of the distance to it is not told apart;
    - `pinball`: mean of max(q (y - v), (q - 1) (y - v)), at the quantile q the task aims at, else 0.5, where it is half
      the absolute error (Koenker and Bassett, "Regression Quantiles", Econometrica 46, 1978).

    The primary score is R2, or the pinball loss where the task aims at another quantile than the median.

    >>> from streammtl.tasks.regression import RegressionTask
    >>> scorer = RegressionScorer.Config().build(RegressionTask.Config().build("loss"))
    >>> statistics_S = scorer.statistics(np.array([1.0, 3.0]), np.array([[1.5], [3.0]]), reference=1.0)
    >>> scores = scorer.values(statistics_S)
    >>> scores["mae"], scores["r2"]
    (0.25, 0.875)
    """

    class Config(Scorer.Config):
        """Settings of the regression scorer."""

        kind: Literal["regression"] = "regression"

    larger_is_better: ClassVar[dict[str, bool]] = {
        "mae": False,
        "rmse": False,
        "r2": True,
        "pinball": False,
    }

    def __init__(self, config: RegressionScorer.Config, task: Task) -> None:
        assert task.n_outputs == 1
        self._quantile = task.quantile if isinstance(task, AimsAtQuantile) else 0.5
        self.primary = "r2" if self._quantile == 0.5 else "pinball"

    @property
    def n_statistics(self) -> int:
        """S."""
        return N_SUMS

    def terms(self, label_B: Floats, outputs_BO: Floats, reference: float) -> list[Term]:
        """What these rows add to the statistics."""
        error_B = label_B - outputs_BO[:, 0]
        offset_B = label_B - reference
        with np.errstate(over="ignore"):  # a model that has run away beyond 1e154 has an infinite squared error
            squared_B = error_B * error_B
        return [
            Term(COUNT, 1.0),
            Term(ABSOLUTE, np.abs(error_B)),
            Term(SQUARED, squared_B),
            Term(PINBALL, np.maximum(self._quantile * error_B, (self._quantile - 1.0) * error_B)),
            Term(OFFSET, offset_B),
            Term(OFFSET_SQUARED, offset_B * offset_B),
        ]

    def values(self, statistics_S: Floats) -> dict[str, float]:
        """The scores; NaN without labels, R2 also while the labels do not differ."""
        sums = [float(value) for value in statistics_S]
        count = sums[COUNT] or np.nan
        return {
            "mae": sums[ABSOLUTE] / count,
            "rmse": float(np.sqrt(sums[SQUARED] / count)),
            "r2": coefficient_of_determination(count, sums[OFFSET], sums[OFFSET_SQUARED], sums[SQUARED]),
            "pinball": sums[PINBALL] / count,
        }
