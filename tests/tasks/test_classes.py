"""Classes: declared or discovered, and what is published for them."""

import math

import numpy as np
import pytest

from streammtl.tasks.multiclass import UNSEEN_MASS, MulticlassTask

nan = math.nan


def test_a_number_and_its_text_are_one_class() -> None:
    task = MulticlassTask.Config(max_classes=3).build("y")
    np.testing.assert_array_equal(task.encode_labels([3, 3.0, "3", np.int64(3), np.float32(3.0)])[0], [0.0] * 5)
    assert task.state() == {"classes": ["3"]}


def test_true_and_1_are_two_classes() -> None:
    task = MulticlassTask.Config(max_classes=3).build("y")
    np.testing.assert_array_equal(task.encode_labels([1, True, "true", 1.0])[0], [0.0, 1.0, 1.0, 0.0])


def test_classes_are_numbered_in_order_of_appearance() -> None:
    task = MulticlassTask.Config(max_classes=3).build("y")
    np.testing.assert_array_equal(task.encode_labels(["b", None, "a", "b"])[0], [0.0, nan, 1.0, 0.0])


def test_one_class_too_many_is_a_problem() -> None:
    task = MulticlassTask.Config(max_classes=2).build("y")
    label_B, problems = task.encode_labels(["a", "b", "c", "a"])
    np.testing.assert_array_equal(label_B, [0.0, 1.0, nan, 0.0])
    assert problems == [(2, "'c' would be one class more than max_classes = 2")]


def test_one_class_too_many_may_be_ignored() -> None:
    task = MulticlassTask.Config(max_classes=2, on_new_class="ignore").build("y")
    label_B, problems = task.encode_labels(["a", "b", "c"])
    np.testing.assert_array_equal(label_B, [0.0, 1.0, nan])
    assert problems == []


def test_a_class_that_is_not_declared_is_a_problem() -> None:
    _, problems = MulticlassTask.Config(classes=("a", "b")).build("y").encode_labels(["a", "c"])
    assert problems == [(1, "expected one of the declared classes, found 'c'")]


def test_declared_classes_may_be_numbers() -> None:
    config = MulticlassTask.Config.model_validate({"classes": [1, 2.0, True], "class_weights": {2: 3.0}})
    assert config.classes == ("1", "2", "true")
    assert config.class_weights == {"2": 3.0}


def test_unseen_classes_publish_a_floor() -> None:
    task = MulticlassTask.Config(max_classes=4).build("y")
    row_O = task.publish(np.array([[0.0, 0.0, -math.inf, -math.inf]]))[0]
    np.testing.assert_allclose(row_O, [0.49975, 0.49975, 0.00025, 0.00025])
    assert row_O[2] == UNSEEN_MASS / 4
    assert row_O.sum() == pytest.approx(1.0)


def test_a_class_discovered_after_the_prediction_is_not_described() -> None:
    task = MulticlassTask.Config(max_classes=4).build("y")
    task.encode_labels(["a"])
    row_O = task.publish(np.array([[0.0, -math.inf, -math.inf, -math.inf]]))[0]
    before = task.describe(row_O)
    task.encode_labels(["b", "c"])
    assert task.describe(row_O) == before
    assert list(before["probabilities"]) == ["a"]


def test_before_the_first_label_no_class_is_described() -> None:
    task = MulticlassTask.Config(max_classes=4).build("y")
    row_O = task.publish(np.full((1, 4), -math.inf))[0]
    np.testing.assert_allclose(row_O, 0.25)
    task.encode_labels(["a"])
    assert task.describe(row_O) == {"class": None, "probabilities": {}}
