"""The family of task weightings: one protocol for all strategies.

The learner runs segments of LEARN operations with fixed task weights; after each segment it hands the weighting the
segment's `Signals` and reads the next weights. The rules that hold for every strategy are enforced here, in `update`,
so that a strategy is only its formula: `solve`. Below the protocol stand the few pieces that several formulas share.

Shape suffixes: T all tasks, A the active tasks of the segment (those with at least one label).
"""

from __future__ import annotations

import difflib
import enum
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias, cast, final

import numpy as np
from pydantic import Field

from streammtl.component import Component
from streammtl.errors import ConfigError
from streammtl.types import Floats, Ints, Signals, State

#: What task weights scale: only the gradient into the shared trunk, or that of the task's head as well.
ApplyTo: TypeAlias = Literal["trunk", "all"]

#: Losses outside this range are taken as its nearer end. Both ends are far from any useful loss: the lower one makes
#: logarithms and quotients of a loss of 0 finite, the upper one keeps one absurd loss out of an average for ever.
LOSS_MIN, LOSS_MAX = 1e-12, 1e12


class Needs(enum.Flag):
    """What a strategy reads; nothing else is computed for it."""

    LOSSES = enum.auto()
    LOSSES_AFTER = enum.auto()
    GRAMIAN = enum.auto()


@dataclass(frozen=True, slots=True)
class ActiveSignals:
    """The signals of the active tasks only: finite, and at least one task."""

    tasks_A: Ints  # indices into the tasks
    n_labels_A: Ints
    losses_A: Floats
    losses_after_A: Floats | None
    gramian_AA: Floats | None


class Weighting(Component):
    """Turns the tasks' losses (or gradients) into their weights for the next segment."""

    family: ClassVar[str] = "weighting"
    needs: ClassVar[Needs] = Needs.LOSSES
    #: True: the weights stay what they are at first, whatever the signals.
    is_constant: ClassVar[bool] = False
    #: True: equal tasks may get unequal weights, by chance.
    is_random: ClassVar[bool] = False

    class Config(Component.Config):
        """Settings of every weighting."""

        every: int = Field(
            default=32,
            ge=1,
            le=1_000_000,
            description="LEARN operations in a segment: weights change after each.",
        )
        apply_to: ApplyTo = Field(
            default="trunk",
            description="What the weights scale: each task's gradient into the shared trunk (trunk; heads always "
            "learn from their own unweighted loss), or the whole loss (all).",
        )

        def build(self, task_names: tuple[str, ...], seed: int = 0) -> Weighting:
            """The weighting of these tasks."""
            return cast(Weighting, self.owner(self, task_names, seed))

    def __init__(self, config: Weighting.Config, task_names: tuple[str, ...], seed: int = 0) -> None:
        self.task_names = task_names
        self.weights_T: Floats = np.ones(len(task_names))
        self.n_skipped = 0

    @final
    def update(self, signals: Signals) -> Floats:
        """The weights of all tasks after this segment.

        Only active tasks are solved for; their weights are scaled to sum to their number. Every other task keeps its
        weight and its state. A segment with a loss or gradient that is not finite is skipped and counted.
        """
        active = signals.n_labels_T > 0
        if not active.any():
            return self.weights_T
        part = _select(signals, np.flatnonzero(active), self.needs)
        if not _is_finite(part):
            self.n_skipped += 1
            return self.weights_T
        raw_A = np.maximum(self.solve(part), 0.0)
        mean = float(raw_A.sum()) / len(raw_A)
        if not np.isfinite(mean) or mean <= 0.0:
            self.n_skipped += 1
            return self.weights_T
        weights_T = self.weights_T.copy()
        weights_T[part.tasks_A] = raw_A / mean
        self.weights_T = weights_T
        return weights_T

    @abstractmethod
    def solve(self, signals: ActiveSignals) -> Floats:
        """Non-negative weights of the active tasks, in any scale; moves the state of the active tasks only."""

    def state(self) -> State:
        """All that `update` depends on."""
        return {"weights": self.weights_T.copy(), "n_skipped": self.n_skipped}

    def load(self, state: State) -> None:
        """Take over a `state`."""
        self.weights_T = np.array(state["weights"], dtype=np.float64)
        self.n_skipped = int(state["n_skipped"])


def _select(signals: Signals, tasks_A: Ints, needs: Needs) -> ActiveSignals:
    after = signals.losses_after_T if Needs.LOSSES_AFTER in needs else None
    gramian = signals.gramian_TT if Needs.GRAMIAN in needs else None
    return ActiveSignals(
        tasks_A=tasks_A,
        n_labels_A=signals.n_labels_T[tasks_A],
        losses_A=signals.losses_T[tasks_A],
        losses_after_A=None if after is None else after[tasks_A],
        gramian_AA=None if gramian is None else gramian[np.ix_(tasks_A, tasks_A)],
    )


def _is_finite(part: ActiveSignals) -> bool:
    arrays = (part.losses_A, part.losses_after_A, part.gramian_AA)
    return all(bool(np.isfinite(a).all()) for a in arrays if a is not None)


def bounded(losses_A: Floats) -> Floats:
    """The losses, cut to [LOSS_MIN, LOSS_MAX]: what formulas that divide by a loss or take its logarithm read.

    A negative loss is taken as LOSS_MIN, that is as solved: tasks should lose something that is bounded below by 0.
    """
    return np.minimum(np.maximum(losses_A, LOSS_MIN), LOSS_MAX)


def softmax(x_A: Floats) -> Floats:
    """Softmax that cannot overflow."""
    exp_A = np.exp(x_A - x_A.max())
    return cast(Floats, exp_A / exp_A.sum())


def by_task(setting: str, values: Mapping[str, float], task_names: tuple[str, ...], default: float) -> Floats:
    """The values of a setting that is keyed by task, in task order; `default` for a task that it does not name.

    A name that is no task's raises `ConfigError`.
    """
    for name in values:
        if name not in task_names:
            near = difflib.get_close_matches(name, task_names, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise ConfigError(
                f"{setting} names the task {name!r}, which does not exist: {hint}The tasks are {', '.join(task_names)}"
            )
    return np.array([values.get(name, default) for name in task_names], dtype=np.float64)


@final
class DecayedLosses:
    """Decayed average of each task's loss: what stands on a stream for a paper's average over an epoch.

    After the i-th segment in which task k had labels, with n_i labels and mean loss L_i (cut by `bounded`), and
    d = 2^(-1 / half_life),

        m_k = sum_i d^(t - i) n_i L_i / sum_i d^(t - i) n_i

    so it is free of the bias of a start at zero, and a segment with one label counts less than one with many. Segments
    without a label of the task do not count: an absent task keeps its average, however long it is absent.

    >>> losses = DecayedLosses(n_tasks=1, half_life=1.0)
    >>> task, one_label = np.array([0]), np.array([1])
    >>> losses.update(task, one_label, np.array([4.0]))
    array([4.])
    >>> losses.update(task, one_label, np.array([1.0]))  # (4 / 2 + 1) / (1 / 2 + 1)
    array([2.])
    """

    def __init__(self, n_tasks: int, half_life: float) -> None:
        self._decay = 0.5 ** (1.0 / half_life)
        self._mean_T: Floats = np.zeros(n_tasks)
        self._mass_T: Floats = np.zeros(n_tasks)  # decayed number of labels

    def update(self, tasks_A: Ints, n_labels_A: Ints, losses_A: Floats) -> Floats:
        """The averages of the active tasks after this segment: positive, within [LOSS_MIN, LOSS_MAX] up to rounding."""
        mass_A = self._decay * self._mass_T[tasks_A] + n_labels_A
        share_A = n_labels_A / mass_A
        # Both terms are positive: as mean + share (loss - mean), a tiny loss after a huge one could round to 0.
        mean_A: Floats = (1.0 - share_A) * self._mean_T[tasks_A] + share_A * bounded(losses_A)
        self._mean_T[tasks_A] = mean_A
        self._mass_T[tasks_A] = mass_A
        return mean_A

    def state(self) -> State:
        """All that `update` depends on."""
        return {"mean": self._mean_T.copy(), "mass": self._mass_T.copy()}

    def load(self, state: State) -> None:
        """Take over a `state`."""
        self._mean_T = np.array(state["mean"], dtype=np.float64)
        self._mass_T = np.array(state["mass"], dtype=np.float64)
