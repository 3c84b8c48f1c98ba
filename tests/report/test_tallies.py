"""What is counted of labels and predictions, against brute force."""

from __future__ import annotations

import json

import numpy as np
import pytest

from streammtl.report import cells
from streammtl.report.confusion import MAX_CLASSES, Confusion
from streammtl.report.delays import Delays
from streammtl.report.reliability import Reliability, wilson
from streammtl.report.residuals import Residuals
from streammtl.seeds import named_rng

RNG = named_rng(0, "report tallies")
PROBABILITY = RNG.beta(0.3, 3.0, 5000)
LABEL = (RNG.random(5000) < PROBABILITY).astype(float)
VALUE = RNG.normal(50.0, 20.0, 5000)
PREDICTED = VALUE + RNG.normal(1.0, 3.0, 5000)
SIZES = (1, 7, 1000, 5000)


def pieces(size: int) -> list[slice]:
    return [slice(start, start + size) for start in range(0, 5000, size)]


@pytest.mark.parametrize("size", SIZES[1:])
def test_reliability_does_not_depend_on_pieces(size: int) -> None:
    whole, cut = Reliability(), Reliability()
    whole.add(PROBABILITY, LABEL)
    for piece in pieces(size):
        cut.add(PROBABILITY[piece], LABEL[piece])
    assert cut.to_json() == whole.to_json()


def test_reliability_counts_every_label_once() -> None:
    reliability = Reliability()
    reliability.add(PROBABILITY, LABEL)
    points = reliability.to_json()
    assert sum(point["n"] for point in points) == 5000
    assert sum(point["n"] * point["observed"] for point in points) == pytest.approx(LABEL.sum())
    assert sum(point["n"] * point["mean"] for point in points) == pytest.approx(PROBABILITY.sum())
    assert all(point["low"] <= point["observed"] <= point["high"] for point in points)
    # They were drawn to be true: nearly all intervals hold their prediction.
    assert np.mean([point["low"] <= point["mean"] <= point["high"] for point in points]) > 0.8


def test_wilson_stays_between_0_and_1() -> None:
    assert wilson(0, 10)[0] == 0.0
    assert wilson(10, 10)[1] == pytest.approx(1.0)
    assert wilson(0, 10)[1] == pytest.approx(0.2775, abs=1e-4)


@pytest.mark.parametrize("size", SIZES[1:])
def test_residuals_do_not_depend_on_pieces(size: int) -> None:
    whole, cut = Residuals(), Residuals()
    whole.add(VALUE, PREDICTED)
    for piece in pieces(size):
        cut.add(VALUE[piece], PREDICTED[piece])
    assert cut.to_json() == whole.to_json()


def test_residuals_are_those_of_the_labels() -> None:
    residuals = Residuals()
    residuals.add(VALUE, PREDICTED)
    document = residuals.to_json()
    exact = VALUE - PREDICTED
    assert document["mean"] == pytest.approx(exact.mean())
    for name, share in (("p05", 0.05), ("median", 0.5), ("p95", 0.95)):
        # A cell is 12 % wide.
        assert document[name] == pytest.approx(np.quantile(exact, share), rel=0.07), name
    assert sum(bar["n"] for bar in document["bars"]) == pytest.approx(5000)
    assert sum(point["n"] for point in document["values"]) == 5000
    assert sum(point["n"] * point["label"] for point in document["values"]) == pytest.approx(VALUE.sum())


@pytest.mark.parametrize("value", [0.0, 1e-300, -1e300, 1e300, 7.0])
def test_residuals_of_any_size_are_counted(value: float) -> None:
    residuals = Residuals()
    residuals.add(np.full(3, value), np.zeros(3))
    document = residuals.to_json()
    assert document["n"] == 3
    assert sum(bar["n"] for bar in document["bars"]) == pytest.approx(3)


def test_confusion_names_what_came_and_joins_the_rest() -> None:
    confusion = Confusion(n_classes=MAX_CLASSES + 5)
    confusion.add(np.array([0.0, 2.0, MAX_CLASSES + 3.0]), np.array([0, MAX_CLASSES + 1, 2]))
    document = confusion.to_json([f"c{k}" for k in range(MAX_CLASSES + 5)])
    assert document == {"classes": ["c0", "c2", "others"], "counts": [[1, 0, 0], [0, 0, 1], [0, 1, 0]]}


def test_delays_are_counted_by_their_size() -> None:
    delays = Delays()
    delays.add(np.array([0.0, 3600.0, 3700.0, 86400.0, np.nan]))
    document = delays.to_json()
    assert (document["n"], document["at_once"]) == (4, 1)
    assert sum(bar["n"] for bar in document["bars"]) == 3
    assert document["p90_s"] == pytest.approx(86400, rel=0.12)
    json.dumps(document, allow_nan=False)


def test_nothing_counted_gives_empty_diagrams() -> None:
    assert Reliability().to_json() == []
    assert Residuals().to_json()["bars"] == []
    assert Confusion(3).to_json(["a", "b", "c"]) == {"classes": [], "counts": []}
    assert Delays().to_json()["bars"] == []


def test_signed_cells_lie_within_their_edges() -> None:
    value = np.sort(np.concatenate([-np.geomspace(1e-8, 1e11, 200), [0.0], np.geomspace(1e-8, 1e11, 200)]))
    edge, cell = cells.signed_edges(), cells.signed_cell(value)
    slack = 1e-9 * np.abs(value)
    assert np.all((edge[cell] - slack <= value) & (value <= edge[cell + 1] + slack))
    assert np.all(np.diff(cell) >= 0)
