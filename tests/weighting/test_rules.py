"""Every weighting of the registry obeys the family's rules."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streammtl.component import members
from streammtl.testing import weighting as checks
from streammtl.types import Signals
from streammtl.weighting.base import Weighting

WEIGHTINGS: dict[str, type[Weighting]] = dict(members("weighting"))  # type: ignore[arg-type]
every_weighting = pytest.mark.parametrize("component", WEIGHTINGS.values(), ids=WEIGHTINGS.keys())


@st.composite
def histories(draw: st.DrawFn) -> list[Signals]:
    """Up to eight segments of up to four tasks, any of them absent, with losses of 0 or from 1e-12 to 1e12."""
    n_tasks = draw(st.integers(1, 4))

    def lists(values: st.SearchStrategy[float]) -> st.SearchStrategy[list[float]]:
        return st.lists(values, min_size=n_tasks, max_size=n_tasks)

    losses = st.one_of(st.just(0.0), st.floats(1e-12, 1e12), st.sampled_from([1e-12, 1.0, 1e12]))
    segments = st.builds(
        checks.segment,
        n_labels=st.lists(st.integers(0, 3), min_size=n_tasks, max_size=n_tasks),
        losses=lists(losses),
        drop=lists(st.floats(0.1, 2.0)),
        seed=st.integers(0, 1000),
    )
    return draw(st.lists(segments, min_size=1, max_size=8))


@every_weighting
@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_rule_holds(check: Callable[[type[Weighting]], None], component: type[Weighting]) -> None:
    check(component)


@every_weighting
@given(history=histories())
@settings(max_examples=20, deadline=None)
def test_rules_hold_for_any_history(component: type[Weighting], history: list[Signals]) -> None:
    checks.check_absent_task_changes_nothing(component, history)
    checks.check_absent_task_keeps_its_weight(component, history)
    checks.check_absent_task_keeps_its_state(component, history)
    checks.check_resume_is_exact(component, history)
    checks.check_weights_are_finite(component, history)


@every_weighting
def test_five_hundred_absent_steps_leave_no_debt(component: type[Weighting]) -> None:
    history = [checks.segment([4, 4], [0.5, 0.5])] * 300
    silence = [checks.segment([4, 0], [0.5, 0.0])] * 500
    weighting = component.Config().build(("fraud", "loss"))
    for signals in [*history, *silence]:
        before_T = weighting.weights_T
        weighting.update(signals)
    assert weighting.weights_T[1] == before_T[1]
    weighting.update(history[0])
    if not component.is_random:
        assert weighting.weights_T == pytest.approx([1.0, 1.0], abs=0.05)
