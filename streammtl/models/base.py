"""The family of models: one shared function of the features, one head per task, learned step by step.

Shape suffixes as in `streammtl.types`; K raw outputs of all tasks side by side.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias, cast

import numpy as np

from streammtl.component import Component
from streammtl.tasks.base import Task
from streammtl.types import Floats, Ops, RowLayout, Signals, State
from streammtl.weighting.base import ApplyTo, Needs

#: What gives the weights of the next segment, by the signals of the last one.
Reweight: TypeAlias = Callable[[Signals], Floats]


@dataclass(frozen=True, slots=True)
class Strides:
    """What a model did in one call of `advance`."""

    outputs_PO: Floats  # published outputs of the PREDICT operations, in order, in the units of the labels
    n_steps: int
    n_steps_skipped: int


class Model(Component):
    """Executes PREDICT and LEARN operations in order.

    The state after a sequence of operations, and every output, must not depend on how the sequence was cut into calls.
    """

    family: ClassVar[str] = "models"

    class Config(Component.Config):
        """Settings of every model."""

        def build(
            self,
            layout: RowLayout,
            tasks: tuple[Task, ...],
            needs: Needs = Needs.LOSSES,
            apply_to: ApplyTo = "trunk",
            seed: int = 0,
        ) -> Model:
            """The model of these features and tasks.

            `needs` says which signals to collect for the weighting, `apply_to` what the task weights scale.
            """
            return cast(Model, self.owner(self, layout, tasks, needs, apply_to, seed))

    @abstractmethod
    def advance(self, ops: Ops, weights_T: Floats) -> Strides:
        """Execute the operations in order; every step taken meanwhile uses these task weights."""

    def advance_in_segments(self, ops: Ops, stops: Sequence[int], weights_T: Floats, reweight: Reweight) -> Strides:
        """Execute the operations in order; before each operation of `stops`, `reweight` gives new task weights.

        `stops` rise; the last may be the number of operations. A model that overrides this, for speed, must do the same
        as this does.
        """
        outputs, n_steps, n_skipped, start = [], 0, 0, 0
        for stop in stops:
            strides = self.advance(ops.between(start, stop), weights_T)
            weights_T = reweight(self.take_signals())
            outputs.append(strides.outputs_PO)
            n_steps, n_skipped, start = n_steps + strides.n_steps, n_skipped + strides.n_steps_skipped, stop
        last = self.advance(ops.between(start, len(ops)), weights_T)
        outputs.append(last.outputs_PO)
        return Strides(np.concatenate(outputs), n_steps + last.n_steps, n_skipped + last.n_steps_skipped)

    @abstractmethod
    def take_signals(self) -> Signals:
        """The signals of the steps taken since the last call, and start collecting anew.

        A model that steps once per several LEARN operations counts a label in the segment in which its step is taken.
        """

    def insights(self) -> dict[str, Any]:
        """What the model tells of its inside, as JSON values, by name of task where it is about tasks.

        A function of the state, so it does not depend on polls. Three names are published beside the scores: `shares`
        in the mixture, by task and expert; `sharing`, by task the part of the loss that it saves by learning together
        with the others; `revived`, the number of networks that were replaced because they could learn no more.
        """
        return {}

    @abstractmethod
    def state(self) -> State:
        """Parameters, optimizer, running normalisation, rows that wait for their step, and the signals so far."""

    @abstractmethod
    def load(self, state: State) -> None:
        """Take over a `state` of a model of the same configuration."""
