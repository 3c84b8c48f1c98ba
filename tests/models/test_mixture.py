"""The mixture of experts against brute force. Shape suffixes as in `streammtl.types`; E experts, K raw outputs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from streammtl.models._mixture import Mixture
from streammtl.tasks.base import Task
from streammtl.tasks.binary import BinaryTask
from streammtl.tasks.count import CountTask
from streammtl.tasks.multiclass import MulticlassTask
from streammtl.tasks.regression import RegressionTask
from streammtl.testing.models import assert_same_state
from streammtl.types import Bools, Floats

TASKS: dict[str, Task] = {
    "binary": BinaryTask.Config().build("a"),
    "multiclass": MulticlassTask.Config(max_classes=4).build("b"),
    "squared": RegressionTask.Config(loss="squared").build("c"),
    "huber": RegressionTask.Config(loss="huber").build("d"),
    "absolute": RegressionTask.Config(loss="absolute").build("e"),
    "quantile": RegressionTask.Config(loss="quantile", quantile=0.9).build("f"),
    "count": CountTask.Config().build("g"),
}
ALL = tuple(TASKS.values())
N_RAW = sum(task.n_raw for task in ALL)
DECAY, SHARPNESS = 0.9, 0.7


def mixture_of(n_experts: int, tasks: tuple[Task, ...] = ALL) -> Mixture:
    return Mixture(tuple(f"e{e}" for e in range(n_experts)), tasks, DECAY, SHARPNESS)


def example(n_experts: int, n_ops: int = 200) -> tuple[Bools, Floats, Floats]:
    """Operations in any order, raw outputs, and losses; a task has a label now and then; the last class is unseen."""
    rng = np.random.default_rng(0)
    is_learn_N = rng.random(n_ops) < 0.5
    n_learns = int(is_learn_N.sum())
    raw_EPK = 2.0 * rng.normal(size=(n_experts, n_ops - n_learns, N_RAW))
    raw_EPK[:, :, 4] = -math.inf
    raw_EPK[:, :5, 1:5] = -math.inf  # before the first label of all
    loss_ELT = rng.exponential(size=(n_experts, n_learns, len(ALL)))
    loss_ELT[:, rng.random((n_learns, len(ALL))) < 0.3] = math.nan
    return is_learn_N, raw_EPK, loss_ELT


def brute_force(is_learn_N: Bools, raw_EPK: Floats, loss_ELT: Floats) -> Floats:
    """Published outputs."""
    past: list[list[Floats]] = [[] for _ in ALL]
    rows: list[Floats] = []
    learned = 0
    for is_learn in is_learn_N:
        if is_learn:
            for t in range(len(ALL)):
                if not np.isnan(loss_ELT[0, learned, t]):
                    past[t].append(loss_ELT[:, learned, t])
            learned += 1
            continue
        row: list[Floats] = []
        k0 = 0
        for t, task in enumerate(ALL):
            total_E = np.zeros(len(raw_EPK))
            for age, losses_E in enumerate(reversed(past[t])):
                total_E += DECAY**age * losses_E
            share_E = np.exp(-SHARPNESS * total_E)
            share_E /= share_E.sum()
            raw_EK = raw_EPK[:, len(rows), k0 : k0 + task.n_raw]
            published_EO = np.stack([task.publish(raw_K[None])[0] for raw_K in raw_EK])
            row.append(share_E @ published_EO)
            k0 += task.n_raw
        rows.append(np.concatenate(row))
    return np.array(rows)


def publish(raw_PK: Floats) -> Floats:
    outputs, k0 = [], 0
    for task in ALL:
        outputs.append(task.publish(np.ascontiguousarray(raw_PK[:, k0 : k0 + task.n_raw])))
        k0 += task.n_raw
    return np.concatenate(outputs, axis=1)


@pytest.mark.parametrize("n_experts", [1, 2, 5])
def test_what_is_published_is_the_mean_of_what_experts_publish_by_their_decayed_losses(n_experts: int) -> None:
    is_learn_N, raw_EPK, loss_ELT = example(n_experts)
    found_PK = mixture_of(n_experts).advance(is_learn_N, raw_EPK, loss_ELT)
    np.testing.assert_allclose(publish(found_PK), brute_force(is_learn_N, raw_EPK, loss_ELT), rtol=1e-9, atol=1e-12)
    assert (found_PK[:, 4] == -math.inf).all()  # a class that nobody has seen stays one


def test_one_expert_is_left_as_it_is() -> None:
    is_learn_N, raw_EPK, loss_ELT = example(1)
    found_PK = mixture_of(1).advance(is_learn_N, raw_EPK, loss_ELT)
    np.testing.assert_allclose(publish(found_PK), publish(raw_EPK[0]), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("size", [1, 7, 64])
def test_cuts_do_not_matter(size: int) -> None:
    is_learn_N, raw_EPK, loss_ELT = example(3)
    whole, pieces = mixture_of(3), mixture_of(3)
    expected_PK = whole.advance(is_learn_N, raw_EPK, loss_ELT)
    found, predicted, learned = [], 0, 0
    for start in range(0, len(is_learn_N), size):
        here_N = is_learn_N[start : start + size]
        n_learns = int(here_N.sum())
        raws = np.ascontiguousarray(raw_EPK[:, predicted : predicted + len(here_N) - n_learns])
        losses = np.ascontiguousarray(loss_ELT[:, learned : learned + n_learns])
        resumed = mixture_of(3)
        resumed.load(pieces.state())
        pieces = resumed
        found.append(pieces.advance(here_N, raws, losses))
        predicted, learned = predicted + len(here_N) - n_learns, learned + n_learns
    np.testing.assert_array_equal(np.concatenate(found), expected_PK)
    assert_same_state(pieces.state(), whole.state())


def test_a_task_does_not_depend_on_the_others() -> None:
    is_learn_N, raw_EPK, loss_ELT = example(3)
    together_PK = mixture_of(3).advance(is_learn_N, raw_EPK, loss_ELT)
    alone = mixture_of(3, (TASKS["huber"],))
    raw, loss = np.ascontiguousarray(raw_EPK[:, :, 6:7]), np.ascontiguousarray(loss_ELT[:, :, 3:4])
    np.testing.assert_array_equal(alone.advance(is_learn_N, raw, loss)[:, 0], together_PK[:, 6])


def test_shares_are_even_before_the_first_label_and_go_to_the_better() -> None:
    mixture = mixture_of(2, (TASKS["huber"],))
    assert mixture.shares() == {"d": {"e0": 0.5, "e1": 0.5}}
    assert mixture.losses() == {"d": {}}
    losses_ELT = np.array([[[0.5], [0.5]], [[1.5], [2.5]]])
    mixture.advance(np.array([True, True]), np.empty((2, 0, 1)), losses_ELT)
    assert mixture.losses()["d"] == pytest.approx({"e0": 0.5, "e1": (0.9 * 1.5 + 2.5) / 1.9})
    ratio = mixture.shares()["d"]["e1"] / mixture.shares()["d"]["e0"]
    assert ratio == pytest.approx(math.exp(-SHARPNESS * (0.9 * 1.0 + 2.0)))


@pytest.mark.parametrize("name", sorted(TASKS))
def test_an_expert_at_the_bound_of_its_outputs_is_not_heard_once_its_share_is_nothing(name: str) -> None:
    task = TASKS[name]
    t, k0 = ALL.index(task), sum(other.n_raw for other in ALL[: ALL.index(task)])
    raw_EPK = np.zeros((2, 1, N_RAW))
    raw_EPK[0, 0] = 0.5
    raw_EPK[1, 0] = 1e30 * np.where(np.arange(N_RAW) % 2, -1.0, 1.0)  # worse than networks may be
    losses_ELT = np.full((2, 50, len(ALL)), math.nan)
    losses_ELT[0, :, t], losses_ELT[1, :, t] = 0.1, 4.0
    is_learn_N = np.array([True] * 50 + [False])
    mixture = Mixture(("sane", "wild"), ALL, 0.995, 1.0)
    found_PK = mixture.advance(is_learn_N, raw_EPK, losses_ELT)[:, k0 : k0 + task.n_raw]
    sane = task.publish(raw_EPK[0, :, k0 : k0 + task.n_raw])
    np.testing.assert_allclose(task.publish(found_PK), sane, rtol=1e-6)
