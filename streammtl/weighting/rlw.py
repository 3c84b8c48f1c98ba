"""Random weights: the baseline that an adaptive rule should beat."""

from __future__ import annotations

from typing import ClassVar, Literal, final

import numpy as np

from streammtl.seeds import named_rng, rng_from_state, rng_state
from streammtl.types import Floats, State
from streammtl.weighting.base import ActiveSignals, Weighting, softmax


@final
class Rlw(Weighting):
    """Draws new weights after every segment.

        w = K softmax(z),   z_k ~ N(0, 1)

    with K the number of active tasks.

    Source: Lin, Ye, Zhang, Tsang, "Reasonable Effectiveness of Random Weighting: A Litmus Test for Multi-Task
    Learning", TMLR 2022 (random loss weighting, with the normal distribution).

    Where we differ: each task draws from a generator of its own, named for the task, and only in segments in which it
    has labels. So a task that is absent, or added, changes no draw of the others; and the weights last for a segment,
    not for one step.

    >>> from streammtl.types import Signals
    >>> import numpy as np
    >>> weighting = Rlw.Config().build(("fraud", "loss"), seed=1)
    >>> weights_T = weighting.update(Signals(n_labels_T=np.array([3, 1]), losses_T=np.array([0.2, 5.0])))
    >>> float(weights_T.sum().round(9))
    2.0
    """

    is_random: ClassVar[bool] = True

    class Config(Weighting.Config):
        """Settings of random weights."""

        kind: Literal["rlw"] = "rlw"

    def __init__(self, config: Config, task_names: tuple[str, ...], seed: int = 0) -> None:
        super().__init__(config, task_names, seed)
        self._generators = {name: named_rng(seed, "weighting", "rlw", name) for name in task_names}

    def solve(self, signals: ActiveSignals) -> Floats:
        """Softmax of one normal draw per active task."""
        names = [self.task_names[task] for task in signals.tasks_A]
        return softmax(np.array([self._generators[name].standard_normal() for name in names]))

    def state(self) -> State:
        """All that `update` depends on."""
        return super().state() | {"generators": {name: rng_state(rng) for name, rng in self._generators.items()}}

    def load(self, state: State) -> None:
        """Take over a `state`."""
        super().load(state)
        self._generators = {name: rng_from_state(state["generators"][name]) for name in self.task_names}
