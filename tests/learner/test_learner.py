"""The learner of one event at a time, and that it is the learner of the stream."""

from __future__ import annotations

import numpy as np
import pytest

from streammtl import BinaryTask, Categorical, Learner, MulticlassTask, Numeric, RecordError, RegressionTask
from streammtl.digest import digest
from streammtl.types import Ops
from streammtl.weighting.dwa import Dwa

EVENTS = [({"a": float(i % 7), "c": "xy"[i % 2]}, {"up": i % 2, "size": float(i % 7)}) for i in range(60)]


def build() -> Learner:
    return Learner.Config(
        features={"a": Numeric.Config(), "c": Categorical.Config(table_size=16)},
        tasks={
            "up": BinaryTask.Config(),
            "size": RegressionTask.Config(),
            "group": MulticlassTask.Config(classes=("p", "q")),
        },
        weighting=Dwa.Config(every=4),
    ).build()


def test_a_learner_is_built_with_its_model() -> None:
    """Not at the first event, which would have to wait for the compiler."""
    assert "model" in vars(build())


def test_predict_one_gives_every_task() -> None:
    predictions = build().predict_one({"a": 1.0, "c": "x"})
    assert set(predictions) == {"up", "size", "group"}
    assert 0 < predictions["up"]["probability"] < 1


def test_learn_one_takes_any_subset_of_labels() -> None:
    learner = build()
    for event, labels in EVENTS:
        learner.learn_one(event, {"up": labels["up"]})
    assert learner.predict_one({"a": 0.0, "c": "x"})["up"]["probability"] < 0.5
    assert learner.predict_one({"a": 0.0, "c": "x"})["size"] == {"value": 0.0}


def test_one_event_at_a_time_is_the_same_as_operations_in_order() -> None:
    one, many = build(), build()
    published = []
    for event, labels in EVENTS:
        published.append([one.predict_one(event)["size"]["value"]])
        one.learn_one(event, labels)

    n = len(EVENTS)
    labels_NT = np.full((2 * n, 3), np.nan)
    labels_NT[1::2, 0] = [labels["up"] for _, labels in EVENTS]
    labels_NT[1::2, 1] = [labels["size"] for _, labels in EVENTS]
    columns = {"a": [e["a"] for e, _ in EVENTS], "c": [e["c"] for e, _ in EVENTS]}
    from streammtl.encode import RowEncoder

    dense_RD, category_RC, _ = RowEncoder(many.features).encode(columns, np.full(n, np.nan))
    lesson = many.advance(Ops(np.tile([False, True], n), np.repeat(np.arange(n), 2), labels_NT, dense_RD, category_RC))
    np.testing.assert_array_equal(lesson.outputs_PO[:, 1:2], published)
    assert digest(one.state()) == digest(many.state())


def test_weights_change_only_at_the_ends_of_segments() -> None:
    learner = build()
    seen = []
    for event, labels in EVENTS[:12]:
        learner.learn_one(event, labels)
        seen.append(tuple(learner.weighting.weights_T))
    assert len(set(seen[:3])) == 1
    assert [i for i in range(1, 12) if seen[i] != seen[i - 1]] in ([3, 7, 11], [7, 11])


def test_labels_of_unknown_tasks_are_refused() -> None:
    with pytest.raises(RecordError, match=r"unknown tasks \['fraud'\]"):
        build().learn_one({"a": 1.0}, {"fraud": 1})


@pytest.mark.parametrize(
    ("event", "labels", "message"),
    [
        ({"a": "much"}, {}, "wrong_type"),
        ({"a": 1.0}, {"up": 7}, "bad_label"),
        ({"a": 1.0}, {"group": "z"}, "bad_label"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(
    event: dict[str, object], labels: dict[str, object], message: str
) -> None:
    with pytest.raises(RecordError, match=message):
        build().learn_one(event, labels)


def test_an_event_without_labels_teaches_nothing() -> None:
    learner, untouched = build(), build()
    learner.learn_one({"a": 1.0, "c": "x"}, {})
    assert digest(learner.state()) == digest(untouched.state())


def test_a_feature_may_be_called_labels() -> None:
    features = {"labels": Numeric.Config(), "c": Categorical.Config()}
    learner = Learner.Config(features=features, tasks={"up": BinaryTask.Config()}).build()
    learner.learn_one({"labels": 3.0}, {"up": 1})
    assert set(learner.predict_one({"labels": 3.0})) == {"up"}
