"""FAMO: weights that learn to make all losses fall at the same rate."""

from __future__ import annotations

from typing import ClassVar, Literal, final

import numpy as np
from pydantic import Field

from streammtl.types import Floats, Ints, State
from streammtl.weighting.base import ActiveSignals, DecayedLosses, Needs, Weighting, bounded, softmax

#: Adam's constants, as in Kingma and Ba (ICLR 2015) and in the authors' code.
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8


@final
class Famo(Weighting):
    """Fast adaptive multi-task optimization: moves weight to the tasks whose loss fell least.

        z = softmax(xi)
        w_k ~ z_k / L_k                                     (scaled to a fixed sum: c_t of the paper)
        delta_k = log L_k(theta_t) - log L_k(theta_t+1)     (how much the step lowered task k, on the same rows)
        xi <- Adam(xi, J' delta + gamma xi),   J' delta = z (delta - sum_i z_i delta_i)

    with xi_k the logits (0 at the start), J the Jacobian of the softmax, gamma the weight decay. The sum in J' delta
    and the softmax run over the active tasks.

    Source: Liu, Feng, Stone, Liu, "FAMO: Fast Adaptive Multitask Optimization", NeurIPS 2023, Algorithm 1; Adam, its
    rate and the weight decay as in the authors' code.

    Where we differ:
    - The paper divides by the current batch's loss. Our weights are in force in the segment *after* the one they come
      from, so we divide by a decayed average of the losses (`DecayedLosses`); delta uses the segment's own losses.
    - Each task has its own Adam moments and step count, which move only in segments with labels of the task. One Adam
      over all tasks would go on moving an absent task by its momentum and weight decay, and a loss of 0 filled in for
      it would drain the others' weights.
    - Losses are taken to have 0 as their minimum (the paper subtracts a known one), and are cut to [1e-12, 1e12]
      before the logarithm, where the authors' code adds 1e-8.

    Near rest the logits wander by about one `rate`, as they do in the authors' code: Adam scales the smallest gradient
    to a full step.

    >>> from streammtl.types import Signals
    >>> import numpy as np
    >>> weighting = Famo.Config(rate=0.1).build(("fraud", "loss"))
    >>> fraud, loss = weighting.update(
    ...     Signals(
    ...         n_labels_T=np.array([8, 8]),
    ...         losses_T=np.array([1.0, 1.0]),
    ...         losses_after_T=np.array([0.9, 0.5]),
    ...     )
    ... )
    >>> bool(fraud > loss)  # the loss of "fraud" fell less
    True
    """

    needs: ClassVar[Needs] = Needs.LOSSES | Needs.LOSSES_AFTER

    class Config(Weighting.Config):
        """Settings of FAMO."""

        kind: Literal["famo"] = "famo"
        rate: float = Field(default=0.025, gt=0.0, le=1.0, description="Adam's rate for the logits of the weights.")
        weight_decay: float = Field(
            default=0.01, ge=0.0, le=1.0, description="gamma: pulls the logits to 0, the weights to those of 1 / loss."
        )
        half_life: float = Field(
            default=32.0,
            ge=0.01,
            le=1e6,
            description="Segments with labels of a task after which a loss counts half in the average that divides "
            "its weight.",
        )

    def __init__(self, config: Config, task_names: tuple[str, ...], seed: int = 0) -> None:
        super().__init__(config, task_names, seed)
        self._rate = config.rate
        self._weight_decay = config.weight_decay
        self._losses = DecayedLosses(len(task_names), config.half_life)
        self._logit_T: Floats = np.zeros(len(task_names))
        self._moment_1_T: Floats = np.zeros(len(task_names))
        self._moment_2_T: Floats = np.zeros(len(task_names))
        self._n_steps_T: Ints = np.zeros(len(task_names), dtype=np.int64)

    def solve(self, signals: ActiveSignals) -> Floats:
        """Move the logits by the observed change, then divide their softmax by the average losses."""
        assert signals.losses_after_A is not None, "famo needs LOSSES_AFTER, and the segment came without"
        tasks_A = signals.tasks_A
        z_A = softmax(self._logit_T[tasks_A])
        delta_A = np.log(bounded(signals.losses_A)) - np.log(bounded(signals.losses_after_A))
        self._step(tasks_A, z_A * (delta_A - (z_A * delta_A).sum()))
        mean_A = self._losses.update(tasks_A, signals.n_labels_A, signals.losses_A)
        return softmax(self._logit_T[tasks_A] - np.log(mean_A))  # z / mean up to a factor, and cannot overflow

    def _step(self, tasks_A: Ints, gradient_A: Floats) -> None:
        """One step of Adam, for the active tasks."""
        gradient_A = gradient_A + self._weight_decay * self._logit_T[tasks_A]
        moment_1_A = BETA_1 * self._moment_1_T[tasks_A] + (1.0 - BETA_1) * gradient_A
        moment_2_A = BETA_2 * self._moment_2_T[tasks_A] + (1.0 - BETA_2) * gradient_A**2
        n_steps_A = self._n_steps_T[tasks_A] + 1
        corrected_1_A = moment_1_A / (1.0 - BETA_1**n_steps_A)
        corrected_2_A = moment_2_A / (1.0 - BETA_2**n_steps_A)
        self._logit_T[tasks_A] -= self._rate * corrected_1_A / (np.sqrt(corrected_2_A) + EPSILON)
        self._moment_1_T[tasks_A] = moment_1_A
        self._moment_2_T[tasks_A] = moment_2_A
        self._n_steps_T[tasks_A] = n_steps_A

    def state(self) -> State:
        """All that `update` depends on."""
        return super().state() | {
            "losses": self._losses.state(),
            "logit": self._logit_T.copy(),
            "moment_1": self._moment_1_T.copy(),
            "moment_2": self._moment_2_T.copy(),
            "n_steps": self._n_steps_T.copy(),
        }

    def load(self, state: State) -> None:
        """Take over a `state`."""
        super().load(state)
        self._losses.load(state["losses"])
        self._logit_T = np.array(state["logit"], dtype=np.float64)
        self._moment_1_T = np.array(state["moment_1"], dtype=np.float64)
        self._moment_2_T = np.array(state["moment_2"], dtype=np.float64)
        self._n_steps_T = np.array(state["n_steps"], dtype=np.int64)
