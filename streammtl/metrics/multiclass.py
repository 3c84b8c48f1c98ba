"""Scores of probabilities over classes.

Shape suffixes: B labelled rows, O = K published columns (one per class), S statistics.
"""

from __future__ import annotations

from typing import ClassVar, Literal, final

import numpy as np

from streammtl.metrics.base import Scorer, Term
from streammtl.tasks.base import Task
from streammtl.types import Floats

# A probability is clipped to at least CLIP before its logarithm is taken: one certain error costs 34.5, not infinity.
CLIP = 1e-15

COUNT, CORRECT, LOG_LOSS, N_SUMS = range(4)


@final
class MulticlassScorer(Scorer):
    """Accuracy, macro F1, log loss and Cohen's kappa of the probabilities of K classes.

    The predicted class is the one with the largest probability (the first of equals). With n labels, of which l_k are
    of class k, q_k are predicted as k and h_k both:

    - `accuracy` = a = sum_k h_k / n;
    - `macro_f1`: mean of 2 h_k / (l_k + q_k) over the classes that have occurred as label or as prediction;
    - `log_loss`: mean of -log p of the label's class, p clipped to at least 1e-15;
    - `kappa` = (a - e) / (1 - e) with e = sum_k l_k q_k / n^2 (Cohen, "A Coefficient of Agreement for Nominal Scales",
      Educational and Psychological Measurement 20, 1960); NaN while all labels and predictions are one class.

    K is the number of published columns: where classes are discovered, the stated maximum; classes without a name yet
    count nowhere. In the fading scores a class that has occurred stays in the mean of `macro_f1`, with its last F1.

    >>> from streammtl.tasks.multiclass import MulticlassTask
    >>> scorer = MulticlassScorer.Config().build(MulticlassTask.Config(classes=("a", "b")).build("kind"))
    >>> statistics_S = scorer.statistics(np.array([0.0, 1.0]), np.array([[0.7, 0.3], [0.6, 0.4]]), reference=0.0)
    >>> scorer.values(statistics_S)["accuracy"]
    0.5
    """

    class Config(Scorer.Config):
        """Settings of the multiclass scorer."""

        kind: Literal["multiclass"] = "multiclass"

    primary = "accuracy"
    larger_is_better: ClassVar[dict[str, bool]] = {
        "accuracy": True,
        "macro_f1": True,
        "log_loss": False,
        "kappa": True,
    }
    not_for_no_change = frozenset({"log_loss"})

    def __init__(self, config: MulticlassScorer.Config, task: Task) -> None:
        self._n_classes = task.n_outputs

    @property
    def n_statistics(self) -> int:
        """S: sums, then labels, predictions and hits by class."""
        return N_SUMS + 3 * self._n_classes

    def terms(self, label_B: Floats, outputs_BO: Floats, reference: float) -> list[Term]:
        """What these rows add to the statistics."""
        class_B = label_B.astype(np.int64)
        predicted_B = outputs_BO.argmax(axis=1)
        p_B = outputs_BO[np.arange(len(class_B)), class_B]
        hit_B = (predicted_B == class_B).astype(np.float64)
        return [
            Term(COUNT, 1.0),
            Term(CORRECT, hit_B),
            Term(LOG_LOSS, -np.log(np.clip(p_B, CLIP, 1.0))),
            Term(N_SUMS + class_B, 1.0),
            Term(N_SUMS + self._n_classes + predicted_B, 1.0),
            Term(N_SUMS + 2 * self._n_classes + class_B, hit_B),
        ]

    def values(self, statistics_S: Floats) -> dict[str, float]:
        """The scores; NaN without labels, kappa also while chance alone would agree always."""
        labels_K, predictions_K, hits_K = statistics_S[N_SUMS:].reshape(3, self._n_classes)
        count = float(statistics_S[COUNT]) or np.nan
        accuracy = float(statistics_S[CORRECT] / count)
        by_chance = float((labels_K * predictions_K).sum() / (count * count))
        occurred_K = labels_K + predictions_K > 0.0
        f1_K = 2.0 * hits_K[occurred_K] / (labels_K + predictions_K)[occurred_K]
        # With one class only, `by_chance` is 1 up to the rounding of the sums.
        is_one_class = by_chance > 1.0 - 1e-12
        return {
            "accuracy": accuracy,
            "macro_f1": float(f1_K.mean()) if f1_K.size else float("nan"),
            "log_loss": float(statistics_S[LOG_LOSS] / count),
            "kappa": float("nan") if is_one_class else (accuracy - by_chance) / (1.0 - by_chance),
        }

    def no_change(self, label_B: Floats) -> Floats:
        """The published rows of "this class again"."""
        certain_BO = np.zeros((len(label_B), self._n_classes))
        certain_BO[np.arange(len(label_B)), label_B.astype(np.int64)] = 1.0
        return certain_BO
