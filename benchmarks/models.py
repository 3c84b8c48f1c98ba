"""Operations per second of the models: `python -m benchmarks.models`.

One PREDICT and one LEARN per event, 18 features, three tasks, the weighting's segments of 32 LEARN operations.
"""

from __future__ import annotations

import time

import numpy as np

from streammtl.models.base import Model
from streammtl.models.shared_bottom import SharedBottom
from streammtl.tasks.binary import BinaryTask
from streammtl.tasks.multiclass import MulticlassTask
from streammtl.tasks.regression import RegressionTask
from streammtl.types import Ops, RowLayout
from streammtl.weighting.base import Needs

LAYOUT = RowLayout(tuple(f"x{i}" for i in range(16)), (True,) * 16, ("merchant", "country"), (4096, 256))


def events(n_events: int) -> Ops:
    rng = np.random.default_rng(0)
    dense_RD = rng.normal(size=(n_events, 16)).astype(np.float32)
    category_RC = np.column_stack((rng.integers(0, 4096, n_events), rng.integers(0, 256, n_events))).astype(np.int32)
    value_R = dense_RD[:, :4].sum(axis=1)
    labels_RT = np.column_stack((value_R > 0, np.digitize(value_R, (-1.0, 1.0)), value_R)).astype(np.float64)
    is_learn_N = np.tile([False, True], n_events)
    row_N = np.repeat(np.arange(n_events), 2)
    labels_NT = np.where(is_learn_N[:, None], labels_RT[row_N], np.nan)
    return Ops(is_learn_N, row_N, labels_NT, dense_RD, category_RC)


def build(config: Model.Config, needs: Needs = Needs.LOSSES) -> Model:
    tasks = (
        BinaryTask.Config().build("fraud"),
        MulticlassTask.Config(classes=("a", "b", "c")).build("band"),
        RegressionTask.Config(loss="huber").build("amount"),
    )
    return config.build(LAYOUT, tasks, needs)


def seconds(model: Model, ops: Ops, n_learn: int) -> float:
    """Time of all operations, handed over as the learner does: a segment of the weighting at a time."""
    weights_T = np.ones(3)
    start = time.perf_counter()
    for first in range(0, len(ops), 2 * n_learn):
        here = slice(first, first + 2 * n_learn)
        model.advance(
            Ops(ops.is_learn_N[here], ops.row_N[here], ops.labels_NT[here], ops.dense_RD, ops.category_RC), weights_T
        )
        model.take_signals()
    return time.perf_counter() - start


def main() -> None:
    """Print a table."""
    print(f"{'model':44}{'operations/s':>14}{'us per step':>14}")
    for rows_per_step, n_events in ((1, 1_500), (8, 6_000), (32, 20_000)):
        for needs in (Needs.LOSSES, Needs.LOSSES | Needs.LOSSES_AFTER, Needs.LOSSES | Needs.GRAMIAN):
            ops = events(n_events)
            model = build(SharedBottom.Config(rows_per_step=rows_per_step), needs)
            seconds(model, events(200), 32)
            taken = seconds(model, ops, 32)
            name = f"shared_bottom rows_per_step={rows_per_step} {needs.name}".replace("LOSSES|", "")
            print(f"{name:44}{len(ops) / taken:14,.0f}{1e6 * taken * rows_per_step / n_events:14,.0f}")


if __name__ == "__main__":
    main()
