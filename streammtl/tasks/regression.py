"""Regression: a real number, learned in standardised units.

Shape suffixes: B rows, K = 1 raw output, O = 1 published column.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, final

import numpy as np
from pydantic import Field, model_validator

from streammtl.table import Column
from streammtl.tasks._labels import LABEL_LIMIT, read_numbers
from streammtl.tasks.base import KernelLoss, LabelProblem, Task
from streammtl.types import Floats

if TYPE_CHECKING:
    import torch


@final
class RegressionTask(Task):
    """A real number; publishes it in the label's own units.

    With residual `r = label - prediction` in units of the label's running standard deviation, the loss is

    - squared: `r^2 / 2`;
    - huber: `r^2 / 2` where `|r| <= delta`, else `delta (|r| - delta / 2)` (Huber, Robust Estimation of a Location
      Parameter, Annals of Mathematical Statistics, 1964);
    - absolute: `|r|`;
    - quantile: `max(q r, (q - 1) r)`, whose best prediction is the q-quantile of the label (Koenker, Bassett,
      Regression Quantiles, Econometrica, 1978).

    A label beyond 1e30 in size is rejected.

    >>> task = RegressionTask.Config(loss="quantile", quantile=0.9).build("spend")
    >>> task.encode_labels([1.5, None, 2])[0]
    array([1.5, nan, 2. ])
    >>> task.quantile
    0.9
    """

    scorer: ClassVar[str] = "regression"
    is_scaled: ClassVar[bool] = True

    class Config(Task.Config):
        """Settings of a regression task."""

        kind: Literal["regression"] = "regression"
        loss: Literal["squared", "huber", "absolute", "quantile"] = Field(
            default="squared", description="What a wrong prediction costs."
        )
        delta: float | None = Field(
            default=None,
            gt=0.0,
            le=100.0,
            description="With loss: huber, where the loss turns from squared to linear, in standard deviations of the "
            "label. Default: 1.",
        )
        quantile: float | None = Field(
            default=None, gt=0.0, lt=1.0, description="With loss: quantile, which one is predicted. Default: 0.5."
        )

        @model_validator(mode="after")
        def _check_loss(self) -> RegressionTask.Config:
            if self.delta is not None and self.loss != "huber":
                raise ValueError(f"delta goes with loss: huber and has no effect with loss: {self.loss}")
            if self.quantile is not None and self.loss != "quantile":
                raise ValueError(f"quantile goes with loss: quantile and has no effect with loss: {self.loss}")
            if self.on_expiry == "negative":
                raise ValueError("on_expiry: negative means nothing for regression; say on_expiry: value")
            return self

    def __init__(self, config: RegressionTask.Config, name: str) -> None:
        super().__init__(config, name)
        self._loss = config.loss
        self._delta = 1.0 if config.delta is None else config.delta
        #: The quantile that is predicted; 0.5 unless the loss is the quantile loss.
        self.quantile = 0.5 if config.quantile is None else config.quantile
        self._set_expiry(config)

    @property
    def wire_type(self) -> Any:
        """A number."""
        return float

    @property
    def n_raw(self) -> int:
        """The value in standardised units."""
        return 1

    @property
    def output_names(self) -> tuple[str, ...]:
        """The value in the label's units."""
        return ("value",)

    def encode_labels(self, values: Sequence[Any]) -> tuple[Floats, list[LabelProblem]]:
        """The numbers; NaN for None and for a problem's row."""
        return read_numbers(values, -LABEL_LIMIT, LABEL_LIMIT)

    def publish(self, raw_BK: Floats) -> Floats:
        """The value as it is: the model has already brought it back to the label's units."""
        return np.array(raw_BK, dtype=np.float64)

    def publish_torch(self, raw_BK: torch.Tensor) -> torch.Tensor:
        """The value as it is."""
        return raw_BK

    def describe(self, outputs_O: Floats) -> dict[str, Any]:
        """`{"value": v}`."""
        return {"value": float(outputs_O[0])}

    def describe_rows(self, outputs_BO: Floats) -> Column:
        """`describe` of every row, as columns."""
        return {"value": outputs_BO[:, 0]}

    def baseline(self, label: float) -> Floats:
        """The last label."""
        return np.array([label])

    def loss_torch(self, raw_BK: torch.Tensor, label_B: torch.Tensor) -> torch.Tensor:
        """Loss per row of standardised labels, as the class describes."""
        residual_B = label_B - raw_BK[:, 0]
        if self._loss == "squared":
            return 0.5 * residual_B * residual_B
        if self._loss == "huber":
            inner_B = residual_B.clamp(-self._delta, self._delta)
            return inner_B * (residual_B - 0.5 * inner_B)
        if self._loss == "absolute":
            return residual_B.abs()
        return self.quantile * residual_B + (-residual_B).clamp(min=0.0)

    def kernel_loss(self) -> KernelLoss:
        """The loss of `loss_torch` for a model that is compiled."""
        parameters = {"huber": (self._delta,), "quantile": (self.quantile,)}
        return KernelLoss(self._loss, parameters.get(self._loss, ()))
