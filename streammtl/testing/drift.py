"""What every drift detector does, as checks; `check_detector(YourClass)` runs them all.

A check takes the component's class and builds it with its default settings; it raises `AssertionError` when a rule is
broken. Signals are as the watch hands them over: of unit variance, or bare errors of 0 and 1 for binary-only detectors.
"""

from __future__ import annotations

import json

import numpy as np

from streammtl.digest import digest
from streammtl.drift.base import Detector
from streammtl.seeds import named_rng
from streammtl.state_tree import join, split
from streammtl.types import Floats, State

SEED = 7


def check_detector(component: type[Detector]) -> None:
    """Run every check."""
    for check in CHECKS:
        check(component)


def calm(component: type[Detector], seed: int = SEED) -> Floats:
    """Independent values of one distribution."""
    rng = named_rng(seed, "calm")
    return (rng.random(3000) < 0.1).astype(np.float64) if component.binary_only else rng.standard_normal(300)


def shifted(component: type[Detector], seed: int = SEED) -> Floats:
    """Independent values of another distribution: a mean higher by 5, or an error rate of 0.8 instead of 0.1."""
    rng = named_rng(seed, "shifted")
    return (rng.random(3000) < 0.8).astype(np.float64) if component.binary_only else 5.0 + rng.standard_normal(100)


def check_no_change_is_found_in_calm_values(component: type[Detector]) -> None:
    """Nothing is found where nothing happens."""
    assert not component.Config().build(SEED).update(calm(component))


def check_an_abrupt_change_is_found(component: type[Detector]) -> None:
    """A large shift is found soon."""
    detector = component.Config().build(SEED)
    detector.update(calm(component))
    assert detector.update(shifted(component))


def check_a_detector_starts_anew_after_a_change(component: type[Detector]) -> None:
    """After a change, what was new is normal: calm at first, and the next change is found as well."""
    detector = component.Config().build(SEED)
    detector.update(calm(component))
    assert first_change(detector, shifted(component)) >= 0
    values = calm(component, seed=SEED + 1)
    assert not detector.update(values)
    assert detector.update(1.0 - values if component.binary_only else values + 5.0)


def check_update_is_take_for_each_value(component: type[Detector]) -> None:
    """How the values are cut into blocks makes no difference."""
    values = np.concatenate([calm(component)[-120:], shifted(component)])
    whole, single = component.Config().build(SEED), component.Config().build(SEED)
    found = [single.take(value) for value in values.tolist()]
    assert whole.update(values) == any(found)
    assert digest(whole.state()) == digest(single.state())


def check_state_survives_writing_and_reading(component: type[Detector]) -> None:
    """A detector that took over a state goes on exactly like the one that gave it, wherever that was."""
    values = np.concatenate([calm(component)[-150:], shifted(component)])
    original = component.Config().build(SEED)
    change = first_change(component.Config().build(SEED), values)
    cuts = {0, 1, 5, 33, 149, change, change + 1, change + 2}  # the flag of a change is state, too
    for start, stop in zip(sorted(cuts), [*sorted(cuts)[1:], len(values)], strict=True):
        copy = component.Config().build(SEED)
        copy.update(values[:3])  # what it held before is gone
        copy.load(rewritten(original.state()))
        assert digest(copy.state()) == digest(original.state())
        piece = values[start:stop].tolist()
        assert [copy.take(value) for value in piece] == [original.take(value) for value in piece]
        assert digest(copy.state()) == digest(original.state())


def check_a_state_is_not_changed_by_later_values(component: type[Detector]) -> None:
    """`state` gives copies."""
    detector = component.Config().build(SEED)
    detector.update(calm(component)[:120])
    state = detector.state()
    before = digest(state)
    detector.update(shifted(component)[:60])
    assert digest(state) == before


def first_change(detector: Detector, values: Floats) -> int:
    """The number of the first value at which a change is found; -1: none."""
    return next((i for i, value in enumerate(values.tolist()) if detector.take(value)), -1)


def rewritten(state: State) -> State:
    """The state as a checkpoint gives it back: JSON text and arrays."""
    tree, arrays = split(state)
    return join(json.loads(json.dumps(tree)), {name: array.copy() for name, array in arrays.items()})


CHECKS = (
    check_no_change_is_found_in_calm_values,
    check_an_abrupt_change_is_found,
    check_a_detector_starts_anew_after_a_change,
    check_update_is_take_for_each_value,
    check_state_survives_writing_and_reading,
    check_a_state_is_not_changed_by_later_values,
)
