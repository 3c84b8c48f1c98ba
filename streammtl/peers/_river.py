"""What River's peers have in common: events as dictionaries, and models called by the kind of the task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any, Literal, TypeAlias, final

from streammtl.peers.base import ignorance
from streammtl.tasks.base import Task
from streammtl.types import RowLayout

#: Features by name; a missing value is a missing key.
Features: TypeAlias = dict[str, float | str]


@final
class Dictionaries:
    """Feature rows as River takes them, with a category as text, or as the number of its row in the hash table."""

    def __init__(self, layout: RowLayout, categories: Literal["text", "number"] = "text") -> None:
        self._layout = layout
        self._is_text = categories == "text"

    def of(self, dense_D: list[float], category_C: list[int]) -> Features:
        """One event."""
        event: Features = {
            name: value for name, value in zip(self._layout.dense_names, dense_D, strict=True) if not isnan(value)
        }
        for name, code in zip(self._layout.category_names, category_C, strict=True):
            if code:
                event[name] = str(code) if self._is_text else float(code)
        return event


def scaled_and_one_hot(drop_zeros: bool) -> Any:
    """Standardised numbers beside one-hot columns of text."""
    from river import compose, preprocessing

    # By type, since a missing value is a missing key: after standardising, that is the same as the mean.
    scaled = compose.SelectType(float) | preprocessing.StandardScaler()
    one_hot = compose.SelectType(str) | preprocessing.OneHotEncoder(drop_zeros=drop_zeros)
    return compose.TransformerUnion(scaled, one_hot)


def predict(model: Any, task: Task, event: Features) -> Sequence[float]:
    """The published columns of one task."""
    if task.scorer == "binary":
        return _shares(model.predict_proba_one(event), (False, True), task)[-1:]
    if task.scorer == "multiclass":
        return _shares(model.predict_proba_one(event), range(task.n_outputs), task)
    value = model.predict_one(event)
    return [max(0.0, value)] if task.scorer == "count" else [value]


def learn(model: Any, task: Task, event: Features, label: float) -> None:
    """Learn one label."""
    if task.scorer == "binary":
        model.learn_one(event, label > 0.5)
    elif task.scorer == "multiclass":
        model.learn_one(event, int(label))
    else:
        model.learn_one(event, label)


def _shares(probabilities: Mapping[Any, float], classes: Sequence[Any], task: Task) -> Sequence[float]:
    """A probability per class; all alike before the model has seen any class."""
    if not probabilities:
        return ignorance(task)
    return [probabilities.get(name, 0.0) for name in classes]
