"""Scores of predicted rates of counts.

Shape suffixes: B labelled rows, O = 1 published column, S statistics.
"""

from __future__ import annotations

from typing import ClassVar, Literal, final

import numpy as np

from streammtl.metrics.base import Scorer, Term, coefficient_of_determination
from streammtl.tasks.base import Task
from streammtl.types import Floats

# A rate is clipped to at least CLIP before its logarithm is taken: a count under a rate of zero costs much, not
# infinity.
CLIP = 1e-15

COUNT, ABSOLUTE, SQUARED, DEVIANCE, OFFSET, OFFSET_SQUARED, N_SUMS = range(7)


@final
class CountScorer(Scorer):
    """Mean absolute error, root mean squared error, R2 and Poisson deviance of a predicted rate.

    With label y = 0, 1, 2, ... and published rate m:

    - `mae`: mean of |y - m|; `rmse`: root of the mean of (y - m)^2;
    - `r2` = 1 - sum (y - m)^2 / sum (y - mean y)^2; NaN while the labels do not differ (or differ by less than 1e-6 of
      their distance to the reference label);
    - `poisson_deviance`: mean of 2 (y log(y / m) - y + m), with 0 log 0 = 0 and m clipped to at least 1e-15 (McCullagh
      and Nelder, "Generalized Linear Models", 1989, section 2.3). Infinite for a no-change prediction of 0 followed by
      a count, so it is not given for no-change.

    >>> from streammtl.tasks.count import CountTask
    >>> scorer = CountScorer.Config().build(CountTask.Config().build("returns"))
    >>> statistics_S = scorer.statistics(np.array([0.0, 2.0]), np.array([[1.0], [2.0]]), reference=0.0)
    >>> scorer.values(statistics_S)
    {'mae': 0.5, 'rmse': 0.7071067811865476, 'r2': 0.5, 'poisson_deviance': 1.0}
    """

    class Config(Scorer.Config):
        """Settings of the count scorer."""

        kind: Literal["count"] = "count"

    # The mean minimises the squared error, which the absolute error does not ask for; and no-change has an R2.
    primary = "r2"
    larger_is_better: ClassVar[dict[str, bool]] = {
        "mae": False,
        "rmse": False,
        "r2": True,
        "poisson_deviance": False,
    }
    not_for_no_change = frozenset({"poisson_deviance"})

    def __init__(self, config: CountScorer.Config, task: Task) -> None:
        assert task.n_outputs == 1

    @property
    def n_statistics(self) -> int:
        """S."""
        return N_SUMS

    def terms(self, label_B: Floats, outputs_BO: Floats, reference: float) -> list[Term]:
        """What these rows add to the statistics."""
        rate_B = np.maximum(outputs_BO[:, 0], CLIP)
        error_B = label_B - outputs_BO[:, 0]
        offset_B = label_B - reference
        # Where y is 0, the logarithm's factor is 0: any positive argument will do.
        log_ratio_B = np.log(np.where(label_B > 0.0, label_B, 1.0) / rate_B)
        return [
            Term(COUNT, 1.0),
            Term(ABSOLUTE, np.abs(error_B)),
            Term(SQUARED, error_B * error_B),
            Term(DEVIANCE, 2.0 * (label_B * log_ratio_B - label_B + rate_B)),
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
            "poisson_deviance": sums[DEVIANCE] / count,
        }
