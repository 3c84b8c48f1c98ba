"""Uncertainty weights: each task's noise is learned, and divides its loss."""

from __future__ import annotations

from typing import Literal, final

import numpy as np
from pydantic import Field

from streammtl.types import Floats, State
from streammtl.weighting.base import LOSS_MAX, ActiveSignals, Weighting, bounded

#: Longest gradient of a log-variance; the other way it is never longer than 1. It lets a loss of up to eleven times
#: the learned variance pull with its full force, and a loss of 1e12 no harder than that.
GRADIENT_MAX = 10.0

#: Log-variances stay within the logarithms of the losses that are told apart, where their optimum lies.
LOG_VARIANCE_MAX = float(np.log(LOSS_MAX))


@final
class Uncertainty(Weighting):
    """Learns one log-variance per task, by one gradient step per segment in which the task has labels.

        minimise over s:  sum_k exp(-s_k) L_k + s_k
        s_k <- s_k - rate (1 - exp(-s_k) L_k),   w_k = exp(-s_k)

    with L_k the segment's mean loss of task k and s_k = log sigma_k^2 the logarithm of its noise variance, 0 at the
    start. At rest exp(-s_k) L_k = 1: the weight is one over the average loss.

    Source: Kendall, Gal, Cipolla, "Multi-Task Learning Using Uncertainty to Weigh Losses for Scene Geometry and
    Semantics", CVPR 2018, equations 7 (regression) and 10 (regression with classification).

    Where we differ:
    - One form for all tasks. The paper weighs a regression by exp(-s) / 2 and adds s / 2, and a classification by
      exp(-s) with s / 2. Those halves move where s_k rests (log L_k or log 2 L_k) but not the weight there, which is
      1 / (2 L_k) in both: the factor is common, and scaling the weights to the number of active tasks removes it.
    - s is learned by plain gradient steps of its own rate, not by the network's optimizer: absent tasks must not move,
      and an optimizer's momentum would move them.
    - Bounds, so that every loss from 1e-12 to 1e12 stays finite: losses are cut to that range, the gradient at -10
      (above it is at most 1), and s_k to +-27.6, the logarithms of that range.

    >>> from streammtl.types import Signals
    >>> import numpy as np
    >>> weighting = Uncertainty.Config(rate=0.5).build(("fraud", "loss"))
    >>> signals = Signals(n_labels_T=np.array([3, 1]), losses_T=np.array([0.5, 1.5]))
    >>> for _ in range(100):
    ...     weights_T = weighting.update(signals)
    >>> weights_T.round(6)  # the ratio is 1.5 to 0.5
    array([1.5, 0.5])
    """

    class Config(Weighting.Config):
        """Settings of uncertainty weights."""

        kind: Literal["uncertainty"] = "uncertainty"
        rate: float = Field(
            default=0.05,
            gt=0.0,
            le=1.0,
            description="Length of a gradient step of the log-variances; near rest they follow the losses with a "
            "memory of 1 / rate segments.",
        )

    def __init__(self, config: Config, task_names: tuple[str, ...], seed: int = 0) -> None:
        super().__init__(config, task_names, seed)
        self._rate = config.rate
        self._log_variance_T: Floats = np.zeros(len(task_names))

    def solve(self, signals: ActiveSignals) -> Floats:
        """One gradient step, then the inverse variances."""
        s_A = self._log_variance_T[signals.tasks_A]
        gradient_A = np.maximum(1.0 - np.exp(-s_A) * bounded(signals.losses_A), -GRADIENT_MAX)
        s_A = np.minimum(np.maximum(s_A - self._rate * gradient_A, -LOG_VARIANCE_MAX), LOG_VARIANCE_MAX)
        self._log_variance_T[signals.tasks_A] = s_A
        return np.exp(-s_A)

    def state(self) -> State:
        """All that `update` depends on."""
        return super().state() | {"log_variance": self._log_variance_T.copy()}

    def load(self, state: State) -> None:
        """Take over a `state`."""
        super().load(state)
        self._log_variance_T = np.array(state["log_variance"], dtype=np.float64)
