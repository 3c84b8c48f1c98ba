"""Against values worked out by hand, from Demsar's tables, or by scipy's other functions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from streammtl.compare.statistics import (
    Difference,
    differences,
    mean_merit,
    mean_over_places,
    rank_test,
    ranks,
    spread,
)

NAN, INF = math.nan, math.inf


def test_the_best_has_rank_1_and_equals_share_theirs() -> None:
    merit_VP = np.array([[0.9, 0.5], [0.7, 0.5], [0.8, 0.1]])
    np.testing.assert_array_equal(ranks(merit_VP), [[1.0, 1.5], [3.0, 1.5], [2.0, 3.0]])


def test_who_diverged_is_last() -> None:
    np.testing.assert_array_equal(ranks(np.array([[-INF], [-5.0]])), [[2.0], [1.0]])


def test_a_learner_without_a_score_somewhere_has_no_rank_and_takes_none() -> None:
    merit_VP = np.array([[0.9, NAN], [0.7, 0.5], [0.8, 0.1]])
    np.testing.assert_array_equal(ranks(merit_VP), [[NAN, NAN], [2.0, 1.0], [1.0, 2.0]])


def test_a_place_where_nobody_has_a_score_is_left_out() -> None:
    np.testing.assert_array_equal(ranks(np.array([[0.9, NAN], [0.7, NAN]])), [[1.0, NAN], [2.0, NAN]])


def test_friedman_and_the_critical_difference_are_those_of_the_textbook() -> None:
    # Demsar 2006, section 3.2.2: k = 4 learners, n = 14 data sets, q = 2.569: the critical difference is 1.25.
    rng = np.random.default_rng(0)
    rank_VP = ranks(rng.normal(size=(4, 14)))
    test = rank_test(rank_VP)
    assert test is not None
    assert test.n_places == 14
    assert test.critical_difference == pytest.approx(2.569 * math.sqrt(4 * 5 / (6 * 14)), abs=1e-3)
    mean_V = rank_VP.mean(axis=1)
    chi_square = 12 * 14 / (4 * 5) * ((mean_V**2).sum() - 4 * 5**2 / 4)
    assert test.p == pytest.approx(stats.chi2.sf(chi_square, 3))


def test_ranks_that_are_all_the_same_do_not_differ() -> None:
    test = rank_test(np.full((3, 5), 2.0))
    assert test is not None
    assert test.p == 1.0


@pytest.mark.parametrize("shape", [(2, 9), (4, 2)])
def test_too_few_learners_or_places_are_not_tested(shape: tuple[int, int]) -> None:
    assert rank_test(ranks(np.random.default_rng(0).normal(size=shape))) is None


def test_means_are_of_the_seeds_that_finished() -> None:
    merit_VPS = np.array([[[1.0, 3.0, NAN], [NAN, NAN, NAN], [1.0, -INF, 1.0]]])
    np.testing.assert_array_equal(mean_merit(merit_VPS), [[2.0, NAN, -INF]])
    np.testing.assert_allclose(spread(merit_VPS), [[math.sqrt(2.0), NAN, 0.0]])


def test_a_difference_has_the_interval_of_the_paired_t_test() -> None:
    mine, theirs = np.array([[0.52, 0.50, 0.55, 0.51, 0.57]]), np.array([[0.50, 0.49, 0.52, 0.50, 0.53]])
    (found,) = differences(mine, theirs)
    # Differences 0.02, 0.01, 0.03, 0.01, 0.04: mean 0.022, sample deviation sqrt(0.00017), t(4) at 97.5 % is 2.7764.
    assert found.mean == pytest.approx(0.022)
    half = 2.7764451 * math.sqrt(0.00017) / math.sqrt(5)
    assert (found.low, found.high) == pytest.approx((0.022 - half, 0.022 + half))
    assert found.p == pytest.approx(2 * stats.t.sf(0.022 / (math.sqrt(0.00017) / math.sqrt(5)), 4))
    assert found.verdict == "better"


def test_with_many_tasks_a_single_small_p_is_within_noise() -> None:
    mine_PS = np.zeros((20, 5))
    mine_PS[0] = [0.02, 0.01, 0.03, 0.01, 0.04]  # p = 0.02 alone
    mine_PS[1:] = np.random.default_rng(0).normal(size=(19, 5))
    theirs_PS = np.zeros((20, 5))
    found = differences(mine_PS, theirs_PS)
    assert found[0].p < 0.05
    adjusted = stats.false_discovery_control([one.p for one in found])
    assert [one.verdict == "noise" for one in found] == [p > 0.05 for p in adjusted]
    assert found[0].verdict == "noise"


def test_identical_scores_are_within_noise() -> None:
    (found,) = differences(np.full((1, 5), 0.7), np.full((1, 5), 0.7))
    assert found == Difference(0.0, 0.0, 0.0, 1.0, "noise")


def test_the_same_difference_in_every_seed_is_no_noise() -> None:
    (found,) = differences(np.full((1, 5), 0.8), np.full((1, 5), 0.7))
    assert found.verdict == "better"


def test_fewer_than_five_seeds_claim_nothing() -> None:
    (found,) = differences(np.full((1, 4), 0.8), np.full((1, 4), 0.1))
    assert found.mean == pytest.approx(0.7)
    assert found.verdict == "unclaimed"
    assert math.isnan(found.p)


def test_seeds_in_which_one_of_the_two_failed_are_left_out() -> None:
    mine, theirs = np.array([[0.5, NAN, 0.5, 0.5, 0.5, 0.5]]), np.array([[0.4, 0.9, 0.4, NAN, 0.4, 0.4]])
    (found,) = differences(mine, theirs)
    assert found.mean == pytest.approx(0.1)
    assert found.verdict == "unclaimed"  # four pairs are left


def test_who_diverges_in_every_seed_is_worse_and_in_some_seeds_within_noise() -> None:
    fine = np.full(5, 0.5)
    always, once = np.full(5, -INF), np.array([0.5, -INF, 0.5, 0.5, 0.5])
    found = differences(np.array([always, once, always]), np.array([fine, fine, always]))
    assert [one.verdict for one in found] == ["worse", "noise", "noise"]
    assert [one.mean for one in found] == [-INF, -INF, 0.0]


def test_the_mean_over_tasks_has_a_bootstrap_interval_around_it() -> None:
    means = [0.01, 0.02, 0.0, 0.03, -0.01, 0.02]
    interval = mean_over_places([Difference(mean, NAN, NAN, NAN, "noise") for mean in means])
    assert interval is not None
    assert interval.mean == pytest.approx(np.mean(means))
    assert -0.01 < interval.low < interval.mean < interval.high < 0.03
    plain = stats.bootstrap((np.array(means),), np.mean, random_state=np.random.default_rng(1)).confidence_interval
    assert (interval.low, interval.high) == pytest.approx((plain.low, plain.high), abs=0.002)


def test_too_few_tasks_or_none_that_differ_give_no_made_up_interval() -> None:
    one = Difference(0.1, NAN, NAN, NAN, "noise")
    assert mean_over_places([one] * 4) is None
    interval = mean_over_places([one] * 5)
    assert interval is not None
    assert interval.low == interval.high == pytest.approx(0.1)
