"""Small models and streams for the tests of the per-event model, all on the layout of the family's checks.

A kernel compiles for some seconds: so these tests share a few architectures. Shape suffixes as in `streammtl.types`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from streammtl.models._experts import AnyExpert, MemoryExpert, NetworkExpert
from streammtl.models.mlp import Mlp
from streammtl.models.optimizers import KernelOptimizer, Sgd
from streammtl.tasks.base import Task
from streammtl.testing.models import LAYOUT
from streammtl.types import Floats, Ops


def one(optimizer: KernelOptimizer, **settings: Any) -> Mlp.Config:
    """A model of a single small network."""
    return Mlp.Config(hidden=(8,), experts=(NetworkExpert(optimizer=optimizer),), **settings)


SMALL = one(Sgd(rate=0.05))
SLOW = NetworkExpert(optimizer=Sgd(rate=0.002))
FAST = NetworkExpert(optimizer=Sgd(rate=0.05))
SINGLE = NetworkExpert(optimizer=Sgd(rate=0.05), scope="single")
MEMORY = MemoryExpert(decay=0.8)


def several(*experts: AnyExpert, **settings: Any) -> Mlp.Config:
    """A model of these experts, of the same shape as `SMALL`."""
    return Mlp.Config(hidden=(8,), experts=experts, **settings)


def build(tasks: tuple[Task, ...], config: Mlp.Config = SMALL, seed: int = 0) -> Mlp:
    model = config.build(LAYOUT, tasks, seed=seed)
    assert isinstance(model, Mlp)
    return model


def rows_in_order(x_RD: Any, labels_RT: Any, category_R: Any = 0) -> Ops:
    """Each row predicted, then learned where it has a label; columns of the layout that `x_RD` lacks are 0."""
    given_RD, labels = np.asarray(x_RD, dtype=np.float32), np.asarray(labels_RT, dtype=np.float64)
    n_rows = len(given_RD)
    dense_RD = np.zeros((n_rows, LAYOUT.n_dense), dtype=np.float32)
    dense_RD[:, : given_RD.shape[1]] = given_RD
    is_learn_N, row_N = np.tile([False, True], n_rows), np.repeat(np.arange(n_rows), 2)
    labels_NT = np.where(is_learn_N[:, None], labels[row_N], math.nan)
    kept_N = ~is_learn_N | ~np.isnan(labels_NT).all(axis=1)
    category_RC = np.broadcast_to(np.asarray(category_R, dtype=np.int32), n_rows)[:, None].copy()
    return Ops(is_learn_N[kept_N], row_N[kept_N], labels_NT[kept_N], dense_RD, category_RC)


def only(ops: Ops, is_learn: bool) -> Ops:
    """The PREDICT operations, or the LEARN operations."""
    kept_N = ops.is_learn_N == is_learn
    return Ops(ops.is_learn_N[kept_N], ops.row_N[kept_N], ops.labels_NT[kept_N], ops.dense_RD, ops.category_RC)


def smooth(n_rows: int, seed: int = 0) -> tuple[Floats, Floats, Any]:
    """Features, labels of a regression that they explain up to a deviation of 0.3, and a category that matters."""
    rng = np.random.default_rng(seed)
    x_RD = rng.normal(size=(n_rows, 3))
    category_R = rng.integers(0, 7, size=n_rows)
    value_R = 5.0 + 2.0 * x_RD[:, 0] - x_RD[:, 1] + np.sin(2.0 * x_RD[:, 2]) + 0.3 * category_R
    return x_RD, (value_R + 0.3 * rng.normal(size=n_rows))[:, None], category_R


def explained(outputs_R: Floats, labels_R: Floats) -> float:
    """R2."""
    return float(1.0 - np.mean((outputs_R - labels_R) ** 2) / np.var(labels_R))
