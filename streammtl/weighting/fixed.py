"""Fixed weights, given by the user: the baseline that shows what tuning by hand would give."""

from __future__ import annotations

from typing import Annotated, Literal, final

from pydantic import Field

from streammtl.types import Floats
from streammtl.weighting.base import ActiveSignals, Weighting, by_task


@final
class Fixed(Weighting):
    """The weights that the user gave; only their ratios matter.

    As with every weighting, the weights of the tasks that had labels in a segment are scaled to sum to their number:
    {a: 3, b: 1} becomes 1.5 and 0.5, and a task that is labelled alone has weight 1. Before the first segment the
    weights are in force as they were given. A task of weight 0 does not move the trunk; a segment in which only such
    tasks had labels leaves the weights as they are, and is counted as skipped.

    >>> from streammtl.types import Signals
    >>> import numpy as np
    >>> weighting = Fixed.Config(weights={"fraud": 3.0}).build(("fraud", "loss"))
    >>> weighting.update(Signals(n_labels_T=np.array([3, 1]), losses_T=np.array([0.2, 5.0])))
    array([1.5, 0.5])
    """

    class Config(Weighting.Config):
        """Settings of fixed weights."""

        kind: Literal["fixed"] = "fixed"
        weights: dict[str, Annotated[float, Field(ge=0.0, le=1e6)]] = Field(
            default_factory=dict,
            description="Weight of each task by its name, from 0 to 1e6. A task that is not named has weight 1.",
        )

    def __init__(self, config: Config, task_names: tuple[str, ...], seed: int = 0) -> None:
        super().__init__(config, task_names, seed)
        self._given_T = by_task("weighting.weights", config.weights, task_names, default=1.0)
        self.weights_T = self._given_T.copy()

    def solve(self, signals: ActiveSignals) -> Floats:
        """The given weights."""
        return self._given_T[signals.tasks_A]
