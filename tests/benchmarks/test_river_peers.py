from typing import Any

import numpy as np
import pytest

from benchmarks.river_peers import PEERS, predict_then_learn, score
from streammtl.tasks.binary import BinaryTask
from streammtl.tasks.multiclass import MulticlassTask
from streammtl.tasks.regression import RegressionTask

VALUE = RegressionTask.Config().build("value")


class LastLabel:
    """Predicts the label that it learned last."""

    def __init__(self) -> None:
        self.label = 0.0

    def predict_one(self, event: dict[str, Any]) -> float:
        return self.label

    def learn_one(self, event: dict[str, Any], label: float) -> None:
        self.label = label


class Ignorant:
    """Knows no class, however much it learns."""

    def predict_proba_one(self, event: dict[str, Any]) -> dict[Any, float]:
        return {}

    def learn_one(self, event: dict[str, Any], label: int) -> None:
        pass


def test_an_event_is_predicted_before_its_label_is_learned() -> None:
    outputs_EO = predict_then_learn(LastLabel(), VALUE, [{}, {}, {}], [5.0, 7.0, 9.0])
    assert outputs_EO[:, 0].tolist() == [0.0, 5.0, 7.0]


def test_an_absent_label_is_not_learned() -> None:
    outputs_EO = predict_then_learn(LastLabel(), VALUE, [{}, {}, {}], [5.0, float("nan"), 9.0])
    assert outputs_EO[:, 0].tolist() == [0.0, 5.0, 5.0]


def test_a_model_that_knows_no_class_yet_gives_all_the_same_probability() -> None:
    task = MulticlassTask.Config(classes=("a", "b", "c", "d")).build("kind")
    assert predict_then_learn(Ignorant(), task, [{}], [2.0]).tolist() == [[0.25, 0.25, 0.25, 0.25]]


def test_no_change_is_the_last_label_known_before_the_event() -> None:
    label_E = np.array([1.0, np.nan, 2.0, 4.0])
    report = score(VALUE, np.zeros((4, 1)), label_E)
    assert report.labels == 3
    assert report.no_change["mae"] == pytest.approx((abs(2.0 - 1.0) + abs(4.0 - 2.0)) / 2)
    assert report.scores["mae"] == pytest.approx((1.0 + 2.0 + 4.0) / 3)


@pytest.mark.parametrize("name", list(PEERS))
@pytest.mark.parametrize(
    "task",
    [VALUE, BinaryTask.Config().build("yes"), MulticlassTask.Config(classes=("a", "b")).build("kind")],
    ids=lambda task: task.scorer,
)
def test_every_peer_takes_numbers_text_and_missing_values(name: str, task: Any) -> None:
    events: list[dict[str, float | str]] = [{"x": 1.0, "c": "a"}, {"x": 2.0}, {"c": "b"}, {"x": 0.5, "c": "a"}]
    outputs_EO = predict_then_learn(PEERS[name](task.scorer), task, events, [0.0, 1.0, 1.0, 0.0])
    assert np.isfinite(outputs_EO).all()
