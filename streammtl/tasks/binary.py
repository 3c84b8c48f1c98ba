"""Binary classification: the probability of the positive class.

Shape suffixes: B rows, K = 1 raw output (the logit), O = 1 published column (the probability).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, final

import numpy as np
from pydantic import Field, model_validator

from streammtl.table import Column
from streammtl.tasks._labels import read_known, shown
from streammtl.tasks.base import KernelLoss, LabelProblem, Task
from streammtl.types import Floats

if TYPE_CHECKING:
    import torch

#: Python's `0 == 0.0 == False` makes one key of the three.
_LABEL_OF: dict[Any, float] = {
    0: 0.0,
    1: 1.0,
    **dict.fromkeys(("0", "0.0", "false", "False", "FALSE"), 0.0),
    **dict.fromkeys(("1", "1.0", "true", "True", "TRUE"), 1.0),
}


@final
class BinaryTask(Task):
    """Yes or no; publishes the probability of yes.

    The loss of logit z for label y in {0, 1} is the cross-entropy `-log p` of the true class, in nats, with

    - class weight c: rows with y = 1 count c times (the published probability is then that of a population in which
      positives are c times as frequent);
    - label smoothing s: y becomes `(1 - s) y + s / 2`;
    - focal gamma g: the row's loss is multiplied by `(1 - p)^g`, p the probability given to the true class
      (Lin, Goyal, Girshick, He, Dollar, Focal Loss for Dense Object Detection, ICCV 2017, eq. 4).

    >>> import numpy as np
    >>> task = BinaryTask.Config().build("fraud")
    >>> task.encode_labels([1, False, "true", None])[0]
    array([ 1.,  0.,  1., nan])
    >>> task.describe(task.publish(np.array([[0.0]]))[0])
    {'probability': 0.5}
    """

    scorer: ClassVar[str] = "binary"

    class Config(Task.Config):
        """Settings of a binary task."""

        kind: Literal["binary"] = "binary"
        class_weight: float = Field(
            default=1.0, gt=0.0, le=1e6, description="How many times the loss of a positive label counts."
        )
        label_smoothing: float = Field(
            default=0.0, ge=0.0, lt=1.0, description="Share of each label that is spread evenly over both classes."
        )
        focal_gamma: float = Field(
            default=0.0,
            ge=0.0,
            le=10.0,
            description="Exponent of the focal loss: above 0, rows that are predicted well count less.",
        )

        @model_validator(mode="after")
        def _check_focal(self) -> BinaryTask.Config:
            if self.focal_gamma > 0.0 and self.label_smoothing > 0.0:
                raise ValueError("focal_gamma and label_smoothing work against each other: set only one of them")
            return self

    def __init__(self, config: BinaryTask.Config, name: str) -> None:
        super().__init__(config, name)
        self._class_weight = config.class_weight
        self._smoothing = config.label_smoothing
        self._gamma = config.focal_gamma
        self._set_expiry(config)

    @property
    def wire_type(self) -> Any:
        """A truth value, 0 or 1, or text for one of them."""
        return bool | int | float | str

    @property
    def n_raw(self) -> int:
        """The logit."""
        return 1

    @property
    def output_names(self) -> tuple[str, ...]:
        """The probability of the positive class."""
        return ("probability",)

    def encode_labels(self, values: Sequence[Any]) -> tuple[Floats, list[LabelProblem]]:
        """0 or 1; NaN for None and for a problem's row."""
        label_B = read_known(values, _LABEL_OF)
        unread_B = np.isnan(label_B)
        if np.count_nonzero(unread_B) == values.count(None):
            return label_B, []
        return label_B, [
            (row, f"expected 0, 1, true or false, found {shown(values[row])}")
            for row in np.flatnonzero(unread_B).tolist()
            if values[row] is not None
        ]

    def publish(self, raw_BK: Floats) -> Floats:
        """The logistic function: exact at both ends, never overflowing."""
        small_BK = np.exp(-np.abs(raw_BK))
        upper_BK = 1.0 / (1.0 + small_BK)
        return np.where(raw_BK >= 0.0, upper_BK, small_BK * upper_BK)

    def publish_torch(self, raw_BK: torch.Tensor) -> torch.Tensor:
        """The logistic function."""
        return raw_BK.sigmoid()

    def describe(self, outputs_O: Floats) -> dict[str, Any]:
        """`{"probability": p}`."""
        return {"probability": float(outputs_O[0])}

    def describe_rows(self, outputs_BO: Floats) -> Column:
        """`describe` of every row, as columns."""
        return {"probability": outputs_BO[:, 0]}

    def baseline(self, label: float) -> Floats:
        """The last label as a probability, 0 or 1."""
        return np.array([label])

    def loss_torch(self, raw_BK: torch.Tensor, label_B: torch.Tensor) -> torch.Tensor:
        """Cross-entropy per row, as the class describes."""
        from torch.nn import functional

        logit_B = raw_BK[:, 0]
        target_B = label_B * (1.0 - self._smoothing) + 0.5 * self._smoothing if self._smoothing else label_B
        loss_B = functional.binary_cross_entropy_with_logits(logit_B, target_B, reduction="none")
        if self._gamma:
            towards_truth_B = logit_B * (2.0 * label_B - 1.0)
            loss_B = loss_B * (self._gamma * functional.logsigmoid(-towards_truth_B)).exp()
        if self._class_weight != 1.0:
            loss_B = loss_B * (1.0 + (self._class_weight - 1.0) * label_B)
        return loss_B

    def kernel_loss(self) -> KernelLoss:
        """The loss of `loss_torch` for a model that is compiled."""
        return KernelLoss("binary", (self._class_weight, self._smoothing, self._gamma))
