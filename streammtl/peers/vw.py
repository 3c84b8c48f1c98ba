"""Vowpal Wabbit's linear models."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from math import isnan
from typing import Any, Literal, final

from pydantic import Field

from streammtl.errors import MissingExtraError
from streammtl.models.base import Model
from streammtl.peers.base import Event, Peer
from streammtl.tasks.base import Task
from streammtl.types import RowLayout
from streammtl.weighting.base import ApplyTo, Needs

#: By `Task.scorer`. `{}` is the number of classes.
_LOSS = {
    "binary": "--loss_function logistic --link logistic",
    "multiclass": "--oaa {} --probabilities --loss_function logistic",
    "regression": "--loss_function squared",
    "count": "--loss_function poisson --link poisson",
}


@final
class VowpalWabbit(Peer):
    """A linear model per task in Vowpal Wabbit's workspaces, with its default settings for each loss.

    Binary tasks have the logistic loss, classes one-against-all with probabilities, numbers the squared loss, counts
    the Poisson loss. Steps are adaptive, normalised and invariant (Karampatziakis and Langford, Online importance
    weight aware updates, UAI 2011; Ross, Mineiro, Langford, Normalized online learning, UAI 2013), so numbers are given
    as they are. A prediction of a number is clipped to the labels that were learned. An event is a line of text: that,
    not learning, takes most of the time. Needs the extra `peers`.

    >>> VowpalWabbit.Config(rate=0.1).bits
    18
    """

    class Config(Model.Config):
        """Settings of Vowpal Wabbit."""

        kind: Literal["vw"] = "vw"
        bits: int = Field(default=18, ge=1, le=30, description="Logarithm of the number of weights of a task.")
        rate: float = Field(default=0.5, gt=0.0, le=100.0, description="Learning rate.")

    @classmethod
    def require(cls) -> None:
        """Raise `MissingExtraError` where Vowpal Wabbit is not installed."""
        if find_spec("vowpalwabbit") is None:
            raise MissingExtraError("vowpalwabbit", "peers", "the peer vw")

    def __init__(
        self,
        config: VowpalWabbit.Config,
        layout: RowLayout,
        tasks: tuple[Task, ...],
        needs: Needs = Needs.LOSSES,
        apply_to: ApplyTo = "trunk",
        seed: int = 0,
    ) -> None:
        super().__init__(config, layout, tasks, needs, apply_to, seed)
        self._models = [_workspace(config, task, seed) for task in tasks]
        self._is_binary = [task.scorer == "binary" for task in tasks]
        self._is_class = [task.scorer == "multiclass" for task in tasks]

    def event(self, dense_D: list[float], category_C: list[int]) -> Event:
        """The features as a line of text, named by their places: a name could hold what separates names."""
        numbers = [f"d{i}:{value!r}" for i, value in enumerate(dense_D) if not isnan(value)]
        categories = [f"c{i}={code}" for i, code in enumerate(category_C) if code]
        return f"| {' '.join(numbers + categories)}"

    def predict(self, task: int, event: Event) -> Sequence[float]:
        """By the task's own workspace."""
        found = self._models[task].predict(event)
        return found if self._is_class[task] else [found]

    def learn(self, task: int, event: Event, label: float) -> None:
        """In the task's own workspace."""
        if self._is_binary[task]:
            label = 1 if label > 0.5 else -1
        elif self._is_class[task]:
            label = int(label) + 1
        self._models[task].learn(f"{label!r} {event}")


def _workspace(config: VowpalWabbit.Config, task: Task, seed: int) -> Any:
    from vowpalwabbit import Workspace  # type: ignore[import-untyped]

    settings = f"--quiet --bit_precision {config.bits} --learning_rate {config.rate!r} --random_seed {seed}"
    return Workspace(f"{settings} {_LOSS[task.scorer].format(task.n_outputs)}")
