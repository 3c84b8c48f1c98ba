"""Counts: the expected number of something, by Poisson regression.

Shape suffixes: B rows, K = 1 raw output (the log rate), O = 1 published column (the rate).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, final

import numpy as np

from streammtl.table import Column
from streammtl.tasks._labels import read_numbers
from streammtl.tasks.base import KernelLoss, LabelProblem, Task
from streammtl.types import Floats

if TYPE_CHECKING:
    import torch

#: Largest label. Its logarithm, 27.6, lies inside the range of log rates in which the loss is exact.
MAX_COUNT = 1e12
#: Log rates are published within +-30; a rate more than e^30 times the label costs linearly. e^60 still fits float32.
MAX_LOG_RATE = 30.0


@final
class CountTask(Task):
    """A number that is never negative; publishes its expectation, the rate.

    The loss of log rate z for label y is the Poisson negative log-likelihood less its least possible value (half the
    unit deviance; McCullagh, Nelder, Generalized Linear Models, 1989, section 2.3), so it is zero for a perfect
    prediction and never negative:

        e^z - y z + y log y - y  =  y (e^d - 1 - d)  with d = z - log y

    The second form keeps its digits for large labels and is used where y >= 1. We differ in one point: beyond d = 30
    (z = 30 where y < 1) the exponential goes on as its tangent, so that the loss and its gradient stay finite and
    keep their direction. The published rate is `e^z` with z clamped to +-30.

    To the model `mlp` a label counts as at most 50 standard deviations above the mean of the task's labels before it, a
    deviation of less than 1 as 1: one wild label moves the rate no further than that. Scores see it as it is.

    >>> import numpy as np
    >>> task = CountTask.Config().build("visits")
    >>> task.describe(task.publish(np.array([[0.0]]))[0])
    {'rate': 1.0}
    """

    scorer: ClassVar[str] = "count"

    class Config(Task.Config):
        """Settings of a count task."""

        kind: Literal["count"] = "count"

    def __init__(self, config: CountTask.Config, name: str) -> None:
        super().__init__(config, name)
        self._set_expiry(config)

    @property
    def wire_type(self) -> Any:
        """A number."""
        return float

    @property
    def n_raw(self) -> int:
        """The log rate."""
        return 1

    @property
    def output_names(self) -> tuple[str, ...]:
        """The rate."""
        return ("rate",)

    def encode_labels(self, values: Sequence[Any]) -> tuple[Floats, list[LabelProblem]]:
        """The numbers from 0 to 1e12; NaN for None and for a problem's row."""
        return read_numbers(values, 0.0, MAX_COUNT)

    def publish(self, raw_BK: Floats) -> Floats:
        """The rate."""
        return np.exp(np.clip(raw_BK, -MAX_LOG_RATE, MAX_LOG_RATE))

    def publish_torch(self, raw_BK: torch.Tensor) -> torch.Tensor:
        """The rate."""
        return raw_BK.clamp(-MAX_LOG_RATE, MAX_LOG_RATE).exp()

    def describe(self, outputs_O: Floats) -> dict[str, Any]:
        """`{"rate": r}`."""
        return {"rate": float(outputs_O[0])}

    def describe_rows(self, outputs_BO: Floats) -> Column:
        """`describe` of every row, as columns."""
        return {"rate": outputs_BO[:, 0]}

    def baseline(self, label: float) -> Floats:
        """The last label as a rate."""
        return np.array([label])

    def loss_torch(self, raw_BK: torch.Tensor, label_B: torch.Tensor) -> torch.Tensor:
        """Half the Poisson deviance per row, as the class describes."""
        import torch

        is_small_B = label_B < 1.0
        scale_B = torch.where(is_small_B, 1.0, label_B)
        excess_B = raw_BK[:, 0] - scale_B.log()
        inner_B = excess_B.clamp(max=MAX_LOG_RATE)
        growth_B = inner_B.exp() * (excess_B - inner_B)
        large_B = scale_B * ((inner_B.expm1() - excess_B) + growth_B)
        small_B = (inner_B.exp() + growth_B) - label_B * excess_B + torch.xlogy(label_B, label_B) - label_B
        # Rounding may leave a perfect prediction a little below zero.
        return torch.where(is_small_B, small_B, large_B).clamp(min=0.0)

    def kernel_loss(self) -> KernelLoss:
        """The loss of `loss_torch` for a model that is compiled."""
        return KernelLoss("count")
