"""The family of tasks: what is predicted, how a label is read, what is lost by a wrong prediction.

Shape suffixes: B rows, K raw network outputs of the task, O published output columns of the task.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias, cast, final

from pydantic import Field, model_validator

from streammtl.component import Component
from streammtl.errors import ConfigError
from streammtl.table import Column
from streammtl.types import Floats, Floats32, State

if TYPE_CHECKING:
    import torch

#: A label that could not be read: (row, what is wrong with it, for a person).
LabelProblem = tuple[int, str]

#: The losses that the compiled kernel of `streammtl.models` knows by themselves, without torch.
LossCode: TypeAlias = Literal["binary", "multiclass", "squared", "huber", "absolute", "quantile", "count"]


@dataclass(frozen=True, slots=True)
class KernelLoss:
    """A task's loss as the compiled kernel takes it: the same function as the task's `loss_torch`.

    `parameters` by code: binary has the class weight, the label smoothing and the focal gamma; multiclass the label
    smoothing; huber its delta; quantile its quantile; the others none.
    """

    code: LossCode
    parameters: tuple[float, ...] = ()
    class_weight_K: Floats32 | None = None  # multiclass: how many times the loss of a class counts; None: once


class Task(Component):
    """One thing to predict for every event.

    The model gives a task `n_raw` numbers per row; `publish` turns them into the `n_outputs` columns that are
    published, stored beside the pending event, and scored.
    """

    family: ClassVar[str] = "tasks"
    #: The scorer (family `metrics`) of this task's published predictions.
    scorer: ClassVar[str]
    #: True: the model learns standardised labels and hands `publish` values in the label's own units.
    is_scaled: ClassVar[bool] = False

    class Config(Component.Config):
        """Settings of every task."""

        label: str | None = Field(
            default=None, min_length=1, description="Field that holds the label. Default: the task's name."
        )
        delay_s: float = Field(
            default=0.0,
            ge=0.0,
            description="Hold back a label that came inside its event until this many seconds of event time later; "
            "for replaying recorded streams with honest label delays.",
        )
        horizon_s: float | None = Field(
            default=None,
            gt=0.0,
            description="Seconds of event time after which a label is no longer waited for. Default: for ever.",
        )
        on_expiry: Literal["drop", "negative", "value"] = Field(
            default="drop",
            description="What an event without a label means when its horizon has passed: nothing (drop), "
            "the label 0 (negative), or the label `expiry_value` (value).",
        )
        expiry_value: str | int | float | None = Field(
            default=None, description="The label that an expiry stands for; with `on_expiry: value`."
        )

        @model_validator(mode="after")
        def _check_expiry(self) -> Task.Config:
            if (self.on_expiry == "value") != (self.expiry_value is not None):
                raise ValueError("expiry_value goes with on_expiry: value, and only with it")
            if self.on_expiry != "drop" and self.horizon_s is None:
                raise ValueError(f"on_expiry: {self.on_expiry} needs a horizon_s, without it nothing expires")
            return self

        def build(self, name: str) -> Task:
            """The task under its name."""
            return cast(Task, self.owner(self, name))

    def __init__(self, config: Task.Config, name: str) -> None:
        self.name = name
        self.label_field = config.label or name
        self._expiry_label = math.nan
        self.delay_s = config.delay_s
        self.horizon_s = config.horizon_s

    @property
    @abstractmethod
    def wire_type(self) -> Any:
        """Type annotation of the label field for the typed decoder, without the `| None`."""

    @property
    @abstractmethod
    def n_raw(self) -> int:
        """K: network outputs of this task."""

    @property
    @abstractmethod
    def output_names(self) -> tuple[str, ...]:
        """Names of the published columns, e.g. `("probability",)`; as many as `n_outputs`."""

    @property
    def n_outputs(self) -> int:
        """O."""
        return len(self.output_names)

    @property
    def hides_unseen(self) -> bool:
        """True: the model hands `loss_torch` and `publish` -inf in each raw column whose class it never learned.

        The labels of such a task are indices of its raw columns.
        """
        return False

    @final
    def expiry_label(self) -> float:
        """The label that the expiry of the horizon stands for, encoded; NaN: none (drop)."""
        return self._expiry_label

    @final
    def _set_expiry(self, config: Task.Config) -> None:
        """Encode the label of an expiry; a component's `__init__` ends with this call."""
        if config.on_expiry == "drop":
            return
        value = 0 if config.on_expiry == "negative" else config.expiry_value
        label_B, problems = self.encode_labels([value])
        if problems or math.isnan(label_B[0]):
            problem = problems[0][1] if problems else "it names no class"
            raise ConfigError(f"task {self.name!r}: expiry_value {value!r} cannot be a label: {problem}")
        self._expiry_label = float(label_B[0])

    @abstractmethod
    def encode_labels(self, values: Sequence[Any]) -> tuple[Floats, list[LabelProblem]]:
        """Labels as floats in record order (class index, 0/1, value); NaN for None and for a problem's row.

        A value that names no class of a task that discovers its classes becomes a new class, in order of appearance.
        """

    @abstractmethod
    def publish(self, raw_BK: Floats) -> Floats:
        """The published columns `(B, O)` of raw outputs."""

    @abstractmethod
    def describe(self, outputs_O: Floats) -> dict[str, Any]:
        """A published row as people and JSON read it: `{"probability": 0.03}`, `{"class": "a", ...}`."""

    def describe_rows(self, outputs_BO: Floats) -> Column:
        """`describe` of every row, as a column: of documents, or by the fields where all rows have the same."""
        return [self.describe(outputs_O) for outputs_O in outputs_BO]

    @abstractmethod
    def baseline(self, label: float) -> Floats:
        """The published row `(O,)` of the no-change prediction "the same label again"; NaN label: NaN row."""

    @abstractmethod
    def loss_torch(self, raw_BK: torch.Tensor, label_B: torch.Tensor) -> torch.Tensor:
        """Loss per row `(B,)`, differentiable; labels are all present (and standardised where `is_scaled`)."""

    def publish_torch(self, raw_BK: torch.Tensor) -> torch.Tensor:
        """`publish` in torch, float64, for export; raises `ConfigError` where the task has none."""
        raise ConfigError(
            f"task {self.name!r}: how it publishes is not known to torch, so the model cannot be exported"
        )

    def column_details(self) -> dict[str, Any]:
        """What one must know of the published columns besides their names, as JSON values: classes, for one."""
        return {}

    def kernel_loss(self) -> KernelLoss:
        """The loss of `loss_torch` for a model that is compiled; raises `ConfigError` where the kernel lacks it."""
        raise ConfigError(f"task {self.name!r}: its loss is known to torch only; use a torch model, as shared_bottom")

    def state(self) -> State:
        """What the task has learned by itself (discovered classes)."""
        return {}

    def load(self, state: State) -> None:
        """Take over a `state`."""
