"""Scale-invariant weights: one over the task's average loss."""

from __future__ import annotations

from typing import Literal, final

from pydantic import Field

from streammtl.types import Floats, State
from streammtl.weighting.base import ActiveSignals, DecayedLosses, Weighting


@final
class ScaleInvariant(Weighting):
    """Descends on the sum of the logarithms of the losses, so the unit of a loss does not matter.

        minimise sum_k log L_k,  whose gradient is sum_k g_k / L_k:  w_k = 1 / m_k

    with g_k the gradient of L_k and m_k a decayed average of L_k (`DecayedLosses`). Multiplying a task's loss by a
    constant changes no weight times gradient.

    Source: folklore without a single origin; it is where the learned weights of uncertainty weighting come to rest
    (Kendall, Gal, Cipolla, CVPR 2018) and those of IMTL-L (Liu et al., "Towards Impartial Multi-task Learning",
    ICLR 2021).

    Where we differ from the plain gradient of log L: the average takes the place of the loss of the current batch,
    because weights are in force in the segment *after* the one they come from, and a segment may hold a single label.
    With the segment's own loss instead of the average this is `geometric`.

    A caution: a task that is nearly solved (an average loss near 0) takes nearly all the weight.

    >>> from streammtl.types import Signals
    >>> import numpy as np
    >>> weighting = ScaleInvariant.Config().build(("fraud", "loss"))
    >>> weighting.update(Signals(n_labels_T=np.array([3, 1]), losses_T=np.array([0.5, 1.5])))
    array([1.5, 0.5])
    """

    class Config(Weighting.Config):
        """Settings of scale-invariant weights."""

        kind: Literal["scale_invariant"] = "scale_invariant"
        half_life: float = Field(
            default=32.0,
            ge=0.01,
            le=1e6,
            description="Segments with labels of a task after which a loss counts half in the task's average.",
        )

    def __init__(self, config: Config, task_names: tuple[str, ...], seed: int = 0) -> None:
        super().__init__(config, task_names, seed)
        self._losses = DecayedLosses(len(task_names), config.half_life)

    def solve(self, signals: ActiveSignals) -> Floats:
        """One over the average losses."""
        return 1.0 / self._losses.update(signals.tasks_A, signals.n_labels_A, signals.losses_A)

    def state(self) -> State:
        """All that `update` depends on."""
        return super().state() | {"losses": self._losses.state()}

    def load(self, state: State) -> None:
        """Take over a `state`."""
        super().load(state)
        self._losses.load(state["losses"])
