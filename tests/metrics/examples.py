"""One example for each kind of task: labels, and predictions that are better than chance but err."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from streammtl.seeds import named_rng
from streammtl.tasks.binary import BinaryTask
from streammtl.tasks.count import CountTask
from streammtl.tasks.multiclass import MulticlassTask
from streammtl.tasks.regression import RegressionTask
from streammtl.testing.metrics import Example


def binary(n_rows: int, seed: int = 0) -> Example:
    """Calibrated probabilities, a third positive."""
    rng = named_rng(seed, "binary")
    p_B = 1.0 / (1.0 + np.exp(1.0 - 1.5 * rng.standard_normal(n_rows)))
    label_B = (rng.random(n_rows) < p_B).astype(np.float64)
    return Example(BinaryTask.Config().build("fraud"), label_B, p_B[:, None])


def multiclass(n_rows: int, seed: int = 0) -> Example:
    """Four classes, of which the last one never occurs and is predicted at times."""
    rng = named_rng(seed, "multiclass")
    label_B = rng.integers(0, 3, n_rows).astype(np.float64)
    odds_BO = np.exp(rng.standard_normal((n_rows, 4)))
    odds_BO[np.arange(n_rows), label_B.astype(np.int64)] *= 2.0
    return Example(
        MulticlassTask.Config(classes=("a", "b", "c", "d")).build("kind"),
        label_B,
        odds_BO / odds_BO.sum(axis=1, keepdims=True),
    )


def regression(n_rows: int, seed: int = 0) -> Example:
    """Labels around 10 with a spread of 2, predicted to within 1."""
    rng = named_rng(seed, "regression")
    label_B = 10.0 + 2.0 * rng.standard_normal(n_rows)
    return Example(RegressionTask.Config().build("loss"), label_B, (label_B + rng.standard_normal(n_rows))[:, None])


def count(n_rows: int, seed: int = 0) -> Example:
    """Counts whose rates are known, from 0.02 up."""
    rng = named_rng(seed, "count")
    rate_B = np.exp(rng.standard_normal(n_rows))
    return Example(CountTask.Config().build("returns"), rng.poisson(rate_B).astype(np.float64), rate_B[:, None])


EXAMPLES: dict[str, Callable[[int, int], Example]] = {
    "binary": binary,
    "count": count,
    "multiclass": multiclass,
    "regression": regression,
}
