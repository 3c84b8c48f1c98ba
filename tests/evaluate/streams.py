"""A made-up stream of labels and published predictions of four tasks, of all kinds."""

from __future__ import annotations

import dataclasses

import numpy as np

from streammtl.evaluate import Evaluate
from streammtl.seeds import named_rng
from streammtl.tasks.base import Task
from streammtl.types import Floats, Outcome
from tests.metrics.examples import EXAMPLES


def tasks() -> tuple[Task, ...]:
    """One task of each kind."""
    return tuple(example(1, 0).task for example in EXAMPLES.values())


def stream(n_rows: int, seed: int = 0) -> Outcome:
    """Labels of each task at random places, some baselines and a few predictions unknown, one row in ten an expiry."""
    examples = [example(n_rows, seed) for example in EXAMPLES.values()]
    rng = named_rng(seed, "stream")
    labels_LT = np.column_stack([example.label_B for example in examples])
    baseline_LT = np.vstack((np.full((1, len(examples)), np.nan), labels_LT[:-1]))
    outputs_LO = np.column_stack([example.outputs_BO for example in examples])
    labels_LT[rng.random(labels_LT.shape) < 0.3] = np.nan
    baseline_LT[rng.random(labels_LT.shape) < 0.1] = np.nan
    outputs_LO[rng.random(n_rows) < 0.05] = np.nan
    return Outcome(
        labels_LT=labels_LT,
        outputs_LO=outputs_LO,
        baseline_LT=baseline_LT,
        delay_s_L=np.where(rng.random(n_rows) < 0.1, np.nan, rng.exponential(60.0, n_rows)),
        time_s_L=np.arange(float(n_rows)),
        is_expiry_L=rng.random(n_rows) < 0.1,
    )


def rows(outcome: Outcome, start: int, stop: int) -> Outcome:
    """A stretch of the stream."""
    fields = (field.name for field in dataclasses.fields(outcome))
    return Outcome(**{name: getattr(outcome, name)[start:stop] for name in fields})


def feed(evaluate: Evaluate, outcome: Outcome, cuts: list[int] | None = None) -> None:
    """Observe a stream in turns that end at `cuts`; two events are predicted for each row of labels."""
    n_rows = len(outcome.labels_LT)
    start = 0
    for stop in [*sorted(cuts or []), n_rows]:
        evaluate.observe(rows(outcome, start, stop), n_events=2 * (stop - start))
        start = stop


def single(label_L: Floats, output_L: Floats, baseline_L: Floats | None = None) -> Outcome:
    """Labels of one task with one published column, without delays."""
    n_rows = len(label_L)
    return Outcome(
        labels_LT=label_L[:, None],
        outputs_LO=output_L[:, None],
        baseline_LT=(np.full(n_rows, np.nan) if baseline_L is None else baseline_L)[:, None],
        delay_s_L=np.zeros(n_rows),
        time_s_L=np.zeros(n_rows),
        is_expiry_L=np.zeros(n_rows, dtype=np.bool_),
    )
