"""Settings that contradict each other, or have no effect, are errors that say what to do."""

from typing import Any

import pytest
from pydantic import ValidationError

from streammtl.component import members
from streammtl.errors import ConfigError
from streammtl.tasks.binary import BinaryTask
from streammtl.tasks.count import CountTask
from streammtl.tasks.multiclass import MulticlassTask
from streammtl.tasks.regression import RegressionTask


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("regression", {"delta": 1.0}, "delta goes with loss: huber"),
        ("regression", {"loss": "huber", "quantile": 0.5}, "quantile goes with loss: quantile"),
        ("regression", {"loss": "quantile", "quantile": 1.0}, "less than 1"),
        ("regression", {"on_expiry": "negative", "horizon_s": 1}, "on_expiry: value"),
        ("binary", {"focal_gamma": 1.0, "label_smoothing": 0.1}, "only one of them"),
        ("binary", {"class_weight": 0.0}, "greater than 0"),
        ("multiclass", {}, "either classes"),
        ("multiclass", {"classes": ["a", "b"], "max_classes": 3}, "either classes"),
        ("multiclass", {"classes": ["a"]}, "at least 2"),
        ("multiclass", {"classes": ["3", 3.0]}, "once only"),
        ("multiclass", {"classes": ["a", None]}, "expected the name of a class, found None"),
        ("multiclass", {"classes": ["a", "b"], "on_new_class": "ignore"}, "on_new_class goes with max_classes"),
        ("multiclass", {"classes": ["a", "b"], "class_weights": {"c": 1.0}}, "which classes does not"),
        ("multiclass", {"max_classes": 3, "class_weights": {"c": -1.0}}, "above 0"),
        ("multiclass", {"max_classes": 3, "on_expiry": "negative", "horizon_s": 1}, "on_expiry: value"),
    ],
)
def test_settings_are_refused(kind: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        members("tasks")[kind].Config.model_validate(settings)


@pytest.mark.parametrize(
    "config",
    [
        BinaryTask.Config(horizon_s=1, on_expiry="value", expiry_value="perhaps"),
        MulticlassTask.Config(classes=("a", "b"), horizon_s=1, on_expiry="value", expiry_value="c"),
        RegressionTask.Config(horizon_s=1, on_expiry="value", expiry_value="much"),
        CountTask.Config(horizon_s=1, on_expiry="value", expiry_value=-1),
    ],
)
def test_expiry_value_must_be_a_label(config: BinaryTask.Config) -> None:
    with pytest.raises(ConfigError, match="task 'y': expiry_value"):
        config.build("y")


@pytest.mark.parametrize("config", [BinaryTask.Config, CountTask.Config])
def test_negative_expiry_is_the_label_0(config: type[BinaryTask.Config] | type[CountTask.Config]) -> None:
    assert config(horizon_s=1, on_expiry="negative").build("y").expiry_label() == 0.0


def test_more_classes_in_a_state_than_the_settings_allow_are_an_error() -> None:
    with pytest.raises(ConfigError, match="has discovered 3 classes; max_classes is 2"):
        MulticlassTask.Config(max_classes=2).build("y").load({"classes": ["a", "b", "c"]})


@pytest.mark.parametrize(("value", "what"), [(-1, "between 0 and"), (1e13, "between 0 and"), (True, "a number")])
def test_a_count_is_a_number_from_0(value: Any, what: str) -> None:
    (row, message) = CountTask.Config().build("y").encode_labels([value])[1][0]
    assert row == 0
    assert what in message


@pytest.mark.parametrize("value", [1e31, -(10**400), "1e400"])
def test_a_number_beyond_1e30_is_a_problem(value: Any) -> None:
    assert len(RegressionTask.Config().build("y").encode_labels([1.0, value])[1]) == 1
