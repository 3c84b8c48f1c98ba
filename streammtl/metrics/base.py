"""The family of scorers: how well the published predictions of one task did.

A scorer turns labels and outputs into *additive* statistics: the statistics of two blocks together are the sum of
theirs. `streammtl.evaluate` keeps them running, fading and windowed, all by sums of the same statistics, so that no
score depends on how the stream was cut into polls.

Shape suffixes: B labelled rows, O published columns of the task, S statistics, M terms.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, cast

import numpy as np

from streammtl.component import Component
from streammtl.tasks.base import Task
from streammtl.types import Floats, Ints


@dataclass(frozen=True, slots=True)
class Term:
    """What every row adds to the statistics: row b adds `amount_B[b]` to statistic `place_B[b]`.

    A scalar stands for the same value in every row: `Term(3, 1.0)` counts the rows in statistic 3.
    """

    place_B: Ints | int
    amount_B: Floats | float


class Scorer(Component):
    """Additive statistics of one task's labels and published outputs, and the scores they give. Has no state."""

    family: ClassVar[str] = "metrics"
    #: The score that stands for the task where only one is shown.
    primary: str
    #: For each score of `values`: True where larger is better.
    larger_is_better: ClassVar[dict[str, bool]]
    #: Scores that say nothing about a no-change prediction, which is always certain: log loss is infinite at its first
    #: error.
    not_for_no_change: ClassVar[frozenset[str]] = frozenset()

    class Config(Component.Config):
        """Settings of a scorer."""

        def build(self, task: Task) -> Scorer:
            """The scorer of this task."""
            return cast(Scorer, self.owner(self, task))

    @property
    @abstractmethod
    def n_statistics(self) -> int:
        """S."""

    @abstractmethod
    def terms(self, label_B: Floats, outputs_BO: Floats, reference: float) -> list[Term]:
        """What these rows add to the statistics. Labels and outputs are finite.

        `reference` is a label of the stream around which squares may be summed; the same for everything that is added.
        """

    @abstractmethod
    def values(self, statistics_S: Floats) -> dict[str, float]:
        """The scores; NaN where the statistics do not define one (AUC with one class only)."""

    def no_change(self, label_B: Floats) -> Floats:
        """The published rows `(B, O)` of the prediction "this label again", which are those of `Task.baseline`."""
        return label_B[:, None]

    def statistics(self, label_B: Floats, outputs_BO: Floats, reference: float) -> Floats:
        """The statistics `(S,)` of these rows."""
        statistics_S = np.zeros(self.n_statistics)
        place_BM, amount_BM = by_row(self.terms(label_B, outputs_BO, reference), len(label_B))
        add_in_order(statistics_S, place_BM, amount_BM)
        return statistics_S


def by_row(terms: list[Term], n_rows: int) -> tuple[Ints, Floats]:
    """The places and the amounts of all M terms, `(B, M)` each."""
    place_BM = np.empty((n_rows, len(terms)), dtype=np.int64)
    amount_BM = np.empty((n_rows, len(terms)))
    for number, term in enumerate(terms):
        place_BM[:, number] = term.place_B
        amount_BM[:, number] = term.amount_B
    return place_BM, amount_BM


def add_in_order(statistics_S: Floats, place_BM: Ints, amount_BM: Floats) -> None:
    """Add amounts to the statistics at their places, in place, one row after the other.

    Each statistic is a sum from the first row to the last, so it has the same bits however the rows were cut; numpy's
    `sum` would group them by the length of the array.
    """
    np.add.at(statistics_S, place_BM.ravel(), amount_BM.ravel())


def coefficient_of_determination(count: float, offset: float, offset_squared: float, squared_error: float) -> float:
    """R2 from the sums of weights, of y - reference, of its square, and of the squared error of the prediction.

    NaN where the labels do not differ. The spread is a difference of sums whose rounding errors are about 1e-16 of
    them per step; below 1e-12 of them it is noise.
    """
    spread = offset_squared - offset * offset / count
    if not spread > 1e-12 * offset_squared:
        return float("nan")
    return 1.0 - squared_error / spread
