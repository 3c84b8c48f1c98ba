"""Other learners on the synthetic stream of `benchmarks.learner`: River and Vowpal Wabbit, one model per task.

    python -m benchmarks.learner_peers [--events 50000]

The tasks are, in this order, binary, multiclass and regression. Every peer predicts an event and then learns its label
at once, and hands over its predictions. What a peer takes is made before the clock starts, except where its name says
that text is parsed or a file is read. Where there was a choice it is the faster one for the peer:

- River's trees get the categories as numbers. As text, each value of the larger one opens a branch of its own: ten
  times slower, and hardly better than chance. One-hot columns score alike and are slower.
- Vowpal Wabbit's `learn` leaves in the example the prediction that it made before the update, so one call does both.
  It is called on the compiled class: the checks of the Python class around it take longer than the learning.
- Vowpal Wabbit gives a class, not probabilities, for the multiclass task (`--probabilities` costs a fifth more there).
- An example of Vowpal Wabbit takes 30 kB. Those made beforehand are few and come round again, or the memory of the
  machine is what is measured.
- Vowpal Wabbit reading a file does not leave the compiled code for any event; its parser has a thread of its own,
  whose processor time counts. It keeps the losses of its predictions only: writing them down would double the time. Its
  cache is a binary file that it has written before.

deep-river is not among the peers: its newest release, 0.3.4, needs river below 0.26 and torch below 2.6.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any, TypeAlias

from benchmarks.river_peers import linear_scaled_target
from streammtl.types import Floats, Ops

#: How many events of the stream a peer sees, so that a run takes seconds at most for all but the forests.
N_LINEAR, N_TREE, N_FOREST, N_TEXT = 5000, 4000, 2000, 50_000
#: Examples that are made beforehand, and how often they are gone through.
N_EXAMPLES, N_LAPS = 1000, 20

KINDS = ("binary", "multiclass", "regression")

#: By task. Without bounds of its own, a regression is clipped to the labels that have been parsed, examples made
#: beforehand included.
VOWPAL_WABBIT = (
    "--quiet --loss_function logistic --link logistic",
    "--quiet --oaa 4",
    "--quiet --min_prediction -1e6 --max_prediction 1e6",
)

#: By task and event, as the peer gives them: a mapping of probabilities, a probability, a class or a number.
Predictions: TypeAlias = list[list[Any]]

#: A name, what runs it, and the number of events that one run handles. A new model learns in each run of River's and
#: of those that read text; examples belong to their model, so those made beforehand are learned on.
Peer: TypeAlias = tuple[str, Callable[[], object], int]


def peers(ops: Ops, labels_RT: Floats) -> Iterator[Peer]:
    """Each peer in turn; run one before taking the next, since files are removed then.

    A peer that is not installed is left out, with a line that says what to install.
    """
    yield from river(ops, labels_RT)
    if find_spec("vowpalwabbit") is None:
        print("vowpal wabbit is left out: install the extra `peers` (pip install 'streammtl[peers]')")
        return
    yield from vowpal_wabbit(ops, labels_RT)


def river(ops: Ops, labels_RT: Floats) -> Iterator[Peer]:
    """Linear pipelines, adaptive trees and adaptive forests, with River's default settings."""
    for name, make, categories, n_most in (
        ("river, three linear pipelines", linear_scaled_target, str, N_LINEAR),
        ("river, three Hoeffding adaptive trees", adaptive_tree, float, N_TREE),
        ("river, three adaptive random forests", adaptive_random_forest, float, N_FOREST),
    ):
        n_events = min(len(labels_RT), n_most)
        events = _dictionaries(ops, n_events, categories)
        labels = [(label[0] > 0.5, int(label[1]), label[2]) for label in labels_RT[:n_events].tolist()]
        yield name, partial(_run_river, make, events, labels), n_events


def adaptive_tree(kind: str) -> Any:
    """A Hoeffding adaptive tree; the regressor's leaves hold linear models, so it gets standardised numbers."""
    from river import preprocessing, tree

    if kind != "regression":
        return tree.HoeffdingAdaptiveTreeClassifier(seed=0)
    return preprocessing.StandardScaler() | tree.HoeffdingAdaptiveTreeRegressor(seed=0)


def adaptive_random_forest(kind: str) -> Any:
    """Ten Hoeffding trees with drift detectors; features as for `adaptive_tree`."""
    from river import forest, preprocessing

    if kind != "regression":
        return forest.ARFClassifier(seed=0)
    return preprocessing.StandardScaler() | forest.ARFRegressor(seed=0)


def _dictionaries(ops: Ops, n_events: int, category: Callable[[int], str | float]) -> list[dict[str, str | float]]:
    names = [f"x{i}" for i in range(ops.dense_RD.shape[1])]
    rows = zip(ops.dense_RD[:n_events].astype(float).tolist(), ops.category_RC[:n_events].tolist(), strict=True)
    return [
        {**dict(zip(names, dense, strict=True)), "merchant": category(merchant), "country": category(country)}
        for dense, (merchant, country) in rows
    ]


def _run_river(
    make: Callable[[str], Any], events: list[dict[str, str | float]], labels: list[tuple[bool, int, float]]
) -> Predictions:
    predictions: Predictions = []
    for t, kind in enumerate(KINDS):
        model, seen = make(kind), []
        predict = model.predict_one if kind == "regression" else model.predict_proba_one
        for event, label in zip(events, labels, strict=True):
            seen.append(predict(event))
            model.learn_one(event, label[t])
        predictions.append(seen)
    return predictions


def vowpal_wabbit(ops: Ops, labels_RT: Floats) -> Iterator[Peer]:
    """Three linear models, with Vowpal Wabbit's default settings for each loss, fed in four ways."""
    texts = _texts(ops, labels_RT, min(len(labels_RT), N_TEXT))
    n_events, n_examples = len(texts[0]), min(len(labels_RT), N_EXAMPLES)
    yield "vowpal wabbit, three linear models, parsing text", partial(_parse_and_learn, texts), n_events
    models = [_workspace(settings) for settings in VOWPAL_WABBIT]
    examples = [[model.parse(line) for line in lines[:n_examples]] for model, lines in zip(models, texts, strict=True)]
    name = "vowpal wabbit, three, examples made beforehand"
    yield name, partial(_learn, models, examples), N_LAPS * n_examples
    with tempfile.TemporaryDirectory() as folder:
        from_text, from_cache = [], []
        for kind, settings, lines in zip(KINDS, VOWPAL_WABBIT, texts, strict=True):
            path = Path(folder, f"{kind}.txt")
            path.write_text("\n".join(lines) + "\n")
            from_text.append(f"{settings} --data {path}")
            from_cache.append(f"{from_text[-1]} --cache_file {path.with_suffix('.cache')}")
        _read_files(from_cache)  # writes the caches
        yield "vowpal wabbit, three, text files", partial(_read_files, from_text), n_events
        yield "vowpal wabbit, three, its binary caches", partial(_read_files, from_cache), n_events


def _texts(ops: Ops, labels_RT: Floats, n_events: int) -> list[list[str]]:
    """By task, a line per event: the label, then numbers in full and categories as text."""
    features = [
        " ".join(f"x{i}:{value}" for i, value in enumerate(dense_D)) + f" merchant={codes[0]} country={codes[1]}"
        for dense_D, codes in zip(ops.dense_RD[:n_events], ops.category_RC[:n_events].tolist(), strict=True)
    ]
    labels = labels_RT[:n_events].tolist()
    return [
        [f"{1 if label[0] > 0.5 else -1} | {line}" for label, line in zip(labels, features, strict=True)],
        [f"{int(label[1]) + 1} | {line}" for label, line in zip(labels, features, strict=True)],
        [f"{label[2]!r} | {line}" for label, line in zip(labels, features, strict=True)],
    ]


def _workspace(settings: str) -> Any:
    return import_module("vowpalwabbit").Workspace(settings)


def _prediction(kind: str) -> Any:
    """What reads from an example the prediction that `learn` left in it."""
    example = import_module("pylibvw").example
    return example.get_multiclass_prediction if kind == "multiclass" else example.get_simplelabel_prediction


def _parse_and_learn(texts: list[list[str]]) -> Predictions:
    binding = import_module("pylibvw").vw
    parse, learn, finish = binding._parse, binding.learn, binding._finish_example
    predictions: Predictions = []
    for kind, settings, lines in zip(KINDS, VOWPAL_WABBIT, texts, strict=True):
        model, prediction, seen = _workspace(settings), _prediction(kind), []
        for line in lines:
            example = parse(model, line)[0]
            learn(model, example)
            seen.append(prediction(example))
            finish(model, example)
        predictions.append(seen)
    return predictions


def _learn(models: list[Any], examples: list[list[Any]]) -> Predictions:
    learn = import_module("pylibvw").vw.learn
    predictions: Predictions = []
    for kind, model, of_task in zip(KINDS, models, examples, strict=True):
        prediction, seen = _prediction(kind), []
        for _ in range(N_LAPS):
            for example in of_task:
                learn(model, example)
                seen.append(prediction(example))
        predictions.append(seen)
    return predictions


def _read_files(settings_by_task: list[str]) -> list[float]:
    """By task, the mean loss of the predictions before each update: logistic, zero or one, squared."""
    losses = []
    for settings in settings_by_task:
        model = _workspace(settings)
        model.finish()
        losses.append(model.get_sum_loss() / model.get_weighted_examples())
    return losses


def seconds(run: Callable[[], object]) -> float:
    """Processor time of a run, all threads together."""
    start_s = time.process_time()
    run()
    return time.process_time() - start_s


def main() -> None:
    """Print a table: the median of three runs."""
    from benchmarks.learner import events

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--events", type=int, default=50_000)
    ops, labels_RT = events(parser.parse_args().events)
    print(f"{'peer':52}{'events/s':>12}")
    for name, run, n_events in peers(ops, labels_RT):
        print(f"{name:52}{n_events / median(seconds(run) for _ in range(3)):12,.0f}", flush=True)


if __name__ == "__main__":
    main()
