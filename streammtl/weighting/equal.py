"""Equal weights: the baseline that every adaptive rule is printed beside."""

from __future__ import annotations

from typing import ClassVar, Literal, final

import numpy as np

from streammtl.types import Floats
from streammtl.weighting.base import ActiveSignals, Weighting


@final
class Equal(Weighting):
    """Every task has weight 1, always.

    >>> from streammtl.types import Signals
    >>> import numpy as np
    >>> weighting = Equal.Config().build(("fraud", "loss"))
    >>> weighting.update(Signals(n_labels_T=np.array([3, 1]), losses_T=np.array([0.2, 5.0])))
    array([1., 1.])
    """

    is_constant: ClassVar[bool] = True

    class Config(Weighting.Config):
        """Settings of equal weights."""

        kind: Literal["equal"] = "equal"

    def solve(self, signals: ActiveSignals) -> Floats:
        """Ones."""
        return np.ones(len(signals.tasks_A))
