"""The geometric mean of the losses as the loss."""

from __future__ import annotations

from typing import Literal, final

from streammtl.types import Floats
from streammtl.weighting.base import ActiveSignals, Weighting, bounded


@final
class Geometric(Weighting):
    """Descends on the geometric mean of the losses.

        GLS = (prod_k L_k)^(1/K),  whose gradient is sum_k GLS / (K L_k) g_k:  w_k = GLS / (K L_k)

    with L_k the segment's mean loss of task k, g_k its gradient, K the number of active tasks.

    Source: Chennupati, Sistu, Yogamani, Rawashdeh, "MultiNet++: Multi-Stream Feature Aggregation and Geometric Loss
    Strategy for Multi-Task Learning", CVPR Workshops 2019.

    Where we differ, and what is left: every weighting here is scaled to sum to the number of active tasks. The factor
    GLS / K is the same for all tasks, so nothing of it remains, and the weights are those of 1 / L_k. The paper's
    factor acts as a learning rate that falls with the losses; here the learning rate is the optimizer's business. What
    separates this rule from `scale_invariant` is only that it looks at the last segment and keeps no average: it is
    faster, and noisier where a task has few labels in a segment. Losses are cut to [1e-12, 1e12].

    >>> from streammtl.types import Signals
    >>> import numpy as np
    >>> weighting = Geometric.Config().build(("fraud", "loss"))
    >>> weighting.update(Signals(n_labels_T=np.array([3, 1]), losses_T=np.array([0.5, 1.5])))
    array([1.5, 0.5])
    """

    class Config(Weighting.Config):
        """Settings of geometric weights."""

        kind: Literal["geometric"] = "geometric"

    def solve(self, signals: ActiveSignals) -> Floats:
        """One over the segment's losses."""
        return 1.0 / bounded(signals.losses_A)
