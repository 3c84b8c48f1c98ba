"""Smooth Tchebycheff weights: a soft version of improving the worst task."""

from __future__ import annotations

from typing import Annotated, Literal, final

import numpy as np
from pydantic import Field, model_validator

from streammtl.types import Floats, State
from streammtl.weighting.base import ActiveSignals, DecayedLosses, Weighting, by_task, softmax


@final
class Stch(Weighting):
    """Descends on a smooth maximum of the tasks' preferred, normalised losses.

        minimise  mu log sum_k exp(lambda_k (f_k - z_k) / mu),   f_k = L_k / nadir_k
        its gradient is sum_k w_k g_k with  w_k = (lambda_k / nadir_k) softmax_k(lambda (f - z) / mu)

    with lambda_k the preference for task k, z_k the reference (ideal) point, mu the smoothness (towards 0 only the
    worst task counts), g_k the gradient of L_k, nadir_k the loss that counts as 1. Computed in logarithms, less the
    largest, so it cannot overflow.

    Source: Lin, Zhang, Yang, Liu, Wang, Zhang, "Smooth Tchebycheff Scalarization for Multi-Objective Optimization",
    ICML 2024 (the STCH scalarization); the normalisation by a nadir as in the authors' multi-task code.

    Where we differ:
    - The authors' code takes the average loss over its warm-up epochs as nadir, for ever. A stream has no epochs and
      its losses drift, so nadir_k is a decayed average of L_k with a long half-life, and the loss in f_k one with a
      short half-life (`DecayedLosses`). A constant loss therefore has f_k = 1; above 1 it is rising.
    - f_k is the plain ratio, as in the paper's formula; the authors' code takes its logarithm.
    - Preferences are used as given and need not sum to 1: only lambda / mu matters for the softmax, and a sum over all
      tasks would let an absent task matter.

    >>> from streammtl.types import Signals
    >>> import numpy as np
    >>> weighting = Stch.Config(preference={"fraud": 2.0}).build(("fraud", "loss"))
    >>> fraud, loss = weighting.update(Signals(n_labels_T=np.array([4, 4]), losses_T=np.array([0.5, 0.5])))
    >>> round(float(fraud / loss), 6)  # 2 exp(2) / exp(1)
    5.436564
    """

    class Config(Weighting.Config):
        """Settings of smooth Tchebycheff weights."""

        kind: Literal["stch"] = "stch"
        smoothness: float = Field(
            default=1.0, ge=1e-3, le=1e6, description="mu: the smaller, the more only the worst task counts."
        )
        preference: dict[str, Annotated[float, Field(gt=0.0, le=1e3)]] = Field(
            default_factory=dict,
            description="lambda of each task by its name, up to 1000. A task that is not named has 1.",
        )
        reference: dict[str, Annotated[float, Field(ge=-1e3, le=1e3)]] = Field(
            default_factory=dict,
            description="z of each task by its name: the loss to aim for, as a share of the task's long average, from "
            "-1000 to 1000. A task that is not named has 0.",
        )
        fast_half_life: float = Field(
            default=8.0,
            ge=0.01,
            le=1e6,
            description="Segments with labels of a task after which a loss counts half in its recent average.",
        )
        nadir_half_life: float = Field(
            default=256.0,
            ge=0.01,
            le=1e6,
            description="The same for the long average that counts as 1; longer than fast_half_life.",
        )

        @model_validator(mode="after")
        def _check_half_lives(self) -> Stch.Config:
            if self.nadir_half_life <= self.fast_half_life:
                raise ValueError(
                    f"nadir_half_life must be longer than fast_half_life, "
                    f"and {self.nadir_half_life:g} is not longer than {self.fast_half_life:g}"
                )
            return self

    def __init__(self, config: Config, task_names: tuple[str, ...], seed: int = 0) -> None:
        super().__init__(config, task_names, seed)
        self._smoothness = config.smoothness
        self._preference_T = by_task("weighting.preference", config.preference, task_names, default=1.0)
        self._reference_T = by_task("weighting.reference", config.reference, task_names, default=0.0)
        self._fast = DecayedLosses(len(task_names), config.fast_half_life)
        self._nadir = DecayedLosses(len(task_names), config.nadir_half_life)

    def solve(self, signals: ActiveSignals) -> Floats:
        """The gradient of the smooth maximum, up to scale."""
        fast_A = self._fast.update(signals.tasks_A, signals.n_labels_A, signals.losses_A)
        nadir_A = self._nadir.update(signals.tasks_A, signals.n_labels_A, signals.losses_A)
        preference_A = self._preference_T[signals.tasks_A]
        exponent_A = preference_A * (fast_A / nadir_A - self._reference_T[signals.tasks_A]) / self._smoothness
        return softmax(exponent_A + np.log(preference_A / nadir_A))

    def state(self) -> State:
        """All that `update` depends on."""
        return super().state() | {"fast": self._fast.state(), "nadir": self._nadir.state()}

    def load(self, state: State) -> None:
        """Take over a `state`."""
        super().load(state)
        self._fast.load(state["fast"])
        self._nadir.load(state["nadir"])
