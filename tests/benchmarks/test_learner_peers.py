from collections.abc import Iterator
from math import log

import numpy as np
import pytest

from benchmarks import learner_peers
from benchmarks.learner import events
from benchmarks.learner_peers import Peer, Predictions, peers, river, vowpal_wabbit
from streammtl.types import Floats, Ops

N_EVENTS = 1000
LINEAR, TREE, FOREST = "linear pipelines", "adaptive trees", "adaptive random forests"
TEXT, EXAMPLES, TEXT_FILES, CACHES = "parsing text", "examples made beforehand", "text files", "binary caches"


@pytest.fixture(scope="module")
def stream() -> tuple[Ops, Floats]:
    return events(N_EVENTS)


@pytest.fixture
def wabbits(stream: tuple[Ops, Floats]) -> Iterator[Peer]:
    pytest.importorskip("vowpalwabbit", reason="needs the extra `peers`")
    return vowpal_wabbit(*stream)


def outcome(several: Iterator[Peer], end_of_name: str) -> object:
    return next(run() for name, run, _ in several if name.endswith(end_of_name))


def scores(predictions: object, labels_RT: Floats) -> tuple[float, float, float]:
    """Accuracy, accuracy and R2 of the second half of the stream; the labels lie over the first round of the events."""
    assert isinstance(predictions, list)
    yes, band, value = (np.array([_label(given) for given in of_task[: len(labels_RT)]]) for of_task in predictions)
    late = slice(len(labels_RT) // 2, None)
    yes_R, band_R, value_R = labels_RT.T
    error = np.square(value - value_R)[late].mean() / value_R[late].var()
    return float((yes == yes_R)[late].mean()), float((band == band_R)[late].mean()), float(1.0 - error)


def _label(given: object) -> float:
    if isinstance(given, dict):
        return float(max(given, key=lambda label: given[label])) if given else -1.0
    assert isinstance(given, int | float)
    return float(given)


def as_labels(predictions: object) -> Predictions:
    """Vowpal Wabbit's probability as a label, its classes counted from 0."""
    assert isinstance(predictions, list)
    yes, band, value = predictions
    return [[given > 0.5 for given in yes], [given - 1 for given in band], value]


# Always the most frequent label: accuracies of 0.50 and 0.33; always the mean: R2 of 0.
@pytest.mark.parametrize("name", [LINEAR, TREE, pytest.param(FOREST, marks=pytest.mark.slow)])
def test_rivers_peers_learn(name: str, stream: tuple[Ops, Floats]) -> None:
    yes, band, r2 = scores(outcome(river(*stream), name), stream[1])
    assert yes > 0.7
    assert band > 0.45
    assert r2 > 0.25


@pytest.mark.parametrize("name", [TEXT, EXAMPLES])
def test_vowpal_wabbit_learns(name: str, wabbits: Iterator[Peer], stream: tuple[Ops, Floats]) -> None:
    yes, band, r2 = scores(as_labels(outcome(wabbits, name)), stream[1])
    assert yes > 0.7
    assert band > 0.45
    assert r2 > 0.25


def test_one_call_of_vowpal_wabbit_predicts_before_it_learns(
    wabbits: Iterator[Peer], stream: tuple[Ops, Floats]
) -> None:
    predictions = outcome(wabbits, TEXT)
    assert isinstance(predictions, list)
    texts = learner_peers._texts(*stream, N_EVENTS)
    for settings, lines, of_task in zip(learner_peers.VOWPAL_WABBIT, texts, predictions, strict=True):
        model = learner_peers._workspace(settings)
        for line, given in zip(lines, of_task, strict=True):
            unlabelled = line[line.index("|") :]
            assert model.predict(unlabelled) == given
            model.learn(line)


def test_examples_made_beforehand_are_learned_as_the_same_text(stream: tuple[Ops, Floats]) -> None:
    pytest.importorskip("vowpalwabbit", reason="needs the extra `peers`")
    parsed, made = outcome(vowpal_wabbit(*stream), TEXT), outcome(vowpal_wabbit(*stream), EXAMPLES)
    assert isinstance(parsed, list)
    assert isinstance(made, list)
    assert [of_task[:N_EVENTS] for of_task in made] == parsed


@pytest.mark.parametrize("name", [TEXT_FILES, CACHES])
def test_files_are_predicted_and_learned_as_the_same_text(name: str, stream: tuple[Ops, Floats]) -> None:
    pytest.importorskip("vowpalwabbit", reason="needs the extra `peers`")
    predictions = outcome(vowpal_wabbit(*stream), TEXT)
    yes_R, band_R, value_R = stream[1].T
    assert isinstance(predictions, list)
    probability, band, value = predictions
    logistic = np.mean([-log(p if yes else 1.0 - p) for p, yes in zip(probability, yes_R, strict=True)])
    wrong, squared = np.mean(np.array(band) - 1 != band_R), np.mean(np.square(np.array(value) - value_R))
    assert outcome(vowpal_wabbit(*stream), name) == pytest.approx([logistic, wrong, squared], rel=1e-4)


def test_what_is_not_installed_is_left_out_with_the_extra_to_install(
    stream: tuple[Ops, Floats], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(learner_peers, "find_spec", lambda _: None)
    assert all(name.startswith("river") for name, _, _ in peers(*stream))
    assert "streammtl[peers]" in capsys.readouterr().out
