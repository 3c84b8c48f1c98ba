"""Experts of the per-event model within the model. Shape suffixes as in `streammtl.types`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from streammtl.errors import ConfigError
from streammtl.models._experts import AnyExpert, MemoryExpert, NetworkExpert
from streammtl.models.mlp import Mlp, expert_names
from streammtl.models.optimizers import Factored, Sgd
from streammtl.tasks.base import Task
from streammtl.tasks.regression import RegressionTask
from streammtl.testing.models import (
    assert_same_state,
    check_cuts_do_not_matter,
    check_order_of_tasks_changes_nothing,
    check_state_resumes,
    check_stays_finite,
    check_unlabelled_task_changes_nothing,
    example_ops,
    example_tasks,
    run,
)
from streammtl.types import Floats, Ops
from tests.models.small import FAST, MEMORY, SINGLE, SLOW, build, one, rows_in_order, several, smooth

#: Compiles many kernels.
pytestmark = pytest.mark.slow

#: One expert of each kind; all networks are of one architecture.
ALL_KINDS = several(FAST, SINGLE, MEMORY, NetworkExpert(optimizer=Sgd(rate=0.01), weights="equal"))
WEIGHTS_T = (1.0, 0.5, 2.0, 1.5)


def test_cuts_do_not_matter_with_all_kinds() -> None:
    check_cuts_do_not_matter(ALL_KINDS)


def test_the_state_resumes_to_the_last_bit_with_all_kinds() -> None:
    check_state_resumes(ALL_KINDS)


def test_tasks_do_not_depend_on_others_without_a_label_or_on_their_order_with_all_kinds() -> None:
    check_unlabelled_task_changes_nothing(ALL_KINDS)
    check_order_of_tasks_changes_nothing(ALL_KINDS)


def test_all_kinds_stay_finite() -> None:
    for seed in range(3):
        check_stays_finite(ALL_KINDS, seed)


def test_a_network_for_each_task_is_the_model_of_that_task_alone_to_the_last_bit() -> None:
    tasks, ops = example_tasks(), example_ops(300)
    model = build(tasks, several(SLOW, SINGLE))
    model.advance(ops, np.ones(4))
    for t, task in enumerate(tasks):
        alone = build((task,), several(FAST))
        labels_N1 = np.ascontiguousarray(ops.labels_NT[:, t : t + 1])
        alone.advance(Ops(ops.is_learn_N, ops.row_N, labels_N1, ops.dense_RD, ops.category_RC), np.ones(1))
        expected, found = alone.state(), model.state()["experts"]["sgd-0.05-single"][task.name]
        assert_same_state(found["network"], expected["experts"]["sgd-0.05"])
        assert_same_state(found["statistics"], expected["statistics"])


def test_the_task_weights_reach_shared_networks_unless_these_are_equal() -> None:
    states = []
    for weights in (WEIGHTS_T, (1.0, 1.0, 1.0, 1.0)):
        model = build(example_tasks(), ALL_KINDS)
        model.advance(example_ops(100), np.array(weights))
        states.append(model.state()["experts"])
    assert (states[0]["sgd-0.05"]["values"]["trunk/0/bias"] != states[1]["sgd-0.05"]["values"]["trunk/0/bias"]).any()
    for name in ("sgd-0.05-single", "memory-0.8", "sgd-0.01-equal"):
        assert_same_state(states[0][name], states[1][name])


def test_shared_networks_learn_as_if_each_were_alone() -> None:
    both, alone = build(example_tasks(), several(SLOW, FAST)), build(example_tasks(), several(FAST))
    for model in (both, alone):
        model.advance(example_ops(300), np.array(WEIGHTS_T))
    assert_same_state(both.state()["experts"]["sgd-0.05"], alone.state()["experts"]["sgd-0.05"])
    assert_same_state(both.state()["statistics"], alone.state()["statistics"])


def test_the_mixture_predicts_at_least_about_as_well_as_the_best() -> None:
    x_RD, y_RT, category_R = smooth(3000)
    task = RegressionTask.Config().build("y")
    errors = []
    for experts in ((SLOW, FAST, MEMORY), (SLOW,), (FAST,)):
        model = build((task,), several(*experts))
        found_P = model.advance(rows_in_order(x_RD, y_RT, category_R), np.ones(1)).outputs_PO[:, 0]
        errors.append(float(np.mean((found_P - y_RT[:, 0]) ** 2)))
    assert errors[0] < 1.05 * min(errors[1:])


def test_an_expert_whose_outputs_are_not_finite_does_not_spoil_the_mixture() -> None:
    x_RD, y_RT, category_R = smooth(1500)
    ops = rows_in_order(x_RD, y_RT, category_R)
    task = RegressionTask.Config().build("y")
    healthy, poisoned = (build((task,), several(FAST, SLOW)) for _ in range(2))
    state = poisoned.state()
    for value in state["experts"]["sgd-0.002"]["values"].values():
        value[...] = math.nan
    poisoned.load(state)
    expected, found = (
        model.advance(ops, np.ones(1)).outputs_PO[500:, 0] - y_RT[500:, 0] for model in (healthy, poisoned)
    )
    assert np.isfinite(found).all()
    assert np.mean(found**2) < 1.05 * np.mean(expected**2)
    assert poisoned.insights()["shares"]["y"]["sgd-0.002"] < 1e-9


def labels_of_six(kind: str, x_RD: Floats, rng: np.random.Generator) -> Floats:
    """Bends of the features: for six tasks the same, of which one in six labels is there, or for each another."""
    n_rows, n_tasks = len(x_RD), 6
    if kind == "copies":
        labels_RT = np.repeat(np.abs(x_RD @ [1.0, -1.0, 0.5])[:, None], n_tasks, axis=1)
        labels_RT[np.arange(n_tasks) != rng.integers(0, n_tasks, size=(n_rows, 1))] = math.nan
        return labels_RT
    direction_DT = rng.normal(size=(3, n_tasks))
    unrelated_RT: Floats = np.abs(x_RD @ direction_DT)
    return unrelated_RT


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("kind", "low", "high"), [("copies", 0.4, 0.9), ("unrelated", -np.inf, 0.15)])
def test_sharing_helps_copies_that_are_seen_rarely_and_no_tasks_that_compete(
    kind: str, low: float, high: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    x_RD = rng.normal(size=(6000, 3))
    tasks: tuple[Task, ...] = tuple(RegressionTask.Config().build(f"y{t}") for t in range(6))
    model = build(tasks, several(FAST, SINGLE), seed)
    model.advance(rows_in_order(x_RD, labels_of_six(kind, x_RD, rng)), np.ones(6))
    sharing = model.insights()["sharing"]
    assert list(sharing) == [task.name for task in tasks]
    assert all(low < gain < high for gain in sharing.values())
    if kind == "unrelated":
        assert np.median(list(sharing.values())) < 0.0


def test_insights_before_the_first_label() -> None:
    insights = build(example_tasks(), several(FAST, SINGLE)).insights()
    assert insights["revived"] == 0
    assert insights["sharing"] == {}
    assert insights["shares"]["amount"] == {"sgd-0.05": 0.5, "sgd-0.05-single": 0.5}


def test_nothing_is_said_of_sharing_where_no_expert_has_a_loss() -> None:
    model = build(example_tasks(), several(FAST, SINGLE))
    names = [expert.name for expert in model._experts]
    model._mixture.load({task.name: np.array([0.0, 0.0, 3.0]) for task in example_tasks()})
    assert model.insights()["losses"]["amount"] == dict.fromkeys(names, 0.0)
    assert model.insights()["sharing"] == {}


def test_without_a_network_for_each_task_nothing_is_said_of_sharing() -> None:
    assert "sharing" not in build(example_tasks()).insights()


def test_experts_are_named_by_their_settings() -> None:
    experts: tuple[AnyExpert, ...] = (
        FAST,
        NetworkExpert(optimizer=Factored(rate=0.5), hidden=(), bins=True, scope="single", weights="equal"),
        MemoryExpert(decay=0.25),
        NetworkExpert(name="mine"),
        FAST,
        FAST,
    )
    assert expert_names(experts) == (
        "sgd-0.05",
        "factored-0.5-linear-bins-single-equal",
        "memory-0.25",
        "mine",
        "sgd-0.05-2",
        "sgd-0.05-3",
    )


def test_experts_need_names_of_their_own() -> None:
    with pytest.raises(ConfigError, match=r"names of their own; found sgd-0.05, sgd-0.05-2, sgd-0.05-2"):
        expert_names((FAST, NetworkExpert(name="sgd-0.05-2"), FAST))


@pytest.mark.parametrize(
    ("first", "what"),
    [
        (MEMORY, "a memory"),
        (SINGLE, "a network for each task"),
        (NetworkExpert(hidden=()), "a linear model"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_first_expert_leads_and_must_be_a_shared_network(first: AnyExpert, what: str) -> None:
    with pytest.raises(ValidationError, match="the first expert must be a shared network"):
        several(first, FAST)


def test_experts_as_a_configuration_file_has_them() -> None:
    given: dict[str, Any] = {
        "experts": [{"kind": "network", "optimizer": "factored"}, {"kind": "memory", "decay": 0.9}]
    }
    config = Mlp.Config.model_validate(given)
    assert config.experts == (NetworkExpert(optimizer=Factored()), MemoryExpert(decay=0.9))


def test_outputs_are_those_of_the_only_expert() -> None:
    one_expert, with_itself = build(example_tasks(), several(FAST)), build(example_tasks(), several(FAST, FAST))
    ops = example_ops(150)
    np.testing.assert_allclose(run(one_expert, ops, WEIGHTS_T), run(with_itself, ops, WEIGHTS_T), rtol=1e-9, atol=1e-12)


def test_where_nothing_reads_quantiles_none_are_kept() -> None:
    state = build(example_tasks(), one(Sgd(rate=0.05), tails=False)).state()
    assert state["quantiles"] == {}
