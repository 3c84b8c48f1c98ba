"""Small streams for the tests of the watch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from streammtl.tasks.base import Task
from streammtl.tasks.binary import BinaryTask
from streammtl.tasks.multiclass import MulticlassTask
from streammtl.tasks.regression import RegressionTask
from streammtl.types import Alarm, Bools, Floats, Floats32, Ints, Ints32, Outcome, RowLayout
from streammtl.watch import Watch

FRAUD = BinaryTask.Config().build("fraud")
KIND = MulticlassTask.Config(classes=("a", "b", "c")).build("kind")
PRICE = RegressionTask.Config().build("price")
TASKS: tuple[Task, ...] = (FRAUD, KIND, PRICE)
LAYOUT = RowLayout(("amount", "load"), (True, True), ("merchant",), (8,))


@dataclass(frozen=True)
class Stream:
    """Events, each followed at once by its labels. Three partitions take turns."""

    dense_ED: Floats32
    category_EC: Ints32
    outputs_EO: Floats
    labels_ET: Floats

    def __len__(self) -> int:
        return len(self.dense_ED)

    @property
    def partition_E(self) -> Ints32:
        return (np.arange(len(self)) % 3).astype(np.int32)

    @property
    def offset_E(self) -> Ints:
        return np.arange(len(self)) // 3

    @property
    def time_s_E(self) -> Floats:
        return 1000.0 + np.arange(float(len(self)))

    @property
    def has_labels_E(self) -> Bools:
        has_labels_E: Bools = (~np.isnan(self.labels_ET)).sum(axis=1) > 0
        return has_labels_E

    def where(self, **columns: Any) -> Stream:
        """The same with other columns."""
        return replace(self, **columns)


def calm(n: int, seed: int = 0) -> Stream:
    """Nothing happens: independent features, and errors of the same size."""
    rng = np.random.default_rng(seed)
    outputs_EO = np.column_stack([rng.uniform(0.1, 0.9, n), rng.dirichlet([4.0, 2.0, 1.0], n), rng.normal(5.0, 1.0, n)])
    return Stream(
        dense_ED=rng.standard_normal((n, 2)).astype(np.float32),
        category_EC=rng.choice(8, p=[0.0, 0.4, 0.2, 0.1, 0.1, 0.1, 0.05, 0.05], size=(n, 1)).astype(np.int32),
        outputs_EO=outputs_EO,
        labels_ET=np.column_stack(
            [
                (rng.random(n) < outputs_EO[:, 0]).astype(np.float64),
                rng.integers(0, 3, n).astype(np.float64),
                outputs_EO[:, 4] + rng.standard_normal(n),
            ]
        ),
    )


def observe(watch: Watch, stream: Stream, start: int = 0, stop: int | None = None) -> list[Alarm]:
    """Take a piece of the stream as one turn."""
    piece = slice(start, len(stream) if stop is None else stop)
    partitions = ("p0", "p1", "p2")
    alarms = watch.observe_events(
        stream.dense_ED[piece],
        stream.category_EC[piece],
        stream.outputs_EO[piece],
        time_s_E=stream.time_s_E[piece],
        partition_E=stream.partition_E[piece],
        partitions=partitions,
        offset_E=stream.offset_E[piece],
    )
    rows = piece.start + np.flatnonzero(stream.has_labels_E[piece])
    return alarms + watch.observe_outcome(
        Outcome(
            labels_LT=stream.labels_ET[rows],
            outputs_LO=stream.outputs_EO[rows],
            baseline_LT=np.full((len(rows), stream.labels_ET.shape[1]), np.nan),
            delay_s_L=np.zeros(len(rows)),
            time_s_L=stream.time_s_E[rows],
            is_expiry_L=np.zeros(len(rows), np.bool_),
        ),
        partition_L=stream.partition_E[rows],
        partitions=partitions,
        offset_L=stream.offset_E[rows],
        n_events_L=rows + 1,
    )


def watch_of(tasks: tuple[Task, ...] = TASKS, **settings: Any) -> Watch:
    """A watch of these settings."""
    return Watch.Config.model_validate(settings).build(tasks, LAYOUT, seed=0)
