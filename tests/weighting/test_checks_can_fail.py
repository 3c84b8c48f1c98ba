"""Each check fails for a weighting that breaks its rule, so that passing it means something."""

from __future__ import annotations

from typing import ClassVar, TypeVar

import numpy as np
import pytest

from streammtl.component import members
from streammtl.testing import weighting as checks
from streammtl.types import Floats, Signals, State
from streammtl.weighting.base import ActiveSignals, Needs, Weighting

AnyWeighting = TypeVar("AnyWeighting", bound=type[Weighting])


def unregistered(component: AnyWeighting) -> AnyWeighting:
    """Let the class be built by its own `Config`, which has no kind, so that the registry does not see it."""
    component.Config.owner = component
    return component


@unregistered
class FillsAbsentWithZero(Weighting):
    """Compares each loss with the mean over all tasks, in which an absent task counts as 0."""

    class Config(Weighting.Config): ...

    def solve(self, signals: ActiveSignals) -> Floats:
        losses_T = np.zeros(len(self.task_names))
        losses_T[signals.tasks_A] = signals.losses_A
        return signals.losses_A + float(losses_T.mean())


@unregistered
class ReadsAbsentLosses(Weighting):
    """Goes around the selection of the active tasks."""

    class Config(Weighting.Config): ...

    def update(self, signals: Signals) -> Floats:  # type: ignore[misc]
        losses_T = np.clip(np.nan_to_num(signals.losses_T), 1e-12, 1e12)
        self.weights_T = losses_T * (len(losses_T) / losses_T.sum())
        return self.weights_T

    def solve(self, signals: ActiveSignals) -> Floats:
        raise AssertionError("never called")


class Averages(Weighting):
    """Weighs by an average loss; the members below get one thing about it wrong."""

    def __init__(self, config: Weighting.Config, task_names: tuple[str, ...], seed: int = 0) -> None:
        super().__init__(config, task_names, seed)
        self.mean_T: Floats = np.ones(len(task_names))

    def solve(self, signals: ActiveSignals) -> Floats:
        self.mean_T[signals.tasks_A] += 0.5 * (signals.losses_A - self.mean_T[signals.tasks_A])
        return self.mean_T[signals.tasks_A]

    def state(self) -> State:
        return super().state() | {"mean": self.mean_T.copy()}

    def load(self, state: State) -> None:
        super().load(state)
        self.mean_T = np.array(state["mean"])


@unregistered
class MovesAbsentState(Averages):
    """Lets every task's average decay, also those without labels."""

    class Config(Weighting.Config): ...

    def solve(self, signals: ActiveSignals) -> Floats:
        self.mean_T = 1.0 + 0.9 * (self.mean_T - 1.0)
        return super().solve(signals)


@unregistered
class ForgetsItsAverage(Averages):
    """Leaves the average out of the state."""

    class Config(Weighting.Config): ...

    def state(self) -> State:
        return Weighting.state(self)

    def load(self, state: State) -> None:
        Weighting.load(self, state)


@unregistered
class HandsOutLiveState(Averages):
    """Gives the array itself as state, which later updates change."""

    class Config(Weighting.Config): ...

    def state(self) -> State:
        return super().state() | {"mean": self.mean_T}


@unregistered
class LetsNaNIn(Averages):
    """Reads the losses before they are checked."""

    class Config(Weighting.Config): ...

    def update(self, signals: Signals) -> Floats:  # type: ignore[misc]
        self.mean_T = np.where(signals.n_labels_T > 0, signals.losses_T, self.mean_T)
        return super().update(signals)

    def solve(self, signals: ActiveSignals) -> Floats:
        return self.mean_T[signals.tasks_A]


@unregistered
class DividesByZero(Weighting):
    """Has no weights for a loss of 0."""

    class Config(Weighting.Config): ...

    def solve(self, signals: ActiveSignals) -> Floats:
        with np.errstate(divide="ignore"):
            return 1.0 / signals.losses_A


@unregistered
class NeedsTwoTasks(Weighting):
    """Has no weight for a task that is alone."""

    class Config(Weighting.Config): ...

    def solve(self, signals: ActiveSignals) -> Floats:
        return np.abs(signals.losses_A - float(signals.losses_A.mean()))


@unregistered
class PrefersTheLast(Weighting):
    """Weighs tasks by their place in the list."""

    class Config(Weighting.Config): ...

    def solve(self, signals: ActiveSignals) -> Floats:
        return np.arange(1.0, 1.0 + len(signals.tasks_A))


@unregistered
class ReadsWhatItDidNotAskFor(Weighting):
    """Uses the Gram matrix without declaring it."""

    class Config(Weighting.Config): ...

    needs: ClassVar[Needs] = Needs.LOSSES

    def solve(self, signals: ActiveSignals) -> Floats:
        assert signals.gramian_AA is not None
        return np.diag(signals.gramian_AA)


@unregistered
class DrawsFromNowhere(Weighting):
    """Draws from a generator that no seed determines."""

    class Config(Weighting.Config): ...

    is_random: ClassVar[bool] = True

    def solve(self, signals: ActiveSignals) -> Floats:
        return np.random.default_rng().uniform(size=len(signals.tasks_A))


def test_absent_task_counted_as_zero_is_caught() -> None:
    with pytest.raises(AssertionError, match="never has a label"):
        checks.check_absent_task_changes_nothing(FillsAbsentWithZero)


def test_moving_weight_of_an_absent_task_is_caught() -> None:
    with pytest.raises(AssertionError, match="weight of an absent task moved"):
        checks.check_absent_task_keeps_its_weight(ReadsAbsentLosses)


def test_moving_state_of_an_absent_task_is_caught() -> None:
    with pytest.raises(AssertionError, match="absence changed the state"):
        checks.check_absent_task_keeps_its_state(MovesAbsentState)


def test_reading_the_loss_of_an_absent_task_is_caught() -> None:
    with pytest.raises(AssertionError, match="of a task without labels"):
        checks.check_absent_losses_are_never_read(ReadsAbsentLosses)


def test_nan_in_the_state_is_caught() -> None:
    with pytest.raises(AssertionError, match="entered the state"):
        checks.check_not_finite_is_skipped(LetsNaNIn)


def test_incomplete_state_is_caught() -> None:
    with pytest.raises(AssertionError, match="went another way"):
        checks.check_resume_is_exact(ForgetsItsAverage)


def test_state_that_goes_on_changing_is_caught() -> None:
    with pytest.raises(AssertionError, match="a state that was taken changed"):
        checks.check_resume_is_exact(HandsOutLiveState)


def test_loss_of_zero_without_weights_is_caught() -> None:
    with pytest.raises(AssertionError, match="no weights were found"):
        checks.check_weights_are_finite(DividesByZero)


def test_no_weight_for_a_single_task_is_caught() -> None:
    with pytest.raises(AssertionError, match="single task"):
        checks.check_one_task_has_weight_one(NeedsTwoTasks)


def test_unequal_weights_of_identical_tasks_are_caught() -> None:
    with pytest.raises(AssertionError, match="identical tasks"):
        checks.check_identical_tasks_weigh_the_same(PrefersTheLast)


def test_dependence_on_the_order_of_tasks_is_caught() -> None:
    with pytest.raises(AssertionError, match="another order"):
        checks.check_permuting_tasks_permutes_weights(PrefersTheLast)


def test_reading_an_undeclared_signal_is_caught() -> None:
    with pytest.raises(AssertionError):
        checks.check_only_what_is_needed_is_read(ReadsWhatItDidNotAskFor)


def test_unseeded_draws_are_caught() -> None:
    with pytest.raises(AssertionError, match="same settings, seed and history"):
        checks.check_same_seed_gives_same_weights(DrawsFromNowhere)


def test_every_check_is_shown_to_fail() -> None:
    source = "\n".join(name for name in globals() if name.startswith("test_"))
    assert source.count("_caught") == len(checks.CHECKS) + 1  # resuming can fail in two ways


def test_broken_weightings_are_not_registered() -> None:
    assert not any(issubclass(component, Averages) for component in members("weighting").values())


def test_sound_weighting_passes_everything_together() -> None:
    checks.check_weighting(SquaresNorms)


@unregistered
class SquaresNorms(Weighting):
    """A rule on the Gram matrix: one over the squared norm of each task's gradient."""

    class Config(Weighting.Config): ...

    needs: ClassVar[Needs] = Needs.GRAMIAN

    def solve(self, signals: ActiveSignals) -> Floats:
        assert signals.gramian_AA is not None
        return 1.0 / (np.diag(signals.gramian_AA) + 1e-6)
