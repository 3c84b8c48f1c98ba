"""The simplest learner: the last label again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, final

from streammtl.models.base import Model
from streammtl.peers.base import Event, Peer, ignorance
from streammtl.tasks.base import Task
from streammtl.types import RowLayout
from streammtl.weighting.base import ApplyTo, Needs


@final
class NoChange(Peer):
    """Predicts, for each task, the last label that it was told.

    The same rule gives the column "no-change" beside every score. There an event before which no label is known is not
    scored, and the expiry of a horizon is no label; here such an event gets what a model that knows nothing says, and
    an expiry is learned like a label, as by all learners.

    >>> from streammtl.tasks.regression import RegressionTask
    >>> peer = NoChange.Config().build(RowLayout(("x",), (True,), (), ()), (RegressionTask.Config().build("load"),))
    >>> list(peer.predict(0, None))
    [0.0]
    >>> peer.learn(0, None, 7.0)
    >>> list(peer.predict(0, None))
    [7.0]
    """

    class Config(Model.Config):
        """Settings of no-change: none."""

        kind: Literal["no-change"] = "no-change"

    def __init__(
        self,
        config: NoChange.Config,
        layout: RowLayout,
        tasks: tuple[Task, ...],
        needs: Needs = Needs.LOSSES,
        apply_to: ApplyTo = "trunk",
        seed: int = 0,
    ) -> None:
        super().__init__(config, layout, tasks, needs, apply_to, seed)
        self._published = [ignorance(task) for task in tasks]

    def event(self, dense_D: list[float], category_C: list[int]) -> Event:
        """Nothing: features do not matter."""
        return None

    def predict(self, task: int, event: Event) -> Sequence[float]:
        """The last label, as the task publishes a certain prediction of it."""
        return self._published[task]

    def learn(self, task: int, event: Event, label: float) -> None:
        """Remember the label."""
        self._published[task] = self.tasks[task].baseline(label).tolist()
