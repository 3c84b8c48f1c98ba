"""The learner: features, tasks, one shared model and the weights of the tasks' losses.

`advance` executes PREDICT and LEARN operations in order; `predict_one` and `learn_one` are the same thing for one
event. After every `weighting.every` LEARN operations, counted along the stream, the weighting reads the signals of the
segment and sets the task weights of the next one.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Annotated, Any, cast, final

import numpy as np
from pydantic import Field

from streammtl.component import OneOf, Settings
from streammtl.decode import Decoder, Schema
from streammtl.encode import RowEncoder
from streammtl.errors import RecordError
from streammtl.features.base import Feature
from streammtl.models.base import Model
from streammtl.tasks.base import Task
from streammtl.types import Floats, Lesson, Ops, Records, Role, RowLayout, Signals, State, Turn
from streammtl.weighting.base import Weighting

#: Where `learn_one` puts the labels of an event, so that they cannot be taken for its fields.
_LABELS_FIELD = "labels (of learn_one)"


@final
class Learner:
    """Predicts all tasks of an event, and learns from any subset of their labels.

    >>> from streammtl import BinaryTask, Categorical, Learner, Numeric
    >>> learner = Learner.Config(
    ...     features={"amount": Numeric.Config(), "merchant": Categorical.Config()},
    ...     tasks={"fraud": BinaryTask.Config()},
    ... ).build()
    >>> sorted(learner.predict_one({"amount": 12.5, "merchant": "m3"}))
    ['fraud']
    >>> learner.learn_one({"amount": 12.5, "merchant": "m3"}, {"fraud": 0})
    """

    class Config(Settings):
        """Settings of a learner."""

        features: dict[str, Annotated[Feature.Config, OneOf("features")]] = Field(
            min_length=1, description="The inputs, by name."
        )
        tasks: dict[str, Annotated[Task.Config, OneOf("tasks")]] = Field(
            min_length=1, description="What is predicted, by name."
        )
        model: Annotated[Model.Config, OneOf("models")] = Field(
            default=cast(Model.Config, {"kind": "mlp"}), description="The shared function of the features."
        )
        weighting: Annotated[Weighting.Config, OneOf("weighting")] = Field(
            default=cast(Weighting.Config, {"kind": "equal"}), description="How the tasks' losses are weighted."
        )
        time: str | None = Field(default=None, description="Field of the event's time, for features made of it.")
        seed: int = Field(default=0, ge=0, description="Seed of everything random.")

        def build(self) -> Learner:
            """The learner, ready for its first event."""
            return Learner(self).prepare()

    def __init__(self, config: Learner.Config, model: Model.Config | None = None) -> None:
        self.config = config
        self._model_config = model or config.model  # a `model` stands in the place of the configured one
        self.features = tuple(c.build(name, config.seed) for name, c in config.features.items())
        self.tasks = tuple(c.build(name) for name, c in config.tasks.items())
        self.layout: RowLayout = RowEncoder(self.features).layout
        self.weighting = config.weighting.build(tuple(config.tasks), config.seed)
        self._every = config.weighting.every
        self._n_in_segment = 0
        self._one: Decoder | None = None

    @functools.cached_property
    def model(self) -> Model:
        """The shared function of the features, built when it is first asked for."""
        needs, apply_to = self.weighting.needs, self.config.weighting.apply_to
        return self._model_config.build(self.layout, self.tasks, needs, apply_to, self.config.seed)

    def prepare(self) -> Learner:
        """Build the model, which may have to be compiled first; else it is built when the first event comes."""
        _ = self.model
        return self

    @property
    def n_outputs(self) -> int:
        """Published columns of all tasks side by side."""
        return sum(task.n_outputs for task in self.tasks)

    def advance(self, ops: Ops) -> Lesson:
        """Execute the operations in order."""
        learn_at = np.flatnonzero(ops.is_learn_N)
        segment_ends: list[int] = []  # none where weights never change: one long call is faster than many short ones
        if not self.weighting.is_constant:
            segment_ends = (learn_at[self._every - self._n_in_segment - 1 :: self._every] + 1).tolist()
        losses = _MeanLosses(len(self.tasks))

        def reweight(signals: Signals) -> Floats:
            losses.add(signals)
            return self.weighting.update(signals)

        strides = self.model.advance_in_segments(ops, segment_ends, self.weighting.weights_T, reweight)
        if self.weighting.is_constant:
            losses.add(self.model.take_signals())
        self._n_in_segment = (self._n_in_segment + len(learn_at)) % self._every
        weights_T = self.weighting.weights_T
        return Lesson(strides.outputs_PO, weights_T, strides.n_steps, strides.n_steps_skipped, losses.mean_T())

    def predict_one(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """The predictions of all tasks for one event, by task: `{"fraud": {"probability": 0.03}}`.

        Raises `RecordError` when the event cannot be read.
        """
        turn = self._decode_one(dict(event))
        outputs_O = self.advance(_one_operation(turn, is_learn=False)).outputs_PO[0]
        return self.describe(outputs_O)

    def learn_one(self, event: Mapping[str, Any], labels: Mapping[str, Any]) -> None:
        """Learn from the labels of one event; any subset of the tasks may have one.

        Raises `RecordError` when the event or a label cannot be read, or a label is of no task.
        """
        unknown = set(labels) - {task.name for task in self.tasks}
        if unknown:
            raise RecordError(f"labels of unknown tasks {sorted(unknown)}; the tasks are {list(self.config.tasks)}")
        by_field = {task.label_field: labels[task.name] for task in self.tasks if task.name in labels}
        turn = self._decode_one({**event, _LABELS_FIELD: by_field})
        if not np.isnan(turn.labels_NT).all():
            self.advance(_one_operation(turn, is_learn=True))

    def describe(self, outputs_O: Floats) -> dict[str, Any]:
        """A row of published outputs as people and JSON read it, by task."""
        described, start = {}, 0
        for task in self.tasks:
            described[task.name] = task.describe(outputs_O[start : start + task.n_outputs])
            start += task.n_outputs
        return described

    def state(self) -> State:
        """All that was learned."""
        return {
            "model": self.model.state(),
            "weighting": self.weighting.state(),
            "tasks": {task.name: task.state() for task in self.tasks},
            "n_in_segment": self._n_in_segment,
        }

    def load(self, state: State) -> None:
        """Take over a `state` of a learner of the same configuration."""
        self.model.load(state["model"])
        self.weighting.load(state["weighting"])
        for task in self.tasks:
            task.load(state["tasks"][task.name])
        self._n_in_segment = int(state["n_in_segment"])

    def _decode_one(self, event: dict[str, Any]) -> Turn:
        if self._one is None:
            schema = Schema(features=self.config.features, time=self.config.time, labels=_LABELS_FIELD)
            self._one = Decoder(schema, self.features, self.tasks)
        records = Records([event], ("event",), np.zeros(1, np.int32), np.zeros(1, np.int64), (Role.EVENTS,))
        turn = self._one.decode(records)
        if turn.rejected:
            raise RecordError(f"{turn.rejected[0].reason}: {turn.rejected[0].detail}")
        return turn


@final
class _MeanLosses:
    """Mean loss per label over several segments."""

    def __init__(self, n_tasks: int) -> None:
        self._n_T = np.zeros(n_tasks, np.int64)
        self._sum_T = np.zeros(n_tasks)

    def add(self, signals: Signals) -> None:
        self._n_T += signals.n_labels_T
        self._sum_T += np.where(signals.n_labels_T > 0, signals.losses_T * signals.n_labels_T, 0.0)

    def mean_T(self) -> Floats:
        mean_T = np.full(len(self._n_T), np.nan)
        np.divide(self._sum_T, self._n_T, out=mean_T, where=self._n_T > 0)
        return mean_T


def _one_operation(turn: Turn, is_learn: bool) -> Ops:
    return Ops(np.array([is_learn]), np.zeros(1, np.int64), turn.labels_NT, turn.dense_ED, turn.category_EC)
