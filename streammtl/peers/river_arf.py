"""River's adaptive random forests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, final

from pydantic import Field

from streammtl.models.base import Model
from streammtl.peers._river import Dictionaries, learn, predict, scaled_and_one_hot
from streammtl.peers.base import Event, Peer
from streammtl.seeds import named_seed
from streammtl.tasks.base import Task
from streammtl.types import RowLayout
from streammtl.weighting.base import ApplyTo, Needs


@final
class RiverArf(Peer):
    """A forest of Hoeffding trees with drift detectors per task: River's ARFClassifier and ARFRegressor.

    Gomes et al., Adaptive random forests for evolving data stream classification, Machine Learning 106, 2017; settings
    other than those below are River's defaults. A count is learned as a number and published as at least 0.

    The classifier takes numbers as they are, and categories as River's users give them: as text, each value a branch of
    its own. The regressor's leaves hold linear models, which know no text and run away on raw numbers (an R2 of -1e8 on
    hourly gas-turbine data): as in River's own example it gets standardised numbers, and one-hot categories with zeros
    to split at. With thousands of values both are slow, and branches by value hardly better than chance: then
    `categories: number` is fairer, in which trees split at the number of a category's row in its hash table.

    >>> from streammtl.tasks.binary import BinaryTask
    >>> layout = RowLayout(("x",), (True,), (), ())
    >>> peer = RiverArf.Config(trees=3).build(layout, (BinaryTask.Config().build("yes"),))
    >>> for x in range(200):
    ...     peer.learn(0, peer.event([x % 2], []), float(x % 2))
    >>> peer.predict(0, peer.event([1.0], []))[0] > 0.5
    True
    """

    class Config(Model.Config):
        """Settings of River's forests."""

        kind: Literal["river-arf"] = "river-arf"
        trees: int = Field(default=10, ge=1, le=1000, description="Trees of a forest.")
        categories: Literal["text", "number"] = Field(
            default="text", description="How trees get categories: a branch per value, or a number to split at."
        )

    def __init__(
        self,
        config: RiverArf.Config,
        layout: RowLayout,
        tasks: tuple[Task, ...],
        needs: Needs = Needs.LOSSES,
        apply_to: ApplyTo = "trunk",
        seed: int = 0,
    ) -> None:
        super().__init__(config, layout, tasks, needs, apply_to, seed)
        self._dictionaries = Dictionaries(layout, config.categories)
        self._models = [_forest(task.scorer, config.trees, _seed(seed, task.name)) for task in tasks]

    def event(self, dense_D: list[float], category_C: list[int]) -> Event:
        """A dictionary."""
        return self._dictionaries.of(dense_D, category_C)

    def predict(self, task: int, event: Event) -> Sequence[float]:
        """By the task's own forest."""
        return predict(self._models[task], self.tasks[task], event)

    def learn(self, task: int, event: Event, label: float) -> None:
        """In the task's own forest."""
        learn(self._models[task], self.tasks[task], event, label)


def _forest(scorer: str, n_trees: int, seed: int) -> Any:
    from river import forest

    if scorer in ("binary", "multiclass"):
        return forest.ARFClassifier(n_models=n_trees, seed=seed)
    return scaled_and_one_hot(drop_zeros=False) | forest.ARFRegressor(n_models=n_trees, seed=seed)


def _seed(seed: int, task: str) -> int:
    return named_seed(seed, "river-arf", task) % 2**32  # the largest that River's generators take
