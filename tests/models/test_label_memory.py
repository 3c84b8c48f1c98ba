"""The expert that remembers labels, against brute force. Shape suffixes as in `streammtl.types`."""

from __future__ import annotations

import math

import numpy as np
import pytest

from streammtl.models._experts import LabelMemory, MemoryExpert
from streammtl.models._lot import Lot
from streammtl.models._mlp_inputs import Inputs
from streammtl.models._segment import SegmentWeights
from streammtl.tasks.base import Task
from streammtl.tasks.binary import BinaryTask
from streammtl.tasks.count import CountTask
from streammtl.tasks.multiclass import MulticlassTask
from streammtl.tasks.regression import RegressionTask
from streammtl.testing.models import assert_same_state, cut
from streammtl.types import Floats, Ops
from tests.models.small import rows_in_order

nan = math.nan
NO_INPUTS = Inputs(np.zeros(0, dtype=np.int64), np.zeros((0, 0)))
inf = math.inf


def memory_of(task: Task, decay: float) -> LabelMemory:
    return LabelMemory("memory", MemoryExpert(decay=decay), (task,), (0,), memory_rows=100_000)


def run(memory: LabelMemory, task: Task, ops: Ops) -> tuple[Floats, Floats]:
    """Raw outputs, and losses."""
    n_learns = int(ops.is_learn_N.sum())
    raw_PK, mixing_L1 = np.empty((len(ops) - n_learns, task.n_raw)), np.full((n_learns, 1), nan)
    weights = SegmentWeights.constant(np.ones(1), len(ops))
    memory.advance(Lot.of(ops, NO_INPUTS, weights), raw_PK, mixing_L1)
    return raw_PK, mixing_L1[:, 0]


def after(task: Task, decay: float, labels: list[float]) -> tuple[Floats, Floats]:
    ops = rows_in_order(np.zeros((len(labels), 1)), np.array(labels)[:, None])
    return run(memory_of(task, decay), task, ops)


def decayed(values: list[float], decay: float) -> float:
    return sum(decay**age * value for age, value in enumerate(reversed(values)))


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9])
def test_of_a_value_it_predicts_the_decayed_mean(decay: float) -> None:
    labels = [3.0, -1.0, 1e6, 2.0, 2.0, 7.0]
    raw_PK, _ = after(RegressionTask.Config().build("y"), decay, labels)
    assert raw_PK[0, 0] == 0.0
    for n in range(1, len(labels)):
        expected = decayed(labels[:n], decay) / decayed([1.0] * n, decay)
        assert raw_PK[n, 0] == pytest.approx(expected)


def test_of_yes_or_no_it_predicts_the_decayed_frequency_and_its_loss_is_the_log_loss() -> None:
    labels = [1.0, 0.0, 0.0, 1.0, 1.0]
    raw_PK, loss_L = after(BinaryTask.Config().build("y"), 0.8, labels)
    for n in range(len(labels)):
        yes, total = decayed(labels[:n], 0.8), decayed([1.0] * n, 0.8)
        p = (yes + 0.01) / (total + 0.02)
        assert raw_PK[n, 0] == pytest.approx(math.log(p / (1.0 - p)))
        assert loss_L[n] == pytest.approx(-math.log(p if labels[n] else 1.0 - p))


def test_of_classes_it_predicts_the_decayed_frequency_of_those_seen() -> None:
    labels = [2.0, 2.0, 0.0, 2.0]
    raw_PK, loss_L = after(MulticlassTask.Config(max_classes=4).build("y"), 0.8, labels)
    assert (raw_PK[0] == -inf).all()
    np.testing.assert_array_equal(raw_PK[3] == -inf, [False, True, False, True])
    two = decayed([1.0, 1.0, 0.0], 0.8)
    np.testing.assert_allclose(raw_PK[3, [0, 2]], np.log([1.0 + 0.01, two + 0.01]))
    assert loss_L[0] == 0.0  # a class that is the only one
    assert loss_L[2] == pytest.approx(math.log((1.8 + 0.02) / 0.01))  # the class is new: counted as seen, never met
    assert loss_L[3] == pytest.approx(math.log((two + 1.0 + 0.02) / (two + 0.01)))


def test_of_counts_it_predicts_the_decayed_rate_and_its_loss_is_the_deviance() -> None:
    raw_PK, loss_L = after(CountTask.Config().build("y"), 0.5, [4.0, 2.0])
    assert raw_PK[1, 0] == pytest.approx(math.log(4.01))
    assert loss_L[1] == pytest.approx(2.0 * (2.0 * math.log(2.0 / 4.01) - 2.0 + 4.01))


def test_losses_of_values_are_squares_in_the_units_of_the_heads_of_networks() -> None:
    labels = np.random.default_rng(0).normal(5.0, 3.0, size=400).tolist()
    raw_PK, loss_L = after(RegressionTask.Config().build("y"), 0.5, labels)
    squares_L = np.minimum((raw_PK[:, 0] - labels) ** 2 / np.var(labels), 4.0)
    np.testing.assert_allclose(loss_L[300:], squares_L[300:], rtol=0.1)


def test_a_wild_first_label_is_forgotten() -> None:
    labels = [1e30, *np.random.default_rng(0).normal(size=400)]
    raw_PK, loss_L = after(RegressionTask.Config().build("y"), 0.99, labels)
    assert abs(raw_PK[-1, 0]) < 1.0
    assert np.mean(loss_L[-100:]) == pytest.approx(1.0, rel=0.5)


def test_it_does_not_depend_on_cuts_and_resumes_to_the_last_bit() -> None:
    rng = np.random.default_rng(0)
    task = RegressionTask.Config().build("y")
    ops = rows_in_order(np.zeros((60, 1)), np.where(rng.random(60) < 0.7, rng.normal(size=60), nan)[:, None])
    whole, pieces = memory_of(task, 0.8), memory_of(task, 0.8)
    raw_PK, _ = run(whole, task, ops)
    found = []
    for piece in cut(ops, 7):
        resumed = memory_of(task, 0.8)
        resumed.load(pieces.state())
        pieces = resumed
        found.append(run(pieces, task, piece)[0])
    np.testing.assert_array_equal(np.concatenate(found), raw_PK)
    assert_same_state(pieces.state(), whole.state())
