"""Events per second of test-then-train: the compiled model beside eager torch, Vowpal Wabbit and River.

    python -m benchmarks.learner [--events 200000]

One PREDICT and one LEARN per event; 16 numeric and two categorical features; a binary, a 4-class and a regression task.
CPU time, since other processes may be running; the best of several repeats. What the peers do for their figures stands
in `benchmarks.learner_peers`; each has one model per task.

The kernel's arithmetic is put beside the rate of a large matrix product in single precision on one core (run it with
OMP_NUM_THREADS=1), which is about what the core can do at most.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.learner_peers import peers
from streammtl.models.base import Model
from streammtl.models.mlp import Mlp
from streammtl.models.shared_bottom import SharedBottom
from streammtl.tasks.base import Task
from streammtl.tasks.binary import BinaryTask
from streammtl.tasks.multiclass import MulticlassTask
from streammtl.tasks.regression import RegressionTask
from streammtl.types import Floats, Ops, RowLayout

N_NUMERIC, TABLES = 16, (4096, 256)
EMBEDDING_DIM = 4
LAYOUT = RowLayout(tuple(f"x{i}" for i in range(N_NUMERIC)), (True,) * N_NUMERIC, ("merchant", "country"), TABLES)


def _one(optimizer: str, rate: float) -> dict[str, Any]:
    return {"experts": [{"kind": "network", "optimizer": {"kind": optimizer, "rate": rate}}]}


def tasks() -> tuple[Task, ...]:
    return (
        BinaryTask.Config().build("fraud"),
        MulticlassTask.Config(classes=("a", "b", "c", "d")).build("band"),
        RegressionTask.Config(loss="huber").build("amount"),
    )


def events(n_events: int) -> tuple[Ops, Floats]:
    """Operations in order, and the labels by event."""
    rng = np.random.default_rng(0)
    dense_RD = rng.normal(size=(n_events, N_NUMERIC)).astype(np.float32)
    category_RC = np.column_stack([rng.integers(0, size, n_events) for size in TABLES]).astype(np.int32)
    value_R = dense_RD[:, :4].sum(axis=1) + rng.normal(size=4096)[category_RC[:, 0]]
    labels_RT = np.column_stack((value_R > 0, np.digitize(value_R, (-1.0, 0.0, 1.0)), value_R)).astype(np.float64)
    is_learn_N = np.tile([False, True], n_events)
    row_N = np.repeat(np.arange(n_events), 2)
    labels_NT = np.where(is_learn_N[:, None], labels_RT[row_N], np.nan)
    return Ops(is_learn_N, row_N, labels_NT, dense_RD, category_RC), labels_RT


def events_per_second(run: Callable[[], object], n_events: int, n_repeats: int) -> float:
    """Of the fastest repeat."""
    seconds = []
    for _ in range(n_repeats):
        start_s = time.process_time()
        run()
        seconds.append(time.process_time() - start_s)
    return n_events / min(seconds)


def advance(model: Model, ops: Ops, n_events_per_call: int) -> None:
    """All operations, this many events in a call; the weighting's signals are taken after each."""
    weights_T = np.ones(3)
    for first in range(0, len(ops), 2 * n_events_per_call):
        here = slice(first, first + 2 * n_events_per_call)
        piece = Ops(ops.is_learn_N[here], ops.row_N[here], ops.labels_NT[here], ops.dense_RD, ops.category_RC)
        model.advance(piece, weights_T)
        model.take_signals()


def operations_per_event(hidden: tuple[int, ...]) -> int:
    """Floating-point operations of one event: two forward passes less the shared one, a backward pass, an update."""
    n_dense, n_embedded = N_NUMERIC, len(TABLES) * EMBEDDING_DIM
    widths = (n_dense + n_embedded, *hidden)
    products = [n_in * n_out for n_in, n_out in pairwise(widths)]
    n_raw = sum(task.n_raw for task in tasks())
    head = n_raw * (hidden[-1] + n_dense)
    backward = sum(products[1:]) + n_embedded * hidden[0] + n_raw * hidden[-1]
    return 2 * (sum(products) + 2 * head + backward + sum(products) + head)


def matrix_product_rate() -> float:
    """Floating-point operations per second of a large product in single precision."""
    a = np.random.default_rng(0).normal(size=(1024, 1024)).astype(np.float32)
    return events_per_second(lambda: a @ a, 2 * 1024**3, 5)


#: A name, settings of the `mlp` model, events in a call, and networks of 64-64 (0: others).
OURS: tuple[tuple[str, dict[str, Any], int, int], ...] = (
    ("mlp, one network 64-64, relu, sgd, 5,000 events a call", {**_one("sgd", 0.02), "activation": "relu"}, 5000, 1),
    ("mlp, one network 64-64, sgd, 5,000 events a call", _one("sgd", 0.02), 5000, 1),
    ("mlp, one network 64-64, sgd, 32 events a call", _one("sgd", 0.02), 32, 1),
    ("mlp, one network 64-64, factored, 5,000 events a call", _one("factored", 0.04), 5000, 1),
    ("mlp, one network 64-64, adam, 5,000 events a call", _one("adam", 0.001), 5000, 1),
    ("mlp, one network 64-64, sgd, float64, 5,000 a call", {**_one("sgd", 0.02), "dtype": "float64"}, 5000, 1),
    ("mlp as it is by default, three networks, 5,000 a call", {}, 5000, 0),
    ("mlp as it is by default, three networks, 32 a call", {}, 32, 0),
)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    n_events = parser.parse_args().events
    ops, _ = events(n_events)
    peak = matrix_product_rate()
    print(f"{'learner':60}{'events/s':>12}{'of the peak':>14}")
    one = operations_per_event((64, 64))
    for name, settings, per_call, n_networks in OURS:
        model = Mlp.Config.model_validate({"embedding_dim": EMBEDDING_DIM, **settings}).build(LAYOUT, tasks())
        rate = events_per_second(lambda: advance(model, ops, per_call), n_events, 5)  # noqa: B023
        share = f"{rate * one / peak:14.0%}" if n_networks == 1 else ""
        print(f"{name:60}{rate:12,.0f}{share}", flush=True)
    few, labels_RT = events(max(n_events // 100, 100))
    n_few = len(labels_RT)
    eager = SharedBottom.Config(rows_per_step=1, embedding_dim=EMBEDDING_DIM).build(LAYOUT, tasks())
    print(f"{'shared_bottom 64-64, torch, 1 row a step':60}", end="")
    print(f"{events_per_second(lambda: advance(eager, few, 5000), n_few, 3):12,.0f}", flush=True)
    for name, run, n_run in peers(ops, events(n_events)[1]):
        print(f"{name:60}{events_per_second(run, n_run, 3):12,.0f}", flush=True)
    print(f"an event of one network is {one:,} operations; the peak is {peak / 1e9:.0f}e9 a second")


if __name__ == "__main__":
    main()
