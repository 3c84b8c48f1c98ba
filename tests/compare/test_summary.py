from __future__ import annotations

import math

import numpy as np
import pytest

from streammtl.compare.markdown import to_markdown
from streammtl.compare.method import method
from streammtl.compare.results import assemble
from streammtl.compare.summary import Summary, summarise
from tests.compare.small import document, results_of

EQUAL = {"power": {"y": [0.5, 0.6, 0.7, 0.5, 0.6], "z": [0.1, 0.2, 0.1, 0.2, 0.1]}}
BETTER_ON_Y = {"power": {"y": [0.6, 0.71, 0.8, 0.61, 0.7], "z": [0.2, 0.1, 0.1, 0.1, 0.2]}}


def rows(summary: Summary) -> list[str]:
    return to_markdown(summary, method(summary, has_world=False)).splitlines()


def test_a_sentence_counts_where_a_variant_is_better() -> None:
    summary = summarise(results_of({"equal": EQUAL, "famo": BETTER_ON_Y}))
    assert (
        summary.sentences["famo"] == "famo is better than equal on 1 of 2 tasks, worse on none, the rest within noise."
    )


def test_identical_variants_have_the_same_scores_and_rank() -> None:
    summary = summarise(results_of({"equal": EQUAL, "same": EQUAL, "again": EQUAL}))
    assert summary.sentences["same"] == "same has the same scores as equal on all 2 tasks."
    assert summary.overall == "All learners have the same mean rank."
    assert summary.rank_V.tolist() == [2.0, 2.0, 2.0]


def test_noise_is_called_noise() -> None:
    rng = np.random.default_rng(5)
    tasks = [f"t{i}" for i in range(6)]
    drawn = {name: {"power": {task: (0.5 + 0.01 * rng.normal(size=5)).tolist() for task in tasks}} for name in "abc"}
    summary = summarise(results_of(drawn))
    assert "do not differ" in summary.overall
    assert "within noise" in summary.overall
    assert summary.sentences["b"] == "b does not differ from a on any of 6 tasks: the differences are within noise."


def test_with_few_seeds_nothing_is_claimed() -> None:
    few = {name: {"power": {"y": [score] * 2}} for name, score in (("a", 0.1), ("b", 0.9), ("c", 0.5))}
    summary = summarise(results_of(few))
    assert "fewer than 5 seeds nothing is said" in summary.overall
    assert "nothing is said about noise" in summary.sentences["b"]
    assert "| b | 1.00 | 1.00 | - | - | - |  |" in rows(summary)


def test_the_best_is_bold_and_what_diverged_says_so() -> None:
    scores = {"equal": {"power": {"y": [0.75, 0.85]}}, "linear": {"power": {"y": [-900.0, -900.0]}}}
    found = rows(summarise(results_of(scores, peers=["linear"])))
    assert "| stream | task | score | no-change rule | equal | linear |" in found
    assert "| power | y | r2 | 0.250 | **0.800 ± 0.071** | diverged |" in found


def test_further_scores_have_rows_of_their_own() -> None:
    assert "| power | y | mae | 2.000 | **1.000** | **1.000** |" in rows(
        summarise(results_of({"a": EQUAL, "b": EQUAL}))
    )


def test_a_prediction_that_was_not_finite_diverged() -> None:
    documents = {("a", "power", 0): document({"y": 0.5}), ("b", "power", 0): document({"y": 0.9}, unscored=3)}
    summary = summarise(assemble(documents, {}, ["a", "b"], [], ["power"], "a", 1))
    assert summary.is_diverged_VP.tolist() == [[False], [True]]
    assert summary.rank_V.tolist() == [1.0, 2.0]


def test_a_failed_run_is_a_row_and_the_others_stay() -> None:
    errors = {("famo", "power", 1): "ValueError: no"}
    results = results_of({"equal": EQUAL, "famo": BETTER_ON_Y}, errors=errors)
    summary = summarise(results)
    assert "| power | famo | 1 | ValueError: no |" in rows(summary)
    assert summary.mean_VP[1, 0] == pytest.approx(np.mean([0.6, 0.8, 0.61, 0.7]))


def test_a_learner_without_any_run_on_a_stream_is_not_ranked() -> None:
    errors = {("famo", "power", seed): "no" for seed in range(5)}
    summary = summarise(results_of({"equal": EQUAL, "famo": BETTER_ON_Y}, errors=errors))
    assert math.isnan(summary.rank_V[1])
    assert summary.sentences["famo"].startswith("famo cannot be compared with equal")


def test_the_time_is_the_least_of_the_seeds() -> None:
    documents = {("a", "power", seed): document({"y": 0.5}, processor_s=s) for seed, s in enumerate((0.03, 0.01, 0.02))}
    results = assemble(documents, {}, ["a"], [], ["power"], "a", 3)
    assert results.cost_us_VX.tolist() == [[pytest.approx(100.0)]]


def test_the_text_says_how_it_was_done() -> None:
    text = to_markdown(summarise(results_of({"equal": EQUAL})), method(summarise(results_of({"equal": EQUAL})), True))
    assert "Tasks of one stream are not" in text
    assert "drawn anew with each seed" in text
