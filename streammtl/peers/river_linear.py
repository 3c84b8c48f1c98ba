"""River's linear models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, final

from pydantic import Field

from streammtl.models.base import Model
from streammtl.peers._river import Dictionaries, learn, predict, scaled_and_one_hot
from streammtl.peers.base import Event, Peer
from streammtl.tasks.base import Task
from streammtl.types import RowLayout
from streammtl.weighting.base import ApplyTo, Needs


@final
class RiverLinear(Peer):
    """Standardised numbers and one-hot categories into a linear model per task, by stochastic gradient descent.

    Logistic, softmax and linear regression of River (Montiel et al., River: machine learning for streaming data in
    Python, JMLR 22, 2021), with River's default settings. A count is learned as a number and published as at least 0.
    Steps are taken on inputs that are not clipped: where a column that was constant for long moves, it is standardised
    to a hundred deviations, and a regression may run away.

    >>> from streammtl.tasks.binary import BinaryTask
    >>> layout = RowLayout(("x",), (True,), (), ())
    >>> peer = RiverLinear.Config().build(layout, (BinaryTask.Config().build("yes"),))
    >>> for x in range(100):
    ...     peer.learn(0, peer.event([x % 2 - 0.5], []), float(x % 2))
    >>> peer.predict(0, peer.event([0.5], []))[0] > 0.6
    True
    """

    class Config(Model.Config):
        """Settings of River's linear models."""

        kind: Literal["river-linear"] = "river-linear"
        scaled_target: bool = Field(
            default=True,
            description="A regression learns standardised labels, as ours do: stronger on most streams.",
        )

    def __init__(
        self,
        config: RiverLinear.Config,
        layout: RowLayout,
        tasks: tuple[Task, ...],
        needs: Needs = Needs.LOSSES,
        apply_to: ApplyTo = "trunk",
        seed: int = 0,
    ) -> None:
        super().__init__(config, layout, tasks, needs, apply_to, seed)
        self._dictionaries = Dictionaries(layout)
        self._models = [linear(task.scorer, config.scaled_target) for task in tasks]

    def event(self, dense_D: list[float], category_C: list[int]) -> Event:
        """A dictionary, categories as text."""
        return self._dictionaries.of(dense_D, category_C)

    def predict(self, task: int, event: Event) -> Sequence[float]:
        """By the task's own model."""
        return predict(self._models[task], self.tasks[task], event)

    def learn(self, task: int, event: Event, label: float) -> None:
        """In the task's own model."""
        learn(self._models[task], self.tasks[task], event, label)


def linear(scorer: str, scaled_target: bool = True) -> Any:
    """A pipeline for tasks of this kind (`Task.scorer`); without `scaled_target`, labels are learned as they are."""
    from river import linear_model, preprocessing

    models: dict[str, Callable[[], Any]] = {
        "binary": linear_model.LogisticRegression,
        "multiclass": linear_model.SoftmaxRegression,
    }
    if scorer in models:
        model = models[scorer]()
    else:
        model = linear_model.LinearRegression()
        if scaled_target:
            model = preprocessing.TargetStandardScaler(model)
    return scaled_and_one_hot(drop_zeros=True) | model
