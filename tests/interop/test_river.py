"""A learner's tasks among River's estimators."""

from __future__ import annotations

import copy
import functools
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from river import checks, compose, datasets, evaluate, metrics, preprocessing

from streammtl import BinaryTask, Categorical, Learner, MulticlassTask, Numeric, RegressionTask
from streammtl.errors import ConfigError
from streammtl.interop.river import Classifier, Regressor
from streammtl.models.optimizers import Sgd
from streammtl.models.shared_bottom import SharedBottom

SMALL = SharedBottom.Config(hidden=(8,), rows_per_step=4, optimizer=Sgd(rate=0.05))

ESTIMATORS: list[Classifier | Regressor] = [Classifier(model=SMALL), Regressor(model=SMALL)]


def river_checks() -> list[Any]:
    """Some come once for each of River's datasets: the first is fast, the others are slow."""
    found: list[Any] = []
    for estimator in ESTIMATORS:
        names = {"check_bounded_memory_growth"}
        for number, check in enumerate(checks.yield_checks(estimator)):
            marks = [pytest.mark.slow(seconds=2)] if check.__name__ in names else []
            names.add(check.__name__)
            name = f"{type(estimator).__name__}-{number}-{check.__name__}"
            found.append(pytest.param(estimator, check, id=name, marks=marks))
    return found


@pytest.mark.parametrize(("estimator", "check"), river_checks())
def test_rivers_own_checks(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator.clone())


def config() -> Learner.Config:
    return Learner.Config(
        features={"a": Numeric.Config(), "c": Categorical.Config(table_size=16)},
        tasks={
            "up": BinaryTask.Config(),
            "kind": MulticlassTask.Config(classes=("x", "y", "z")),
            "size": RegressionTask.Config(),
        },
        model=SMALL,
    )


def test_views_share_their_learner() -> None:
    learner, alone = config().build(), config().build()
    up, size = Classifier.of(learner, "up"), Regressor.of(learner, "size")
    for i in range(200):
        x = {"a": float(i % 5), "c": "pq"[i % 2]}
        up.learn_one(x, i % 5 > 2)
        size.learn_one(x, float(i % 5))
        alone.learn_one(x, {"up": i % 5 > 2})
        alone.learn_one(x, {"size": float(i % 5)})
    last: dict[Any, Any] = {"a": 4.0, "c": "p"}
    assert up.predict_proba_one(last) == {
        True: alone.predict_one(last)["up"]["probability"],
        False: 1.0 - alone.predict_one(last)["up"]["probability"],
    }
    assert up.predict_one(last) is True
    assert size.predict_one(last) == alone.predict_one(last)["size"]["value"]
    assert abs(size.predict_one(last) - 4.0) < 1.0


def test_a_clone_of_a_view_knows_nothing() -> None:
    learner = config().build()
    view = Classifier.of(learner, "up")
    fresh = view.predict_proba_one({"a": 1.0, "c": "p"})
    for _ in range(50):
        view.learn_one({"a": 1.0, "c": "p"}, True)
    assert view.predict_proba_one({"a": 1.0, "c": "p"})[True] > fresh[True] + 0.05
    assert view.clone().predict_proba_one({"a": 1.0, "c": "p"}) == fresh


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda view: pickle.loads(pickle.dumps(view))])
def test_a_copy_goes_on_by_itself(copied: Callable[[Any], Any]) -> None:
    view = Regressor.of(config().build(), "size")
    for i in range(30):
        view.learn_one({"a": float(i % 3), "c": "p"}, float(i % 3))
    other = copied(view)
    x = {"a": 2.0, "c": "p"}
    assert other.predict_one(x) == view.predict_one(x)
    before = view.predict_one(x)
    for _ in range(20):
        other.learn_one(x, 9.0)
    assert view.predict_one(x) == before
    assert other.predict_one(x) > before


def test_declared_classes_have_probabilities_that_sum_to_one() -> None:
    view = Classifier.of(config().build(), "kind")
    view.learn_one({"a": 1.0, "c": "p"}, "y")
    probabilities = view.predict_proba_one({"a": 1.0, "c": "p"})
    assert set(probabilities) == {"x", "y", "z"}
    assert sum(probabilities.values()) == pytest.approx(1.0)


def test_labels_come_back_as_what_they_were() -> None:
    model = Classifier(model=SMALL)
    for i in range(60):
        model.learn_one({"a": float(i % 3)}, i % 3)
    assert set(model.predict_proba_one({"a": 1.0})) == {0, 1, 2}
    assert type(model.predict_one({"a": 1.0})) is int


def test_it_runs_in_a_pipeline_under_rivers_evaluation() -> None:
    model = (
        compose.Select("empty_server_form_handler", "popup_window", "https", "ip_in_url")
        | preprocessing.StandardScaler()
    )
    model |= Classifier(model=SMALL)
    score = evaluate.progressive_val_score(datasets.Phishing().take(400), model, metrics.Accuracy())  # type: ignore[no-untyped-call]
    assert score.get() > 0.7


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (functools.partial(Classifier, config()), "give both"),
        (functools.partial(Classifier, config(), "size"), "RegressionTask; a Classifier takes a BinaryTask or"),
        (functools.partial(Regressor, config(), "up"), "BinaryTask; a Regressor takes a RegressionTask or"),
        (functools.partial(Regressor, config(), "siz"), "no task 'siz'"),
        (functools.partial(Regressor, config(), "size", SMALL), "set it there"),
    ],
)
def test_mistakes(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()
