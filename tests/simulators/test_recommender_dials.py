"""`relatedness` says how much the tasks share and leaves each as hard as it was; `conflict` what they want of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from streammtl_simulators.recommender.catalogue import draw_catalogue
from streammtl_simulators.recommender.tastes import (
    CLICK,
    LIKE,
    PURCHASE,
    RATING,
    TASKS,
    WATCH,
    draw_tastes,
    task_weights,
)

from streammtl.config import RunConfig
from streammtl.run.replay import replay, world_config
from streammtl.types import Floats
from tests.simulators.recommender_stream import build, read

N = 30_000
DIALS = [(0.0, 0.0), (0.5, 0.0), (1.0, 0.0), (1.0, 0.5), (1.0, 1.0)]


def scores(relatedness: float, conflict: float, seed: int = 0) -> Floats:
    """Scores of all tasks for impressions before any drift, `(N, T)`."""
    catalogue = draw_catalogue(seed, 2000, 1500)
    rng = np.random.default_rng(0)
    user_E = rng.choice(2000, N, p=catalogue.activity_U)
    item_E = rng.choice(catalogue.n_items, N, p=catalogue.popularity_I)
    tastes = draw_tastes(seed, catalogue, relatedness, conflict)
    return tastes.scores(catalogue.segment_U[user_E], user_E, item_E, np.zeros(N), np.zeros(N, dtype=np.bool_))


def correlations(score_ET: Floats) -> Floats:
    unit_ET = (score_ET - score_ET.mean(axis=0)) / score_ET.std(axis=0)
    correlation_TT: Floats = unit_ET.T @ unit_ET / len(unit_ET)
    return correlation_TT


@pytest.mark.parametrize("seed", [0, 1])
def test_unrelated_tasks_depend_on_nothing_in_common(seed: int) -> None:
    correlation_TT = correlations(scores(0.0, 0.0, seed))
    assert np.abs(correlation_TT - np.eye(len(TASKS))).max() < 0.15


@pytest.mark.parametrize("seed", [0, 1])
def test_related_tasks_want_nearly_the_same(seed: int) -> None:
    assert correlations(scores(1.0, 0.0, seed)).min() > 0.85


def test_half_related_tasks_lie_between() -> None:
    correlation_TT = correlations(scores(0.5, 0.0))
    assert 0.35 < correlation_TT[~np.eye(len(TASKS), dtype=np.bool_)].mean() < 0.65


@pytest.mark.parametrize(("conflict", "expected"), [(0.0, 1.0), (0.5, 0.0), (1.0, -1.0)])
def test_conflict_turns_satisfaction_away_from_clicks(conflict: float, expected: float) -> None:
    correlation_TT = correlations(scores(1.0, conflict))
    for task in (LIKE, RATING):
        # Each task weighs things a little in its own way besides: by up to 0.3 of a radian.
        assert correlation_TT[CLICK, task] == pytest.approx(expected, abs=0.4)
    for task in (WATCH, PURCHASE):
        assert correlation_TT[CLICK, task] > 0.85


@pytest.mark.parametrize("conflict", [0.0, 0.3, 1.0])
def test_weights_have_length_one(conflict: float) -> None:
    np.testing.assert_allclose(np.square(task_weights(conflict)).sum(axis=1), 1.0, rtol=1e-12)


@pytest.mark.parametrize(("relatedness", "conflict"), DIALS)
def test_every_score_has_mean_zero_and_variance_one_where_it_is_asked_for(relatedness: float, conflict: float) -> None:
    score_ET = scores(relatedness, conflict)
    for task in (CLICK, PURCHASE):
        assert score_ET[:, task].mean() == pytest.approx(0.0, abs=0.03)
        assert score_ET[:, task].std() == pytest.approx(1.0, abs=0.03)


def best(**settings: Any) -> dict[str, float]:
    """The main score of each task, of a stationary world."""
    world_scores = build(events=25_000, drift=False, **settings).best_scores()
    of_task = {"click": "auc", "like": "auc", "watch_min": "r2", "rating": "log_loss", "purchase": "auc"}
    return {task: world_scores[task][score] for task, score in of_task.items()}


@pytest.mark.slow(seconds=3)
def test_each_task_by_itself_is_as_hard_whatever_the_dials() -> None:
    found = [best(relatedness=relatedness, conflict=conflict) for relatedness, conflict in DIALS[::2]]
    # Scarce ratings make their score uncertain by a few percent of itself.
    tolerance = {"click": 0.025, "like": 0.04, "watch_min": 0.06, "rating": 0.12, "purchase": 0.03}
    for task, allowed in tolerance.items():
        values = [of_dials[task] for of_dials in found]
        assert max(values) - min(values) < 2 * allowed, (task, values)


def test_labels_are_as_frequent_whatever_the_dials() -> None:
    streams = [read(build(events=12_000, drift=False, relatedness=r, conflict=c)) for r, c in DIALS[::2]]
    for task, allowed in {"click": 0.03, "like": 0.07, "rating": 0.4, "purchase": 0.01}.items():
        means = [np.nanmean(stream.labels[task]) for stream in streams]
        assert max(means) - min(means) < allowed, (task, means)


def losses(relatedness: float, tasks: Sequence[str]) -> dict[str, float]:
    """The loss of each task over a whole stream, learned by one network for all of these tasks."""
    configuration = world_config("recommender")
    configuration["source"]["world"] |= {"events": 60_000, "drift": False, "relatedness": relatedness}
    configuration["tasks"] = {task: configuration["tasks"][task] for task in tasks}
    configuration["model"] = {"kind": "mlp", "experts": [{"kind": "network", "optimizer": {"kind": "factored"}}]}
    reports = replay(RunConfig.model_validate(configuration)).tasks
    return {task: reports[task].scores["poisson_deviance" if task == "watch_min" else "log_loss"] for task in tasks}


@pytest.mark.slow
def test_sharing_saves_losses_where_tasks_are_related_and_costs_some_where_they_are_not() -> None:
    scarce = ("like", "watch_min", "rating")
    for relatedness in (0.0, 1.0):
        shared = losses(relatedness, TASKS)
        saved = [1.0 - shared[task] / losses(relatedness, [task])[task] for task in scarce]
        if relatedness == 0.0:
            assert max(saved) < 0.02
        else:
            assert min(saved) > 0.03


def test_dials_leave_what_is_shown_alone() -> None:
    plain, other = read(build(events=3000)), read(build(events=3000, relatedness=0.2, conflict=1.0))
    of_clicks = ("clicks_24h", "click_rate_7d")
    for left, right in zip(plain.events, other.events, strict=True):
        assert all(left[field] == right[field] for field in left if field not in of_clicks)


def test_conflict_leaves_the_clicks_alone() -> None:
    plain, other = (read(build(events=3000, conflict=conflict)) for conflict in (0.0, 1.0))
    np.testing.assert_array_equal(plain.labels["click"], other.labels["click"])
    np.testing.assert_array_equal(plain.labels["watch_min"], other.labels["watch_min"])
    assert (plain.best_EO[:, 1] != other.best_EO[:, 1]).all()


def test_conflict_over_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="conflict has no effect with relatedness: 0"):
        build(relatedness=0.0, conflict=0.5)
