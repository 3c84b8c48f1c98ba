"""Every model passes the checks of its family."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streammtl.component import members
from streammtl.models._experts import MemoryExpert, NetworkExpert
from streammtl.models.base import Model
from streammtl.models.mlp import Mlp
from streammtl.models.optimizers import AdaGrad, Adam, AnyOptimizer, RmsProp, Sgd
from streammtl.models.shared_bottom import SharedBottom
from streammtl.testing.models import (
    check_constant_labels_give_no_signal,
    check_cuts_do_not_matter,
    check_learns_a_linear_function,
    check_order_of_tasks_changes_nothing,
    check_predict_sees_nothing_later,
    check_signals_are_those_needed,
    check_state_resumes,
    check_stays_finite,
    check_unlabelled_task_changes_nothing,
)
from streammtl.weighting.base import ApplyTo

#: The memoriser registers itself when another test imports it; it does not learn functions.
DEFAULTS: list[Model.Config] = [
    component.Config()
    for kind, component in members("models").items()
    if issubclass(component, Model) and kind != "memoriser"
]
VARIANTS: list[Model.Config] = [
    *DEFAULTS,
    SharedBottom.Config(rows_per_step=1, hidden=(16,), activation="silu"),
    SharedBottom.Config(rows_per_step=5, hidden=(8, 8), head_hidden=(8,), clip_task_norm=0.1, embedding_dim=3),
]


def _name(config: Model.Config) -> str:
    settings = config.model_dump()
    shown = (str(settings[name]) for name in ("kind", "rows_per_step", "activation") if name in settings)
    return "-".join(shown)


for_defaults = pytest.mark.parametrize("config", DEFAULTS, ids=_name)
#: A kernel for each of its networks, and another for each of what is needed of them.
SLOW = pytest.param(
    Mlp.Config(
        hidden=(9,),
        head_hidden=(8, 5),
        clip_task_norm=0.1,
        experts=(
            NetworkExpert(optimizer=Adam()),
            NetworkExpert(optimizer=Sgd(rate=0.05), scope="single", bins=True, hidden=(), weights="equal"),
            MemoryExpert(decay=0.8),
        ),
    ),
    marks=pytest.mark.slow,
    id="mlp-of-three",
)
for_variants = pytest.mark.parametrize("config", [*VARIANTS, SLOW], ids=_name)


@for_variants
def test_cuts_do_not_matter(config: Model.Config) -> None:
    check_cuts_do_not_matter(config)


@for_variants
def test_state_resumes_to_the_last_bit(config: Model.Config) -> None:
    check_state_resumes(config)


@pytest.mark.parametrize("optimizer", [Sgd(momentum=0.9, weight_decay=0.01), Sgd(), AdaGrad(), RmsProp()], ids=_name)
def test_state_resumes_with_every_optimizer(optimizer: AnyOptimizer) -> None:
    check_state_resumes(SharedBottom.Config(optimizer=optimizer, rows_per_step=7, hidden=(8,)))


@for_variants
@pytest.mark.parametrize("apply_to", ["trunk", "all"])
def test_unlabelled_task_changes_nothing(config: Model.Config, apply_to: ApplyTo) -> None:
    check_unlabelled_task_changes_nothing(config, apply_to)


@for_variants
def test_order_of_tasks_changes_nothing(config: Model.Config) -> None:
    check_order_of_tasks_changes_nothing(config)


@for_variants
def test_predict_sees_nothing_later(config: Model.Config) -> None:
    check_predict_sees_nothing_later(config)


@for_variants
def test_signals_are_those_needed(config: Model.Config) -> None:
    check_signals_are_those_needed(config)


@for_variants
@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_stays_finite(config: Model.Config, seed: int) -> None:
    check_stays_finite(config, seed)


def test_stays_finite_with_large_unclipped_steps() -> None:
    for optimizer in (Sgd(rate=10.0, momentum=0.99), Adam(rate=10.0), AdaGrad(rate=10.0), RmsProp(rate=10.0)):
        check_stays_finite(SharedBottom.Config(optimizer=optimizer, clip_norm=None, rows_per_step=3, hidden=(8,)))


@for_defaults
def test_learns_a_linear_function(config: Model.Config) -> None:
    check_learns_a_linear_function(config)


@for_variants
def test_constant_labels_give_no_signal(config: Model.Config) -> None:
    check_constant_labels_give_no_signal(config)
