"""Dynamic weight averaging: tasks whose loss falls more slowly than the others' weigh more."""

from __future__ import annotations

from typing import Literal, final

from pydantic import Field, model_validator

from streammtl.types import Floats, State
from streammtl.weighting.base import ActiveSignals, DecayedLosses, Weighting, softmax


@final
class Dwa(Weighting):
    """Weighs tasks by the rate of change of their losses.

        w_k = K exp(r_k / T) / sum_i exp(r_i / T),   r_k = fast_k / slow_k

    with fast_k and slow_k the decayed averages of task k's loss (`DecayedLosses`) with a short and a long half-life,
    T the temperature (as T grows the weights become equal), K the number of active tasks. r_k below 1: the loss is
    falling; above 1: it is rising, for example after a drift.

    Source: Liu, Johns, Davison, "End-to-End Multi-Task Learning with Attention", CVPR 2019, equation 7.

    Where we differ: the paper's r_k is the mean loss of the last epoch over that of the epoch before. A stream has no
    epochs, so two averages of different memory take their places. Both start from a task's first loss, so r_k = 1
    there, as the paper sets it for its first two epochs.

    >>> from streammtl.types import Signals
    >>> import numpy as np
    >>> weighting = Dwa.Config().build(("fraud", "loss"))
    >>> n_labels_T = np.array([4, 4])
    >>> weighting.update(Signals(n_labels_T=n_labels_T, losses_T=np.array([0.5, 8.0])))
    array([1., 1.])
    >>> fraud, loss = weighting.update(Signals(n_labels_T=n_labels_T, losses_T=np.array([0.5, 2.0])))
    >>> bool(fraud > loss)  # the loss of "loss" fell
    True
    """

    class Config(Weighting.Config):
        """Settings of dynamic weight averaging."""

        kind: Literal["dwa"] = "dwa"
        temperature: float = Field(
            default=2.0, ge=1e-3, le=1e6, description="T: the larger, the closer the weights are to equal."
        )
        fast_half_life: float = Field(
            default=8.0,
            ge=0.01,
            le=1e6,
            description="Segments with labels of a task after which a loss counts half in its recent average.",
        )
        slow_half_life: float = Field(
            default=64.0,
            ge=0.01,
            le=1e6,
            description="The same for the average it is compared with; longer than fast_half_life.",
        )

        @model_validator(mode="after")
        def _check_half_lives(self) -> Dwa.Config:
            if self.slow_half_life <= self.fast_half_life:
                raise ValueError(
                    f"slow_half_life must be longer than fast_half_life, "
                    f"and {self.slow_half_life:g} is not longer than {self.fast_half_life:g}"
                )
            return self

    def __init__(self, config: Config, task_names: tuple[str, ...], seed: int = 0) -> None:
        super().__init__(config, task_names, seed)
        self._temperature = config.temperature
        self._fast = DecayedLosses(len(task_names), config.fast_half_life)
        self._slow = DecayedLosses(len(task_names), config.slow_half_life)

    def solve(self, signals: ActiveSignals) -> Floats:
        """Softmax of the recent average over the long one."""
        fast_A = self._fast.update(signals.tasks_A, signals.n_labels_A, signals.losses_A)
        slow_A = self._slow.update(signals.tasks_A, signals.n_labels_A, signals.losses_A)
        return softmax(fast_A / slow_A / self._temperature)

    def state(self) -> State:
        """All that `update` depends on."""
        return super().state() | {"fast": self._fast.state(), "slow": self._slow.state()}

    def load(self, state: State) -> None:
        """Take over a `state`."""
        super().load(state)
        self._fast.load(state["fast"])
        self._slow.load(state["slow"])
