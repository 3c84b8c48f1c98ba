"""Networks that can learn no more are found and revived. Shape suffixes as in `streammtl.types`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from streammtl.models._experts import NetworkExpert
from streammtl.models._revival import BLOCK
from streammtl.models.mlp import Mlp
from streammtl.models.optimizers import Sgd
from streammtl.tasks.base import Task
from streammtl.tasks.binary import BinaryTask
from streammtl.tasks.count import CountTask
from streammtl.tasks.regression import RegressionTask
from streammtl.testing.models import assert_same_state, cut
from streammtl.types import Floats
from tests.models.small import FAST, SINGLE, SLOW, build, explained, rows_in_order, several, smooth

#: Compiles many kernels.
pytestmark = pytest.mark.slow

TASKS: tuple[Task, ...] = (RegressionTask.Config().build("y"),)
#: Events until a block of operations ends, with a label for each.
N_BLOCK = BLOCK // 2
NEIGHBOUR = NetworkExpert(optimizer=Sgd(rate=0.04))


def stream(n_rows: int) -> tuple[Any, Floats]:
    x_RD, y_RT, category_R = smooth(n_rows)
    return rows_in_order(x_RD, y_RT, category_R), y_RT[:, 0]


def poison(model: Mlp, expert: str, value: float, only: str = "", task: str | None = None) -> None:
    """Fill the parameters of a network whose names begin with `only`."""
    state = model.state()
    network = state["experts"][expert] if task is None else state["experts"][expert][task]["network"]
    for name, values in network["values"].items():
        if name.startswith(only):
            values[...] = value
    model.load(state)


def values_of(model: Mlp, expert: str) -> Any:
    return model.state()["experts"][expert]["values"]


def largest(model: Mlp, expert: str) -> float:
    return max(float(np.abs(values).max()) for values in values_of(model, expert).values())


#: The last ones overflow in the outputs only, or in the gradients only.
POISONS = [
    pytest.param(math.nan, "", id="NaN"),
    pytest.param(math.inf, "", id="infinite"),
    pytest.param(-math.inf, "heads/y/bias", id="an infinite bias"),
    pytest.param(math.nan, "embeddings/m", id="NaN in a table"),
    pytest.param(math.nan, "heads/y/marks", id="NaN that no output shows"),
    pytest.param(1e20, "", id="huge"),
    pytest.param(1e20, "heads/y/weight", id="a huge head"),
    pytest.param(1e20, "trunk/0/bias", id="a huge bias"),
    pytest.param(1e6, "", id="large enough to take no step"),
]


@pytest.mark.parametrize(("value", "where"), POISONS)
def test_a_poisoned_network_becomes_a_copy_of_its_neighbour_when_the_block_ends(value: float, where: str) -> None:
    model = build(TASKS, several(FAST, NEIGHBOUR))
    ops, y_R = stream(3 * N_BLOCK)
    first, second, third = cut(ops, BLOCK)
    model.advance(first, np.ones(1))
    poison(model, "sgd-0.05", value, where)
    outputs_PO = model.advance(second, np.ones(1)).outputs_PO
    assert np.isfinite(outputs_PO).all()
    assert model.insights()["revived"] == 1
    expected = values_of(model, "sgd-0.04")
    for name, values in values_of(model, "sgd-0.05").items():
        np.testing.assert_array_equal(values, expected[name])
    late_P = model.advance(third, np.ones(1)).outputs_PO[:, 0]
    healthy_P = build(TASKS, several(FAST, NEIGHBOUR)).advance(ops, np.ones(1)).outputs_PO[2 * N_BLOCK :, 0]
    y_R = y_R[2 * N_BLOCK :]
    assert explained(late_P, y_R) > max(0.85, explained(healthy_P, y_R) - 0.01)
    assert model.insights()["revived"] == 1
    assert model.insights()["shares"]["y"]["sgd-0.05"] > 0.01  # it is heard again


def test_the_optimizer_of_a_revived_network_starts_from_nothing() -> None:
    model = build(TASKS, several(FAST, NEIGHBOUR))
    ops, _ = stream(N_BLOCK)
    poison(model, "sgd-0.05", math.nan)
    model.advance(ops, np.ones(1))
    assert not model.state()["experts"]["sgd-0.05"]["n_steps"].any()
    assert model.state()["experts"]["sgd-0.04"]["n_steps"].any()


@pytest.mark.parametrize("size", [1, 300])
def test_revival_does_not_depend_on_cuts(size: int) -> None:
    ops, _ = stream(N_BLOCK + 200)
    whole, pieces = (build(TASKS, several(FAST, SINGLE, NEIGHBOUR)) for _ in range(2))
    for model in (whole, pieces):
        poison(model, "sgd-0.05", 1e20)
        poison(model, "sgd-0.05-single", math.nan, task="y")
    outputs_PO = whole.advance(ops, np.ones(1)).outputs_PO
    assert whole.insights()["revived"] == 2
    found = [pieces.advance(piece, np.ones(1)).outputs_PO for piece in cut(ops, size)]
    np.testing.assert_array_equal(np.concatenate(found), outputs_PO)
    assert_same_state(pieces.state(), whole.state())


def test_a_block_resumes_from_a_state() -> None:
    ops, _ = stream(N_BLOCK + 200)
    whole, part = (build(TASKS, several(FAST, NEIGHBOUR)) for _ in range(2))
    for model in (whole, part):
        poison(model, "sgd-0.05", 1e20)
    whole.advance(ops, np.ones(1))
    for piece in cut(ops, 1000):
        part.advance(piece, np.ones(1))
        resumed = build(TASKS, several(FAST, NEIGHBOUR))
        resumed.load(part.state())
        part = resumed
    assert_same_state(part.state(), whole.state())


@pytest.mark.parametrize("value", [math.nan, 1e20, 1e6])
def test_without_a_neighbour_of_its_shape_it_begins_anew(value: float) -> None:
    model = build(TASKS, several(SLOW))
    fresh = largest(model, "sgd-0.002")
    ops, y_R = stream(3 * N_BLOCK)
    poison(model, "sgd-0.002", value)
    pieces = list(cut(ops, BLOCK))
    model.advance(pieces[0], np.ones(1))
    assert model.insights()["revived"] == 1
    assert largest(model, "sgd-0.002") < 2.0 * fresh
    model.advance(pieces[1], np.ones(1))
    late_P = model.advance(pieces[2], np.ones(1)).outputs_PO[:, 0]
    assert explained(late_P, y_R[2 * N_BLOCK :]) > 0.8


def test_of_networks_for_each_task_only_the_ill_one_is_replaced() -> None:
    tasks = (*TASKS, BinaryTask.Config().build("z"))
    model = build(tasks, several(FAST, SINGLE))
    x_RD, y_RT, category_R = smooth(2 * N_BLOCK)
    ops = rows_in_order(x_RD, np.hstack((y_RT, y_RT > 5.0)), category_R)
    first, second = cut(ops, BLOCK)
    model.advance(first, np.ones(2))
    poison(model, "sgd-0.05-single", 1e20, task="y")
    model.advance(second, np.ones(2))
    assert model.insights()["revived"] == 1
    single = model.state()["experts"]["sgd-0.05-single"]
    assert not single["y"]["network"]["n_steps"].any()
    assert single["z"]["network"]["n_steps"].any()


def test_yes_or_no_hides_no_huge_network() -> None:
    # A huge output has no gradient where it is right: then steps are taken, and lead nowhere.
    model = build((BinaryTask.Config().build("z"),), several(FAST, NEIGHBOUR))
    x_RD, y_RT, category_R = smooth(N_BLOCK)
    poison(model, "sgd-0.05", 1e20, "heads/z/weight")
    model.advance(rows_in_order(x_RD, y_RT > 5.0, category_R), np.ones(1))
    assert model.insights()["revived"] == 1


def test_labels_beyond_any_network_do_not_cost_it_what_it_learned() -> None:
    tasks = (*TASKS, CountTask.Config().build("visits"))
    model = build(tasks, several(FAST, cap=None))
    x_RD, y_RT, category_R = smooth(2 * N_BLOCK)
    visits_R1 = np.where(np.arange(2 * N_BLOCK) < N_BLOCK, 1.0, 1e12)[:, None]
    first, second = cut(rows_in_order(x_RD, np.hstack((y_RT, visits_R1)), category_R), BLOCK)
    model.advance(first, np.ones(2))
    at_once, *later = cut(second, 128)  # until the scale of the counts has followed, they are counted as less
    model.advance(at_once, np.ones(2))
    before = values_of(model, "sgd-0.05")
    assert sum(model.advance(ops, np.ones(2)).n_steps for ops in later) == 0
    assert model.insights()["revived"] == 0
    after = values_of(model, "sgd-0.05")
    np.testing.assert_array_equal(after["trunk/0/weight"], before["trunk/0/weight"])


def test_a_stream_without_labels_revives_nothing() -> None:
    model = build(TASKS, several(FAST))
    x_RD, _, category_R = smooth(2 * BLOCK)
    model.advance(rows_in_order(x_RD, np.full((2 * BLOCK, 1), math.nan), category_R), np.ones(1))
    assert model.insights()["revived"] == 0
