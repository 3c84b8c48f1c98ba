"""The rules that every weighting obeys, as checks; `check_weighting(YourClass)` runs them all.

A check takes the component's class, builds it with its default settings, runs it over a *history* (a list of the
segments' `Signals`), and raises `AssertionError` when a rule is broken. Most take another history than the built-in
one, for property tests. Signals always carry exactly what the class declares in `needs`.

Shape suffixes: T tasks, D dimensions of the made-up gradients behind a Gram matrix.
"""

from __future__ import annotations

import base64
import dataclasses
import io
import json
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from streammtl.seeds import named_rng
from streammtl.types import Floats, Ints, Signals, State
from streammtl.weighting.base import Needs, Weighting

History: TypeAlias = Sequence[Signals]

SEED = 7
#: Two runs whose sums are taken in another order may differ by rounding, but not by more.
TOLERANCE = 1e-6


def check_weighting(component: type[Weighting]) -> None:
    """Run every check."""
    for check in CHECKS:
        check(component)


def segment(n_labels: Sequence[int], losses: Sequence[float], drop: Sequence[float] = (), seed: int = 0) -> Signals:
    """The signals of one segment, all of them: NaN for tasks without labels, and a random Gram matrix.

    `drop[k]` is the factor by which the step lowered the loss of task k (default 0.9).
    """
    n_labels_T = np.array(n_labels, dtype=np.int64)
    losses_T = np.where(n_labels_T > 0, np.array(losses, dtype=np.float64), np.nan)
    drop_T = np.array(drop, dtype=np.float64) if drop else np.full(len(n_labels), 0.9)
    gradients_TD = named_rng(seed, "gradients").standard_normal((len(n_labels), 5))
    gradients_TD[n_labels_T == 0] = np.nan
    return Signals(n_labels_T, losses_T, losses_T * drop_T, gradients_TD @ gradients_TD.T)


def random_history(n_tasks: int = 3, n_segments: int = 40, seed: int = SEED, decades: float = 2.0) -> list[Signals]:
    """Segments in which any task may be absent, with losses from 10^-decades to 10^decades."""
    rng = named_rng(seed, "history")
    return [
        segment(
            n_labels=rng.integers(0, 4, n_tasks).tolist(),
            losses=(10.0 ** rng.uniform(-decades, decades, n_tasks)).tolist(),
            drop=rng.uniform(0.5, 1.2, n_tasks).tolist(),
            seed=int(rng.integers(1 << 30)),
        )
        for _ in range(n_segments)
    ]


def check_absent_task_changes_nothing(component: type[Weighting], history: History | None = None) -> None:
    """A task that never has a label, listed first or last, leaves the others' weights as they are, bit for bit."""
    history = random_history() if history is None else history
    names = _names(history)
    without = _run(_build(component, names), history)
    for place in (0, len(names)):
        wider = _build(component, (*names[:place], "absent", *names[place:]))
        initial = wider.weights_T[place]
        for expected_T, weights_T in zip(without, _run(wider, [_insert(s, place) for s in history]), strict=True):
            assert np.array_equal(np.delete(weights_T, place), expected_T), (
                f"a task that never has a label changed the others' weights from {expected_T} to {weights_T}"
            )
            assert weights_T[place] == initial, "the weight of a task without labels moved"


def check_absent_task_keeps_its_weight(component: type[Weighting], history: History | None = None) -> None:
    """A segment without labels of a task leaves its weight as it is; a segment without labels leaves everything."""
    history = random_history() if history is None else history
    weighting = _build(component, _names(history))
    for signals in history:
        before_T = weighting.weights_T.copy()
        weights_T = weighting.update(_needed(signals, component.needs))
        absent_T = signals.n_labels_T == 0
        assert np.array_equal(weights_T[absent_T], before_T[absent_T]), "the weight of an absent task moved"
        if absent_T.all():
            continue
        n_active = int((~absent_T).sum())
        assert np.isclose(weights_T[~absent_T].sum(), n_active), (
            f"the weights of {n_active} active tasks sum to {weights_T[~absent_T].sum()}"
        )


def check_absent_task_keeps_its_state(component: type[Weighting], history: History | None = None) -> None:
    """However long other tasks alone have labels, the absent ones go on afterwards as if no time had passed."""
    history = random_history() if history is None else history
    names = (*_names(history), "other")
    with_pause, without_pause = _build(component, names), _build(component, names)
    pause = [_only_last(len(names), loss=0.1 * i) for i in range(1, 21)]
    ours = [_insert(signals, len(names) - 1) for signals in history]
    middle = len(ours) // 2
    weights = _run(with_pause, [*ours[:middle], *pause, *ours[middle:]])
    expected = _run(without_pause, ours)
    for weights_T, expected_T in zip(weights[middle + len(pause) :], expected[middle:], strict=True):
        assert np.array_equal(weights_T[:-1], expected_T[:-1]), "absence changed the state of a task"


def check_absent_losses_are_never_read(component: type[Weighting], history: History | None = None) -> None:
    """Whatever stands in the place of an absent task's loss (NaN, 0, anything) makes no difference."""
    history = random_history() if history is None else history
    expected = _run(_build(component, _names(history)), history)
    for filler in (0.0, 1e300, np.inf):
        filled = [_fill_absent(signals, filler) for signals in history]
        weights = _run(_build(component, _names(history)), filled)
        assert _equal(weights, expected), f"the loss {filler} of a task without labels changed the weights"


def check_not_finite_is_skipped(component: type[Weighting], history: History | None = None) -> None:
    """A segment with a loss or gradient that is not finite is counted, and changes nothing else."""
    history = random_history() if history is None else history
    middle = len(history) // 2
    expected = _run(_build(component, _names(history)), history)
    for bad in _damaged(_all_active(len(_names(history))), component.needs):
        weighting = _build(component, _names(history))
        _run(weighting, history[:middle])
        before = weighting.state()
        weights_T = weighting.update(bad)
        assert np.array_equal(weights_T, before["weights"]), "a loss that is not finite moved the weights"
        after = weighting.state()
        assert after.pop("n_skipped") == before.pop("n_skipped") + 1, "a segment that is not finite was not counted"
        assert _encode(after) == _encode(before), "a loss that is not finite entered the state"
        assert _equal(_run(weighting, history[middle:]), expected[middle:]), "a skipped segment had an effect later"


def check_resume_is_exact(component: type[Weighting], history: History | None = None) -> None:
    """State saved anywhere, written as JSON and arrays, and loaded into a new object goes on bit for bit."""
    history = random_history() if history is None else history
    names = _names(history)
    for cut in (0, 1, len(history) // 2):
        original, resumed = _build(component, names), _build(component, names)
        _run(original, history[:cut])
        state = original.state()
        saved = _encode(state)
        expected = _run(original, history[cut:])
        assert _encode(state) == saved, "a state that was taken changed when the weighting went on"
        resumed.load(_decode(saved))
        assert _encode(resumed.state()) == saved, "loading a state and taking it again gave another"
        assert _equal(_run(resumed, history[cut:]), expected), "a resumed weighting went another way"
        assert _encode(resumed.state()) == _encode(original.state()), "a resumed weighting ended in another state"


def check_weights_are_finite(component: type[Weighting], history: History | None = None) -> None:
    """Weights are finite and not negative, and no segment is skipped, for losses from 0 and 1e-12 to 1e12."""
    if history is None:
        history = random_history(decades=12.0)
        for low, high in ((1e-12, 1e12), (1e12, 1e-12), (0.0, 1e12), (0.0, 0.0), (-1e-15, 1.0), (1e12, 1e12)):
            jump = [segment([1, 1_000_000, 0], [low, high, 0.0], drop=[1e-12, 1.0, 1.0], seed=i) for i in range(20)]
            history = [*history, *jump]
    weighting = _build(component, _names(history))
    for signals in history:
        weights_T = weighting.update(_needed(signals, component.needs))
        assert np.isfinite(weights_T).all(), f"weights {weights_T} for losses {signals.losses_T}"
        assert (weights_T >= 0.0).all(), f"weights {weights_T} for losses {signals.losses_T}"
        assert weighting.n_skipped == 0, f"no weights were found for losses {signals.losses_T}"


def check_one_task_has_weight_one(component: type[Weighting]) -> None:
    """A single task has weight 1 whatever its loss."""
    weighting = _build(component, ("a",))
    for exponent in range(-12, 13):
        weights_T = weighting.update(_needed(segment([2], [10.0**exponent], seed=exponent + 12), component.needs))
        assert np.allclose(weights_T, [1.0]), f"one task has weight {weights_T}"
    assert weighting.n_skipped == 0, "no weight was found for a single task"


def check_identical_tasks_weigh_the_same(component: type[Weighting]) -> None:
    """Tasks with the same losses and gradients have weight 1 each; with opposite gradients, finite weights."""
    rng = named_rng(SEED, "identical")
    for gramian_TT in (np.full((2, 2), 2.0), np.array([[2.0, -2.0], [-2.0, 2.0]]), np.zeros((2, 2))):
        weighting = _build(component, ("a", "b"))
        for loss in 10.0 ** rng.uniform(-6, 6, 20):
            signals = dataclasses.replace(segment([3, 3], [loss, loss]), gramian_TT=gramian_TT)
            weights_T = weighting.update(_needed(signals, component.needs))
            assert np.isfinite(weights_T).all(), f"identical losses {loss} gave weights {weights_T}"
            if not component.is_random:
                assert np.allclose(weights_T, 1.0, atol=TOLERANCE), f"identical tasks have weights {weights_T}"


def check_permuting_tasks_permutes_weights(component: type[Weighting], history: History | None = None) -> None:
    """The order in which tasks are listed does not matter, up to rounding. Random weightings are excepted."""
    if component.is_random:
        return
    history = random_history() if history is None else history
    names = _names(history)
    expected = _run(_build(component, names), history)
    for order in (np.arange(len(names))[::-1], np.roll(np.arange(len(names)), 1)):
        permuted = _build(component, tuple(names[i] for i in order))
        weights = _run(permuted, [_permute(signals, order) for signals in history])
        for weights_T, expected_T in zip(weights, expected, strict=True):
            assert np.allclose(weights_T, expected_T[order], rtol=TOLERANCE, atol=TOLERANCE), (
                f"listing the tasks in another order changed their weights from {expected_T[order]} to {weights_T}"
            )


def check_only_what_is_needed_is_read(component: type[Weighting], history: History | None = None) -> None:
    """Signals that `needs` does not name may be missing, or be anything, and change nothing."""
    history = random_history() if history is None else history
    expected = _run(_build(component, _names(history)), history)
    weighting = _build(component, _names(history))
    given = [weighting.update(_spoil_others(signals, component.needs)).copy() for signals in history]
    assert _equal(given, expected), "a signal that is not among the needs was read"
    assert weighting.n_skipped == 0, "a signal that is not among the needs caused a skip"


def check_same_seed_gives_same_weights(component: type[Weighting], history: History | None = None) -> None:
    """Two objects with the same settings and seed do the same: nothing global is random."""
    history = random_history() if history is None else history
    first, second = (_run(_build(component, _names(history)), history) for _ in range(2))
    assert _equal(first, second), "the same settings, seed and history gave other weights"


CHECKS = (
    check_absent_task_changes_nothing,
    check_absent_task_keeps_its_weight,
    check_absent_task_keeps_its_state,
    check_absent_losses_are_never_read,
    check_not_finite_is_skipped,
    check_resume_is_exact,
    check_weights_are_finite,
    check_one_task_has_weight_one,
    check_identical_tasks_weigh_the_same,
    check_permuting_tasks_permutes_weights,
    check_only_what_is_needed_is_read,
    check_same_seed_gives_same_weights,
)


def _names(history: History) -> tuple[str, ...]:
    return tuple("abcdefghijklmnop"[: len(history[0].n_labels_T)])


def _build(component: type[Weighting], names: tuple[str, ...]) -> Weighting:
    return component.Config().build(names, SEED)


def _run(weighting: Weighting, history: History) -> list[Floats]:
    """The weights after each segment."""
    return [weighting.update(_needed(signals, weighting.needs)).copy() for signals in history]


def _equal(first: Sequence[Floats], second: Sequence[Floats]) -> bool:
    return all(np.array_equal(a_T, b_T) for a_T, b_T in zip(first, second, strict=True))


def _needed(signals: Signals, needs: Needs) -> Signals:
    return dataclasses.replace(
        signals,
        losses_after_T=signals.losses_after_T if Needs.LOSSES_AFTER in needs else None,
        gramian_TT=signals.gramian_TT if Needs.GRAMIAN in needs else None,
    )


def _spoil_others(signals: Signals, needs: Needs) -> Signals:
    """Something else for everything that is not needed: NaN, or 1 for losses, which are always there and finite."""
    n_tasks = len(signals.n_labels_T)
    ones_T = np.where(signals.n_labels_T > 0, 1.0, np.nan)
    return dataclasses.replace(
        signals,
        losses_T=signals.losses_T if Needs.LOSSES in needs else ones_T,
        losses_after_T=signals.losses_after_T if Needs.LOSSES_AFTER in needs else np.full(n_tasks, np.nan),
        gramian_TT=signals.gramian_TT if Needs.GRAMIAN in needs else np.full((n_tasks, n_tasks), np.nan),
    )


def _arrays(signals: Signals) -> tuple[Floats, Floats]:
    """The signals that `segment` always makes."""
    assert signals.losses_after_T is not None
    assert signals.gramian_TT is not None
    return signals.losses_after_T, signals.gramian_TT


def _insert(signals: Signals, place: int) -> Signals:
    """The same segment with one more task, which has no label."""
    after_T, gramian_TT = _arrays(signals)
    wider_TT = np.insert(np.insert(gramian_TT, place, np.nan, axis=0), place, np.nan, axis=1)
    return Signals(
        np.insert(signals.n_labels_T, place, 0),
        np.insert(signals.losses_T, place, np.nan),
        np.insert(after_T, place, np.nan),
        wider_TT,
    )


def _permute(signals: Signals, order: Ints) -> Signals:
    after_T, gramian_TT = _arrays(signals)
    return Signals(signals.n_labels_T[order], signals.losses_T[order], after_T[order], gramian_TT[np.ix_(order, order)])


def _fill_absent(signals: Signals, filler: float) -> Signals:
    absent_T = signals.n_labels_T == 0
    after_T, gramian_TT = _arrays(signals)
    absent_TT = absent_T[:, None] | absent_T[None, :]
    return Signals(
        signals.n_labels_T,
        np.where(absent_T, filler, signals.losses_T),
        np.where(absent_T, filler, after_T),
        np.where(absent_TT, filler, gramian_TT),
    )


def _only_last(n_tasks: int, loss: float) -> Signals:
    return segment([0] * (n_tasks - 1) + [2], [loss] * n_tasks)


def _all_active(n_tasks: int) -> Signals:
    return segment([2] * n_tasks, [0.5] * n_tasks)


def _damaged(signals: Signals, needs: Needs) -> list[Signals]:
    """The segment with its last task's value in one of the needed signals not finite, in every way."""
    fields = {Needs.LOSSES: "losses_T", Needs.LOSSES_AFTER: "losses_after_T", Needs.GRAMIAN: "gramian_TT"}
    damaged = []
    for field in (name for need, name in fields.items() if need in needs):
        for bad in (np.nan, np.inf, -np.inf):
            values = np.array(getattr(signals, field))
            values[..., -1] = bad
            damaged.append(_needed(dataclasses.replace(signals, **{field: values}), needs))
    return damaged


def _encode(state: State) -> str:
    """The state as one JSON text; arrays as the bytes of an .npy file."""
    return json.dumps(state, default=_encode_array, sort_keys=True)


def _encode_array(value: Any) -> dict[str, str]:
    assert isinstance(value, np.ndarray), f"a state holds a {type(value).__name__}, which is neither JSON nor an array"
    file = io.BytesIO()
    np.save(file, value, allow_pickle=False)
    return {"npy": base64.b64encode(file.getvalue()).decode()}


def _decode(text: str) -> State:
    state: State = json.loads(text, object_hook=_decode_array)
    return state


def _decode_array(value: dict[str, Any]) -> Any:
    if value.keys() != {"npy"}:
        return value
    return np.load(io.BytesIO(base64.b64decode(value["npy"])), allow_pickle=False)
