"""Prequential scores: how well the predictions did that were *published*, judged by the labels that came later.

Shape suffixes: L labels rows of a turn (one per LEARN), T tasks, O published columns of all tasks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias, final

import numpy as np
from pydantic import Discriminator, Field, Tag, model_validator

from streammtl.component import OneOf, Settings, members
from streammtl.errors import CheckpointMismatchError, ConfigError
from streammtl.metrics.base import Scorer
from streammtl.metrics.tally import Tally
from streammtl.tasks.base import Task
from streammtl.types import Bools, Floats, Outcome, State


@dataclass(frozen=True, slots=True)
class TaskReport:
    """How one task has done so far. Scores that are not defined yet are NaN.

    `no_change...` are the scores of the prediction "the last label known when the event was predicted, again", over the
    same labels (less those before which no label was known), without the scores that say nothing about it.
    """

    kind: str  # of the scorer
    labels: int  # that somebody sent
    expiries: int  # labels that only stand for the expiry of the horizon; scored like the others
    unscored: int  # labels and expiries whose published prediction was not finite
    coverage: float  # labels / events; NaN: no event
    delay_mean_s: float  # of the labels whose delay is known; NaN: none
    delay_max_s: float
    scores: dict[str, float]  # over all labels alike
    fading: dict[str, float]  # a label's weight halves with every `half_life` later ones
    windowed: dict[str, float]  # over the last `window` labels
    no_change: dict[str, float]
    no_change_fading: dict[str, float]
    no_change_windowed: dict[str, float]
    primary: str  # the score to show where only one is shown


@dataclass(frozen=True, slots=True)
class TaskScores:
    """How one task has done so far, in short; see `TaskReport`."""

    labels: int
    scores: dict[str, float]
    windowed: dict[str, float]


class WeightedComposite(Settings):
    """A weighted mean of the tasks' primary scores."""

    weights: dict[str, Annotated[float, Field(gt=0.0)]] = Field(
        min_length=1, description="Weight of each task in the composite; tasks not named are left out of it."
    )


# Told apart by their shape, so that a mistake is reported against one form only.
Composite: TypeAlias = Annotated[
    Annotated[Literal["mean"], Tag("mean")] | Annotated[WeightedComposite, Tag("weights")],
    Discriminator(lambda value: "mean" if isinstance(value, str) else "weights"),
]


@final
class Evaluate:
    """Keeps the scores of every task: running, fading and windowed, each beside those of no-change.

    Labels are taken in stream order, per task, in blocks counted along that task's labels, and summed one after the
    other: the scores have the same bits however the stream was cut into turns.

    >>> from streammtl.tasks.binary import BinaryTask
    >>> evaluate = Evaluate.Config().build((BinaryTask.Config().build("fraud"),))
    >>> outcome = Outcome(
    ...     labels_LT=np.array([[1.0], [0.0]]),
    ...     outputs_LO=np.array([[0.8], [0.4]]),
    ...     baseline_LT=np.array([[np.nan], [1.0]]),
    ...     delay_s_L=np.array([60.0, 30.0]),
    ...     time_s_L=np.array([0.0, 1.0]),
    ...     is_expiry_L=np.array([False, False]),
    ... )
    >>> evaluate.observe(outcome, n_events=4)
    >>> report = evaluate.report()["fraud"]
    >>> report.scores["auc"], report.scores["accuracy"], report.no_change["accuracy"]
    (1.0, 1.0, 0.0)
    >>> report.coverage, report.delay_mean_s
    (0.5, 45.0)
    """

    class Config(Settings):
        """Settings of the scores."""

        window: int = Field(
            default=1000,
            ge=1,
            le=10_000_000,
            description="Labels of a task in its windowed scores; a multiple of `block`.",
        )
        half_life: float = Field(
            default=1000.0,
            ge=1.0,
            le=1e9,
            description="Labels of a task after which an earlier one weighs half in its fading scores.",
        )
        block: int = Field(
            default=100,
            ge=1,
            le=1_000_000,
            description="Labels of a task that are scored at a time. Affects speed and memory, no score.",
        )
        composite: Composite | None = Field(
            default=None,
            description="One figure of several tasks: the mean of their primary scores (mean) or a weighted one "
            "({weights: {task: weight}}), losses counted negative. Means something only among tasks of one kind. "
            "Default: none.",
        )
        scorers: dict[str, Annotated[Scorer.Config, OneOf("metrics")]] = Field(
            default_factory=dict, description="Settings of the scorer of a task, by the task's name."
        )

        @model_validator(mode="after")
        def _check_window(self) -> Evaluate.Config:
            if self.window % self.block:
                raise ValueError(
                    f"window must be a multiple of block: {self.window} is not a multiple of {self.block}; "
                    f"{-(-self.window // self.block) * self.block} is"
                )
            return self

        def build(self, tasks: tuple[Task, ...]) -> Evaluate:
            """The evaluation of these tasks, whose published columns follow each other in this order."""
            return Evaluate(self, tasks)

    def __init__(self, config: Evaluate.Config, tasks: tuple[Task, ...]) -> None:
        names = [task.name for task in tasks]
        for name in config.scorers:
            _check_name(name, names, "scorers")
        self._composite_weights = _composite_weights(config, names)
        self._n_events = 0
        self._evaluations = {task.name: _TaskEvaluation(config, task) for task in tasks}

    def observe(self, outcome: Outcome, n_events: int) -> None:
        """Take the labels of a turn, and the number of events that were predicted in it."""
        self._n_events += n_events
        is_labelled_LT = ~np.isnan(outcome.labels_LT)
        has_label_T: list[bool] = np.any(is_labelled_LT, axis=0).tolist()
        first = 0
        for task, evaluation in enumerate(self._evaluations.values()):
            last = first + evaluation.n_outputs
            if has_label_T[task]:  # in a short turn few tasks have one
                evaluation.observe(
                    is_labelled_LT[:, task],
                    outcome.labels_LT[:, task],
                    outcome.outputs_LO[:, first:last],
                    outcome.baseline_LT[:, task],
                    outcome.delay_s_L,
                    outcome.is_expiry_L,
                )
            first = last

    def report(self) -> dict[str, TaskReport]:
        """How each task has done so far, by its name. Costs about a millisecond per task."""
        return {name: evaluation.report(self._n_events) for name, evaluation in self._evaluations.items()}

    def now(self) -> dict[str, TaskScores]:
        """The most important of `report`, in a third of its time."""
        return {name: evaluation.now() for name, evaluation in self._evaluations.items()}

    def composite(self) -> float | None:
        """The (weighted) mean of the tasks' running primary scores, negative where smaller is better.

        None where none is configured; NaN until every task in it has a primary score. It means something only among
        tasks of one kind: an AUC and an R2 have no common unit.
        """
        if self._composite_weights is None:
            return None
        total = 0.0
        for name, weight in self._composite_weights.items():
            total += weight * self._evaluations[name].oriented_primary()
        return total / sum(self._composite_weights.values())

    def state(self) -> State:
        """Everything that has been counted and summed."""
        tasks = {name: evaluation.state() for name, evaluation in self._evaluations.items()}
        return {"n_events": self._n_events, "tasks": tasks}

    def load(self, state: State) -> None:
        """Take over a `state`."""
        if set(state["tasks"]) != set(self._evaluations):
            raise CheckpointMismatchError(
                f"scores of the tasks {sorted(self._evaluations)} cannot take over those of {sorted(state['tasks'])}"
            )
        self._n_events = int(state["n_events"])
        for name, evaluation in self._evaluations.items():
            evaluation.load(state["tasks"][name])


def _composite_weights(config: Evaluate.Config, names: list[str]) -> dict[str, float] | None:
    if config.composite is None:
        return None
    if config.composite == "mean":
        return dict.fromkeys(names, 1.0)
    for name in config.composite.weights:
        _check_name(name, names, "composite.weights")
    return config.composite.weights


def _check_name(name: str, names: list[str], where: str) -> None:
    if name not in names:
        raise ConfigError(f"{where} names the task {name!r}, which does not exist; the tasks are {', '.join(names)}")


def _scorer(config: Evaluate.Config, task: Task) -> Scorer:
    by_default = members("metrics")[task.scorer].Config()
    chosen = config.scorers.get(task.name, by_default)
    if chosen.owner is not by_default.owner:
        raise ConfigError(
            f"scorers.{task.name} has settings of {chosen.owner.__name__}, but the task is scored by {task.scorer!r}"
        )
    scorer: Scorer = chosen.owner(chosen, task)
    return scorer


@final
class _TaskEvaluation:
    """Counts, delays and scores of one task."""

    def __init__(self, config: Evaluate.Config, task: Task) -> None:
        self.n_outputs = task.n_outputs
        self._kind = task.scorer
        self._scorer = _scorer(config, task)
        self._tally = Tally(self._scorer, task.n_outputs, config.block, config.window, config.half_life)
        self._n_labels = 0
        self._n_expiries = 0
        self._n_unscored = 0
        self._n_delays = 0
        self._delay_total_s = 0.0
        self._delay_max_s = float("nan")

    def observe(
        self,
        is_labelled_L: Bools,
        label_L: Floats,
        outputs_LO: Floats,
        baseline_L: Floats,
        delay_s_L: Floats,
        is_expiry_L: Bools,
    ) -> None:
        is_scored_L = is_labelled_L & np.isfinite(outputs_LO).all(axis=1)
        is_sent_L = is_labelled_L & ~is_expiry_L
        n_labelled, n_scored, n_sent = map(int, map(np.count_nonzero, (is_labelled_L, is_scored_L, is_sent_L)))
        self._n_labels += n_sent
        self._n_expiries += n_labelled - n_sent
        self._n_unscored += n_labelled - n_scored
        self._observe_delays(delay_s_L[is_sent_L & ~np.isnan(delay_s_L)])
        if n_scored:
            scored = np.flatnonzero(is_scored_L)
            self._tally.add(label_L[scored], outputs_LO.take(scored, axis=0), baseline_L[scored])

    def _observe_delays(self, delay_s_L: Floats) -> None:
        if not len(delay_s_L):
            return
        self._n_delays += len(delay_s_L)
        # A running total adds one delay after the other; `sum` would group them by the size of the turn.
        self._delay_total_s = float(np.cumsum(np.concatenate(([self._delay_total_s], delay_s_L)))[-1])
        self._delay_max_s = float(np.fmax(self._delay_max_s, delay_s_L.max()))

    def report(self, n_events: int) -> TaskReport:
        published, no_change = self._tally.scores()
        return TaskReport(
            kind=self._kind,
            labels=self._n_labels,
            expiries=self._n_expiries,
            unscored=self._n_unscored,
            coverage=self._n_labels / n_events if n_events else float("nan"),
            delay_mean_s=self._delay_total_s / self._n_delays if self._n_delays else float("nan"),
            delay_max_s=self._delay_max_s,
            scores=published.running,
            fading=published.fading,
            windowed=published.windowed,
            no_change=self._meant_for_no_change(no_change.running),
            no_change_fading=self._meant_for_no_change(no_change.fading),
            no_change_windowed=self._meant_for_no_change(no_change.windowed),
            primary=self._scorer.primary,
        )

    def now(self) -> TaskScores:
        return TaskScores(self._n_labels, *self._tally.now())

    def _meant_for_no_change(self, scores: dict[str, float]) -> dict[str, float]:
        left_out = self._scorer.not_for_no_change
        return {name: score for name, score in scores.items() if name not in left_out}

    def oriented_primary(self) -> float:
        primary = self._scorer.primary
        score = self._tally.scores()[0].running[primary]
        return score if self._scorer.larger_is_better[primary] else -score

    def state(self) -> State:
        return {
            "n_labels": self._n_labels,
            "n_expiries": self._n_expiries,
            "n_unscored": self._n_unscored,
            "n_delays": self._n_delays,
            "delay_total_s": self._delay_total_s,
            # JSON has no NaN.
            "delay_max_s": self._delay_max_s if self._n_delays else None,
            "tally": self._tally.state(),
        }

    def load(self, state: State) -> None:
        self._n_labels = int(state["n_labels"])
        self._n_expiries = int(state["n_expiries"])
        self._n_unscored = int(state["n_unscored"])
        self._n_delays = int(state["n_delays"])
        self._delay_total_s = float(state["delay_total_s"])
        self._delay_max_s = float("nan") if state["delay_max_s"] is None else float(state["delay_max_s"])
        self._tally.load(state["tally"])
