"""The rules that every scorer obeys, as checks; `check_scorer(scorer, example)` runs them all.

A check takes a built scorer and an `Example` of its task, and raises `AssertionError` when a rule is broken.

Shape suffixes: B labelled rows, O published columns of the task, S statistics, M terms.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from streammtl.metrics.base import Scorer, add_in_order, by_row
from streammtl.seeds import named_rng
from streammtl.tasks.base import Task
from streammtl.types import Floats, Ints

SEED = 7
#: Sums in another order differ by rounding, and not by more.
TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Example:
    """Labels of a task, and published predictions that are better than chance but err."""

    task: Task
    label_B: Floats
    outputs_BO: Floats

    @property
    def reference(self) -> float:
        """The stream's first label."""
        return float(self.label_B[0])

    def rows(self, rows: slice | Ints) -> Example:
        """Only these rows, in this order."""
        return Example(self.task, self.label_B[rows], self.outputs_BO[rows])


def check_scorer(scorer: Scorer, example: Example) -> None:
    """Run every check."""
    for check in CHECKS:
        check(scorer, example)


def check_scores_are_declared(scorer: Scorer, example: Example) -> None:
    """Every score says whether larger is better, and the primary one is among them, also for no-change."""
    names = set(_values(scorer, example))
    assert names == set(scorer.larger_is_better)
    assert scorer.primary in names
    assert scorer.not_for_no_change < names


def check_scores_of_an_example_are_finite(scorer: Scorer, example: Example) -> None:
    """Labels that differ and predictions that err define every score."""
    assert all(math.isfinite(score) for score in _values(scorer, example).values())


def check_scores_without_labels_are_nan(scorer: Scorer, example: Example) -> None:
    """No label, no score; and nothing warns of a division by zero."""
    assert all(math.isnan(score) for score in _values(scorer, example.rows(slice(0, 0))).values())


def check_statistics_add_up(scorer: Scorer, example: Example) -> None:
    """The statistics of two pieces together are the sum of theirs, wherever the cut lies."""
    whole_S = _statistics(scorer, example, example.reference)
    for cut in (0, 1, len(example.label_B) // 3, len(example.label_B)):
        pieces = (example.rows(slice(0, cut)), example.rows(slice(cut, None)))
        sum_S = sum((_statistics(scorer, piece, example.reference) for piece in pieces), np.zeros(scorer.n_statistics))
        np.testing.assert_allclose(sum_S, whole_S, rtol=TOLERANCE, atol=TOLERANCE)


def check_adding_pieces_gives_the_same_bits(scorer: Scorer, example: Example) -> None:
    """Adding row after row to the same sums ends in the very same numbers, weighted or not."""
    n_rows = len(example.label_B)
    weight_B = named_rng(SEED, "weights").uniform(0.5, 2.0, n_rows)
    for weights_B in (np.ones(n_rows), weight_B):
        sums = []
        for size in (n_rows, 7, 1):
            sum_S = np.zeros(scorer.n_statistics)
            for start in range(0, n_rows, size):
                rows = slice(start, min(start + size, n_rows))
                piece = example.rows(rows)
                terms = scorer.terms(piece.label_B, piece.outputs_BO, example.reference)
                place_BM, amount_BM = by_row(terms, len(piece.label_B))
                add_in_order(sum_S, place_BM, amount_BM * weights_B[rows, None])
            sums.append(sum_S)
        for sum_S in sums[1:]:
            np.testing.assert_array_equal(sum_S, sums[0])


def check_order_of_rows_does_not_matter(scorer: Scorer, example: Example) -> None:
    """The same labelled rows in another order have the same scores."""
    order_B = named_rng(SEED, "order").permutation(len(example.label_B))
    _assert_same(_values(scorer, example), _values(scorer, example.rows(order_B)))


def check_reference_does_not_matter(scorer: Scorer, example: Example) -> None:
    """Squares may be summed around any label."""
    at_last = scorer.values(_statistics(scorer, example, float(example.label_B[-1])))
    _assert_same(_values(scorer, example), at_last)


def check_scores_do_not_depend_on_the_scale_of_the_weights(scorer: Scorer, example: Example) -> None:
    """Fading sums may be scaled: scores are ratios of statistics."""
    statistics_S = _statistics(scorer, example, example.reference)
    _assert_same(scorer.values(statistics_S), scorer.values(0.125 * statistics_S))


def check_values_leave_the_statistics_alone(scorer: Scorer, example: Example) -> None:
    """Reading the scores changes nothing."""
    statistics_S = _statistics(scorer, example, example.reference)
    before_S = statistics_S.copy()
    scorer.values(statistics_S)
    np.testing.assert_array_equal(statistics_S, before_S)


def check_no_change_is_the_baseline_of_the_task(scorer: Scorer, example: Example) -> None:
    """The rows of the no-change prediction are those that the task publishes for it."""
    rows_BO = np.stack([example.task.baseline(float(label)) for label in example.label_B])
    np.testing.assert_array_equal(scorer.no_change(example.label_B), rows_BO)


def check_perfect_prediction_is_better(scorer: Scorer, example: Example) -> None:
    """Predicting the label itself scores at least as well as the example in every score that no-change has."""
    perfect = Example(example.task, example.label_B, scorer.no_change(example.label_B))
    best, found = _values(scorer, perfect), _values(scorer, example)
    for name in set(found) - scorer.not_for_no_change:
        sign = 1.0 if scorer.larger_is_better[name] else -1.0
        assert sign * best[name] >= sign * found[name], name


CHECKS: tuple[Callable[[Scorer, Example], None], ...] = (
    check_scores_are_declared,
    check_scores_of_an_example_are_finite,
    check_scores_without_labels_are_nan,
    check_statistics_add_up,
    check_adding_pieces_gives_the_same_bits,
    check_order_of_rows_does_not_matter,
    check_reference_does_not_matter,
    check_scores_do_not_depend_on_the_scale_of_the_weights,
    check_values_leave_the_statistics_alone,
    check_no_change_is_the_baseline_of_the_task,
    check_perfect_prediction_is_better,
)


def _statistics(scorer: Scorer, example: Example, reference: float) -> Floats:
    return scorer.statistics(example.label_B, example.outputs_BO, reference)


def _values(scorer: Scorer, example: Example) -> dict[str, float]:
    reference = example.reference if len(example.label_B) else 0.0
    return scorer.values(_statistics(scorer, example, reference))


def _assert_same(scores: dict[str, float], others: dict[str, float]) -> None:
    assert scores.keys() == others.keys()
    for name, score in scores.items():
        np.testing.assert_allclose(others[name], score, rtol=TOLERANCE, err_msg=name)
