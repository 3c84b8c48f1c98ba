"""Labels scored per second: `Evaluate` beside River's metrics, one observation at a time, over the same labels.

    python -m benchmarks.evaluate [LABELS]

`Evaluate` keeps running, fading and windowed scores of the predictions *and* of no-change (six sets in all); the
River lines keep one set each, of the binary task's predictions alone.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from streammtl.evaluate import Evaluate
from streammtl.seeds import named_rng
from streammtl.tasks.base import Task
from streammtl.tasks.binary import BinaryTask
from streammtl.tasks.count import CountTask
from streammtl.tasks.multiclass import MulticlassTask
from streammtl.tasks.regression import RegressionTask
from streammtl.types import Floats, Outcome

ROWS_PER_TURN = 5_000
WINDOW = 1_000
#: River is timed over fewer labels; its cost per label does not depend on how many there are.
RIVER_LABELS = 10_000


@dataclass(frozen=True, slots=True)
class Column:
    """One task with its labels and published predictions."""

    task: Task
    label_L: Floats
    outputs_LO: Floats


def main(n_labels: int = 100_000) -> None:
    """Print the figures."""
    fraud, columns = _columns(n_labels)
    print(f"{n_labels:,} events with a label for every task, turns of {ROWS_PER_TURN:,}")
    _time_evaluate(columns, min(n_labels, ROWS_PER_TURN))  # pages in code and data
    for what, chosen in (("1 binary task", [fraud]), ("5 tasks (2 binary, multiclass, regression, count)", columns)):
        seconds, evaluate = _time_evaluate(chosen, n_labels)
        n_scored = n_labels * len(chosen)
        _print(f"streammtl Evaluate, {what}", n_scored, seconds, f"{1e6 * seconds / n_labels:.2f} us per event")
        start = time.perf_counter()
        evaluate.report()
        print(f"  {'its report, once':<58} {1e3 * (time.perf_counter() - start):10.2f} ms")
    pairs = list(zip((fraud.label_L > 0.5).tolist(), fraud.outputs_LO[:, 0].tolist(), strict=True))
    for what, n_timed, metrics, is_read in _river(min(n_labels, RIVER_LABELS)):
        start = time.perf_counter()
        _update_each(metrics, pairs[:n_timed], is_read)
        seconds = time.perf_counter() - start
        _print(f"River {what}, 1 binary task", n_timed, seconds, f"{1e6 * seconds / n_timed:.2f} us per event")


def _columns(n_rows: int) -> tuple[Column, list[Column]]:
    rng = named_rng(0, "benchmark")

    def probability_L() -> Floats:
        return 1.0 / (1.0 + np.exp(3.0 - 1.5 * rng.standard_normal(n_rows)))

    def binary(name: str) -> Column:
        p_L = probability_L()
        return Column(BinaryTask.Config().build(name), (rng.random(n_rows) < p_L).astype(np.float64), p_L[:, None])

    odds_LO = np.exp(rng.standard_normal((n_rows, 5)))
    value_L = rng.standard_normal(n_rows)
    rate_L = np.exp(rng.standard_normal(n_rows))
    fraud = binary("fraud")
    return fraud, [
        fraud,
        binary("chargeback"),
        Column(
            MulticlassTask.Config(max_classes=5).build("fraud_kind"),
            rng.integers(0, 5, n_rows).astype(np.float64),
            odds_LO / odds_LO.sum(axis=1, keepdims=True),
        ),
        Column(RegressionTask.Config().build("loss"), value_L + rng.standard_normal(n_rows), value_L[:, None]),
        Column(CountTask.Config().build("returns"), rng.poisson(rate_L).astype(np.float64), rate_L[:, None]),
    ]


def _time_evaluate(columns: list[Column], n_rows: int) -> tuple[float, Evaluate]:
    labels_LT = np.column_stack([column.label_L for column in columns])
    outputs_LO = np.hstack([column.outputs_LO for column in columns])
    baseline_LT = np.vstack((np.full((1, len(columns)), np.nan), labels_LT[:-1]))
    turns = []
    for start in range(0, n_rows, ROWS_PER_TURN):
        rows = slice(start, start + ROWS_PER_TURN)
        n_turn = len(labels_LT[rows])
        no_expiry_L = np.zeros(n_turn, dtype=np.bool_)
        turns.append(
            Outcome(labels_LT[rows], outputs_LO[rows], baseline_LT[rows], np.ones(n_turn), np.ones(n_turn), no_expiry_L)
        )
    evaluate = Evaluate.Config().build(tuple(column.task for column in columns))
    start_s = time.perf_counter()
    for turn in turns:
        evaluate.observe(turn, n_events=len(turn.labels_LT))
    return time.perf_counter() - start_s, evaluate


def _river(n_labels: int) -> Iterator[tuple[str, int, list[Any], bool]]:
    from river import metrics as river_metrics
    from river import utils as river_utils

    metrics: Any = river_metrics  # untyped, like most of River
    utils: Any = river_utils
    yield "LogLoss", n_labels, [metrics.LogLoss()], False
    yield "ROCAUC + LogLoss", n_labels, [metrics.ROCAUC(), metrics.LogLoss()], False
    yield "rolling LogLoss", n_labels, [utils.Rolling(metrics.LogLoss, window_size=WINDOW)], False
    yield "rolling ROCAUC, never read", n_labels, [metrics.RollingROCAUC(window_size=WINDOW)], False
    yield "rolling ROCAUC, read each time", min(n_labels, 3 * WINDOW), [metrics.RollingROCAUC(window_size=WINDOW)], True


def _update_each(metrics: list[Any], pairs: list[tuple[bool, float]], is_read: bool) -> None:
    for label, p in pairs:
        for metric in metrics:
            metric.update(label, p)
            if is_read:
                metric.get()


def _print(what: str, n_labels: int, seconds: float, more: str) -> None:
    print(f"  {what:<58} {n_labels / seconds:14,.0f} labels/s   {more}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]))
