"""River's learners on a recorded stream, one model per task, scored by streammtl's own scoring code.

    python -m benchmarks.river_peers [--stream NAME] [--rows ROWS]

Every model predicts an event and then learns its label at once, event by event. Settings are River's defaults. Shape
suffixes: E events, O published columns of a task, K classes.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping
from math import isnan
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from benchmarks.recorded import FILES, Recorded, example, read
from streammtl.evaluate import Evaluate, TaskReport
from streammtl.tasks.base import Task
from streammtl.types import Floats, Outcome

Event: TypeAlias = dict[str, float | str]

#: Makes a River model of one task, from the kind of the task.
MakePeer: TypeAlias = Callable[[str], Any]


def linear(kind: str) -> Any:
    """Standardised numbers and one-hot categories into a linear model, by stochastic gradient descent."""
    from river import linear_model

    models: dict[str, Callable[[], Any]] = {
        "binary": linear_model.LogisticRegression,
        "multiclass": linear_model.SoftmaxRegression,
        "regression": linear_model.LinearRegression,
    }
    return _scaled_and_one_hot(drop_zeros=True) | models[kind]()


def linear_scaled_target(kind: str) -> Any:
    """`linear`, but a regression learns standardised labels."""
    from river import linear_model, preprocessing

    if kind != "regression":
        return linear(kind)
    model = preprocessing.TargetStandardScaler(linear_model.LinearRegression())
    return _scaled_and_one_hot(drop_zeros=True) | model


def adaptive_random_forest(kind: str) -> Any:
    """Ten Hoeffding trees with drift detectors; the classifier takes the features as they are, text as categories.

    The regressor's leaves hold linear models, which know no text and run away on raw numbers (R2 of -1e8 on
    gas_turbine): as in River's own example it gets standardised numbers, and one-hot categories with zeros to split at.
    """
    from river import forest

    if kind != "regression":
        return forest.ARFClassifier(seed=0)
    return _scaled_and_one_hot(drop_zeros=False) | forest.ARFRegressor(seed=0)


PEERS: dict[str, MakePeer] = {
    "river linear": linear,
    "river linear, scaled target": linear_scaled_target,
    "river ARF": adaptive_random_forest,
}


def _scaled_and_one_hot(drop_zeros: bool) -> Any:
    from river import compose, preprocessing

    # By type, since a missing value is a missing key: after standardising, that is the same as the mean.
    scaled = compose.SelectType(float) | preprocessing.StandardScaler()
    one_hot = compose.SelectType(str) | preprocessing.OneHotEncoder(drop_zeros=drop_zeros)
    return compose.TransformerUnion(scaled, one_hot)


def predict_then_learn(model: Any, task: Task, events: list[Event], labels: list[float]) -> Floats:
    """The published columns `(E, O)` of a River model that learns each label right after its prediction."""
    outputs_EO = np.full((len(events), task.n_outputs), np.nan)
    if task.scorer == "regression":
        for row, (event, label) in enumerate(zip(events, labels, strict=True)):
            outputs_EO[row, 0] = model.predict_one(event)
            if not isnan(label):
                model.learn_one(event, label)
    elif task.scorer == "binary":
        for row, (event, label) in enumerate(zip(events, labels, strict=True)):
            outputs_EO[row, 0] = _shares(model.predict_proba_one(event), (False, True))[1]
            if not isnan(label):
                model.learn_one(event, label > 0.5)
    else:
        classes = tuple(range(task.n_outputs))
        for row, (event, label) in enumerate(zip(events, labels, strict=True)):
            outputs_EO[row] = _shares(model.predict_proba_one(event), classes)
            if not isnan(label):
                model.learn_one(event, int(label))
    return outputs_EO


def _shares(probabilities: Mapping[Any, float], classes: tuple[Any, ...]) -> list[float]:
    """A probability per class; all equal before the model has seen any class."""
    if not probabilities:
        return [1.0 / len(classes)] * len(classes)
    return [probabilities.get(name, 0.0) for name in classes]


def score(task: Task, outputs_EO: Floats, label_E: Floats) -> TaskReport:
    """The prequential scores of predictions that were made in this order, with labels that came at once."""
    known_E = np.maximum.accumulate(np.where(np.isnan(label_E), -1, np.arange(len(label_E))))
    before_E = np.concatenate(([-1], known_E[:-1]))  # the last event with a label before this one
    baseline_E = np.where(before_E >= 0, label_E[before_E], np.nan)
    row_L = np.flatnonzero(~np.isnan(label_E))
    nothing_L = np.full(len(row_L), np.nan)
    evaluate = Evaluate.Config().build((task,))
    outcome = Outcome(
        labels_LT=label_E[row_L, None],
        outputs_LO=outputs_EO[row_L],
        baseline_LT=baseline_E[row_L, None],
        delay_s_L=nothing_L,
        time_s_L=nothing_L,
        is_expiry_L=np.zeros(len(row_L), dtype=np.bool_),
    )
    evaluate.observe(outcome, n_events=len(label_E))
    return evaluate.report()[task.name]


def run_peer(make: MakePeer, recorded: Recorded, task_name: str) -> tuple[TaskReport, float]:
    """The scores of a peer on one task, and the seconds that predicting and learning took."""
    index = [task.name for task in recorded.tasks].index(task_name)
    task, label_E = recorded.tasks[index], recorded.labels_ET[:, index]
    model, events = make(task.scorer), recorded.dictionaries()
    start_s = time.process_time()
    outputs_EO = predict_then_learn(model, task, events, label_E.tolist())
    seconds = time.process_time() - start_s
    return score(task, outputs_EO, label_E), seconds


def main() -> None:
    """Print the primary score of every peer on every task."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--stream", choices=list(FILES), default="gas_turbine")
    parser.add_argument("--rows", type=int, default=500)
    arguments = parser.parse_args()
    if not FILES[arguments.stream].exists():
        print(f"{FILES[arguments.stream]} is not there: nothing to measure")
        return
    with tempfile.TemporaryDirectory() as folder:
        recorded = read(example(arguments.stream, n_rows=arguments.rows, folder=Path(folder)))
    print(f"{arguments.stream}, first {len(recorded.labels_ET):,} events")
    for name, make in PEERS.items():
        for task in recorded.tasks:
            report, seconds = run_peer(make, recorded, task.name)
            rate = len(recorded.labels_ET) / seconds
            print(f"{name:<30}{task.name:<22}{report.primary:<10}{report.scores[report.primary]:9.4f}{rate:12,.0f}/s")


if __name__ == "__main__":
    main()
