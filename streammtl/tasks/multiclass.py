"""Multiclass classification: one of several classes, declared or discovered.

Shape suffixes: B rows, K raw outputs (one logit per class), O = K published columns (probabilities).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, final

import numpy as np
from pydantic import Field, field_validator, model_validator

from streammtl.errors import ConfigError
from streammtl.table import Choice, Column
from streammtl.tasks._labels import read_known, shown
from streammtl.tasks.base import KernelLoss, LabelProblem, Task
from streammtl.types import Floats, State

if TYPE_CHECKING:
    import torch

#: Probability that a task which discovers its classes keeps back for those it has not learned, shared by all columns.
#: The first sight of a class then costs about 7 + log(max_classes) nats, and every other row 0.001.
UNSEEN_MASS = 1e-3


@final
class MulticlassTask(Task):
    """One of several classes; publishes a probability for each.

    The classes are declared (`classes`), or discovered in order of appearance up to `max_classes`. A class is a text:
    3, 3.0 and "3" are one class, and so are true and "true".

    With p = softmax(logits) the loss of class y is `c_y ((1 - s) (-log p_y) + s mean_j(-log p_j))`, c_y the weight of
    the class and s the label smoothing (Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, Rethinking the Inception
    Architecture for Computer Vision, CVPR 2016, section 7).

    Discovered classes: the softmax, and the mean of the smoothing, go over the classes that the model has learned at
    least one label of (`hides_unseen`); a column j then publishes `f + (1 - f max_classes) p_j` with
    `f = 0.001 / max_classes`, which is exactly f where the class is unknown. Before the first label all columns are
    equal.

    >>> import numpy as np
    >>> task = MulticlassTask.Config(classes=["low", "high"]).build("band")
    >>> task.encode_labels(["high", None])[0]
    array([ 1., nan])
    >>> task.describe(task.publish(np.array([[0.0, 0.0]]))[0])
    {'class': 'low', 'probabilities': {'low': 0.5, 'high': 0.5}}
    """

    scorer: ClassVar[str] = "multiclass"

    class Config(Task.Config):
        """Settings of a multiclass task."""

        kind: Literal["multiclass"] = "multiclass"
        classes: tuple[str, ...] | None = Field(
            default=None, min_length=2, max_length=10_000, description="The classes, all of them."
        )
        max_classes: int | None = Field(
            default=None,
            ge=2,
            le=10_000,
            description="Instead of `classes`: discover the classes in order of appearance, at most this many.",
        )
        on_new_class: Literal["reject", "ignore"] = Field(
            default="reject",
            description="What to do with a label of one class more than max_classes: reject its record, or take the "
            "label as absent.",
        )
        label_smoothing: float = Field(
            default=0.0, ge=0.0, lt=1.0, description="Share of each label that is spread evenly over the classes."
        )
        class_weights: dict[str, float] = Field(
            default_factory=dict, description="How many times the loss of a class counts. Default: once."
        )

        @field_validator("classes", mode="before")
        @classmethod
        def _read_classes(cls, value: Any) -> Any:
            return tuple(class_text(item) for item in value) if isinstance(value, list | tuple) else value

        @field_validator("class_weights", mode="before")
        @classmethod
        def _read_weights(cls, value: Any) -> Any:
            return {class_text(key): weight for key, weight in value.items()} if isinstance(value, dict) else value

        @model_validator(mode="after")
        def _check_classes(self) -> MulticlassTask.Config:
            if (self.classes is None) == (self.max_classes is None):
                raise ValueError("give either classes (all of them) or max_classes (to discover them)")
            if self.classes is not None:
                if len(set(self.classes)) < len(self.classes):
                    raise ValueError(f"each class may be named once only, found {', '.join(self.classes)}")
                if unknown := set(self.class_weights) - set(self.classes):
                    raise ValueError(f"class_weights names {sorted(unknown)}, which classes does not")
                if "on_new_class" in self.model_fields_set:
                    raise ValueError("on_new_class goes with max_classes and has no effect with classes")
            if bad := [name for name, weight in self.class_weights.items() if not 0.0 < weight <= 1e6]:
                raise ValueError(f"class_weights must be above 0 and at most 1e6; look at {bad}")
            if self.on_expiry == "negative":
                raise ValueError("on_expiry: negative means nothing for multiclass; say on_expiry: value")
            return self

    def __init__(self, config: MulticlassTask.Config, name: str) -> None:
        super().__init__(config, name)
        self._max_classes = config.max_classes
        self._n_classes = config.max_classes or len(config.classes or ())
        self._ignores_new = config.on_new_class == "ignore"
        self._smoothing = config.label_smoothing
        self._weight_of = config.class_weights
        self._set_classes(config.classes or ())
        self._set_expiry(config)

    def _set_classes(self, classes: Sequence[str]) -> None:
        #: The classes known so far, by index.
        self.classes: list[str] = []
        self._label_of: dict[Any, float] = {}
        self._class_weight_K = np.ones(self._n_classes, dtype=np.float32)
        for text in classes:
            self._add_class(text)

    def _add_class(self, text: str) -> None:
        index = len(self.classes)
        self.classes.append(text)
        self._label_of[text] = float(index)
        self._class_weight_K[index] = self._weight_of.get(text, 1.0)

    @property
    def wire_type(self) -> Any:
        """Text, a number or a truth value."""
        return str | int | float | bool

    @property
    def n_raw(self) -> int:
        """One logit per class."""
        return self._n_classes

    @property
    def output_names(self) -> tuple[str, ...]:
        """`class_0`, `class_1`, ...: by index, since discovered classes have no name yet."""
        return tuple(f"class_{index}" for index in range(self._n_classes))

    @property
    def hides_unseen(self) -> bool:
        """True where the classes are discovered."""
        return self._max_classes is not None

    def encode_labels(self, values: Sequence[Any]) -> tuple[Floats, list[LabelProblem]]:
        """Class indices; NaN for None, for a problem's row, and for one class too many with `on_new_class: ignore`."""
        plain = values
        if not {bool, np.bool_}.isdisjoint(map(type, values)):
            # True == 1 in Python, but "true" and "1" are two classes.
            plain = [class_text(value) if isinstance(value, bool | np.bool_) else value for value in values]
        label_B = read_known(plain, self._label_of)
        unread_B = np.isnan(label_B)
        if np.count_nonzero(unread_B) == plain.count(None):
            return label_B, []
        problems: list[LabelProblem] = []
        for row in np.flatnonzero(unread_B).tolist():
            if plain[row] is None:
                continue
            try:
                label_B[row] = self._read_class(plain[row])
            except ValueError as error:
                problems.append((row, str(error)))
        return label_B, problems

    def _read_class(self, value: Any) -> float:
        text = class_text(value)
        if text not in self._label_of:
            if self._max_classes is None:
                raise ValueError(f"expected one of the declared classes, found {shown(value)}")
            if len(self.classes) == self._max_classes:
                if self._ignores_new:
                    return math.nan
                raise ValueError(f"{shown(value)} would be one class more than max_classes = {self._max_classes}")
            self._add_class(text)
        label = self._label_of[text]
        if isinstance(value, int | float):
            self._label_of[value] = label  # so that the next one is found without making a text of it
        return label

    def publish(self, raw_BK: Floats) -> Floats:
        """Softmax; discovered classes: over the known ones, with a floor under all."""
        top_B1 = raw_BK.max(axis=1, keepdims=True)
        if self._max_classes is None:
            return _normalised(np.exp(raw_BK - top_B1))
        nothing_known_B1 = np.isneginf(top_B1)
        odds_BK = np.exp(np.where(nothing_known_B1, 0.0, raw_BK) - np.where(nothing_known_B1, 0.0, top_B1))
        return self._floor + (1.0 - UNSEEN_MASS) * _normalised(odds_BK)

    @property
    def _floor(self) -> float:
        return UNSEEN_MASS / self._n_classes

    def publish_torch(self, raw_BK: torch.Tensor) -> torch.Tensor:
        """Softmax; discovered classes: over the known ones, with a floor under all."""
        if self._max_classes is None:
            return raw_BK.softmax(dim=1)
        is_any_B1 = raw_BK.isfinite().any(dim=1, keepdim=True)
        return self._floor + (1.0 - UNSEEN_MASS) * raw_BK.masked_fill(~is_any_B1, 0.0).softmax(dim=1)

    def column_details(self) -> dict[str, Any]:
        """The classes, in the order of the columns."""
        return {"classes": list(self.classes)}

    def describe(self, outputs_O: Floats) -> dict[str, Any]:
        """`{"class": "a", "probabilities": {"a": 0.7, ...}}`; before the first label of a discovered class: None, {}.

        It reads nothing but the row, so a class that was discovered after the row was predicted is not in it.
        """
        if self._max_classes is None:
            known_I = np.arange(self._n_classes)
        elif outputs_O.min() == outputs_O.max():
            return {"class": None, "probabilities": {}}
        else:
            known_I = np.flatnonzero(outputs_O > self._floor)
        return {
            "class": self.classes[int(outputs_O.argmax())],
            "probabilities": {self.classes[i]: float(outputs_O[i]) for i in known_I.tolist()},
        }

    def describe_rows(self, outputs_BO: Floats) -> Column:
        """`describe` of every row; as columns where the classes are declared."""
        if self._max_classes is not None:
            return super().describe_rows(outputs_BO)
        return {
            "class": Choice(self.classes, outputs_BO.argmax(axis=1)),
            "probabilities": {text: outputs_BO[:, index] for index, text in enumerate(self.classes)},
        }

    def baseline(self, label: float) -> Floats:
        """Probability 1 for the last class."""
        if math.isnan(label):
            return np.full(self._n_classes, np.nan)
        row_O = np.zeros(self._n_classes)
        row_O[int(label)] = 1.0
        return row_O

    def loss_torch(self, raw_BK: torch.Tensor, label_B: torch.Tensor) -> torch.Tensor:
        """Cross-entropy per row, as the class describes."""
        import torch

        index_B = label_B.long()
        log_p_BK = torch.log_softmax(raw_BK, dim=1)
        loss_B = -log_p_BK.gather(1, index_B[:, None])[:, 0]
        if self._smoothing:
            known_BK = ~torch.isneginf(raw_BK)
            mean_B = -torch.where(known_BK, log_p_BK, 0.0).sum(dim=1) / known_BK.sum(dim=1)
            loss_B = (1.0 - self._smoothing) * loss_B + self._smoothing * mean_B
        if self._weight_of:
            loss_B = loss_B * torch.from_numpy(self._class_weight_K)[index_B]
        return loss_B

    def kernel_loss(self) -> KernelLoss:
        """The loss of `loss_torch` for a model that is compiled."""
        return KernelLoss("multiclass", (self._smoothing,), self._class_weight_K if self._weight_of else None)

    def state(self) -> State:
        """The classes in order of appearance, where they are discovered."""
        return {"classes": list(self.classes)} if self._max_classes is not None else {}

    def load(self, state: State) -> None:
        """Take over the classes."""
        if self._max_classes is None:
            return
        if len(state["classes"]) > self._max_classes:
            raise ConfigError(
                f"task {self.name!r} has discovered {len(state['classes'])} classes; max_classes is {self._max_classes}"
            )
        self._set_classes(state["classes"])


def _normalised(odds_BK: Floats) -> Floats:
    total_B1: Floats = odds_BK.sum(axis=1, keepdims=True)
    return odds_BK / total_B1


def class_text(value: Any) -> str:
    """The one text of a class: 3, 3.0 and "3" give "3", True gives "true".

    >>> class_text(3.0), class_text(True), class_text("a")
    ('3', 'true', 'a')
    """
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, str) and plain:
        return plain
    if isinstance(plain, bool):
        return "true" if plain else "false"
    if isinstance(plain, int):
        return str(plain)
    if isinstance(plain, float) and math.isfinite(plain):
        return str(int(plain)) if plain.is_integer() else repr(plain)
    raise ValueError(f"expected the name of a class, found {shown(value)}")
