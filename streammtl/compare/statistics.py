"""What may be said about differences between learners, and how sure one can be of it. All tests are scipy's.

Shape suffixes: V learners, P places (a task of a stream), S seeds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from streammtl.seeds import named_rng
from streammtl.types import Bools, Floats

#: With fewer seeds, nothing is said about significance.
MIN_SEEDS = 5
#: With fewer tasks, a mean over tasks gets no interval.
MIN_PLACES = 5
#: The level of all tests; intervals have one minus this confidence.
LEVEL = 0.05
#: Scores that differ by less are the same: what is left of sums in another order.
SAME = 1e-12

Verdict = Literal["better", "worse", "noise", "unclaimed"]


@dataclass(frozen=True, slots=True)
class Difference:
    """How much larger the merit of a learner is than that of the reference at one place, paired over seeds."""

    mean: float  # infinite where one of the two diverged; NaN: no seed in which both finished
    low: float  # the interval of the mean; NaN: not enough seeds
    high: float
    p: float  # of the paired t-test; NaN: not enough seeds
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class RankTest:
    """Whether the mean ranks of learners differ by more than chance would make them."""

    n_places: int
    p: float  # of Friedman's test
    critical_difference: float  # of Nemenyi's: mean ranks that differ by less are not told apart


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over places, and its bootstrap interval."""

    mean: float
    low: float
    high: float


def mean_merit(merit_VPS: Floats) -> Floats:
    """The mean over the seeds that finished, `(V, P)`; minus infinity where one diverged, NaN where none finished."""
    is_known_VPS = ~np.isnan(merit_VPS)
    n_VP = is_known_VPS.sum(axis=2)
    with np.errstate(invalid="ignore"):
        total_VP = np.where(is_known_VPS, merit_VPS, 0.0).sum(axis=2)
    return np.where(n_VP > 0, total_VP / np.maximum(n_VP, 1), np.nan)


def spread(score_VPS: Floats) -> Floats:
    """The standard deviation over seeds, `(V, P)`, of a sample (n - 1); NaN where fewer than two finished."""
    spread_VP = np.full(score_VPS.shape[:2], np.nan)
    for v, p in np.ndindex(spread_VP.shape):
        known = score_VPS[v, p][np.isfinite(score_VPS[v, p])]
        if len(known) > 1:
            spread_VP[v, p] = known.std(ddof=1)
    return spread_VP


def ranks(merit_VP: Floats) -> Floats:
    """The rank of each learner at each place, 1 for the best; learners of the same merit share the mean of their ranks.

    A learner without a merit at some place has no rank anywhere (NaN), and places where no learner has one have none.
    """
    from scipy import stats

    rank_VP = np.full(merit_VP.shape, np.nan)
    shown_P = ~np.isnan(merit_VP).all(axis=0)
    ranked_V = shown_P.any() & ~np.isnan(merit_VP[:, shown_P]).any(axis=1)
    if ranked_V.any():
        rounded = np.round(merit_VP[np.ix_(ranked_V, shown_P)], 12)
        rank_VP[np.ix_(ranked_V, shown_P)] = stats.rankdata(-rounded, axis=0)
    return rank_VP


def rank_test(rank_VP: Floats) -> RankTest | None:
    """Friedman's test over the places, and Nemenyi's critical difference; None for fewer than three learners or places.

    The critical difference of k learners on n places is `q / sqrt(2) sqrt(k (k + 1) / (6 n))`, with q the studentised
    range of k means (Demsar, Statistical comparisons of classifiers over multiple data sets, JMLR 7, 2006, section
    3.2.2).
    """
    from scipy import stats

    ranked = rank_VP[~np.isnan(rank_VP).all(axis=1)]
    ranked = ranked[:, ~np.isnan(ranked).any(axis=0)]
    k, n = ranked.shape
    if k < 3 or n < 3:
        return None
    # Where all ranks are the same, the statistic is 0 / 0: there is nothing to be told apart.
    p = 1.0 if (ranked == ranked[:1]).all() else float(stats.friedmanchisquare(*ranked).pvalue)
    q = float(stats.studentized_range.ppf(1.0 - LEVEL, k, np.inf))
    return RankTest(n, p, q / math.sqrt(2.0) * math.sqrt(k * (k + 1) / (6.0 * n)))


def differences(merit_PS: Floats, reference_PS: Floats) -> list[Difference]:
    """The learner against the reference, place by place, paired over seeds.

    A place is better or worse where the paired t-test rejects equality at 5 %, after the false discovery rate over the
    places was controlled (Benjamini and Hochberg, JRSS B 57, 1995). Five values are too few for a bootstrap: its
    intervals would be too narrow; so the interval is that of the t-distribution.
    """
    from scipy import stats

    found = [_difference(*_paired(mine, theirs)) for mine, theirs in zip(merit_PS, reference_PS, strict=True)]
    tested = [i for i, difference in enumerate(found) if not math.isnan(difference.p)]
    if tested:
        adjusted = stats.false_discovery_control([found[i].p for i in tested])
        for i, p in zip(tested, adjusted, strict=True):
            better: Verdict = "better" if found[i].mean > 0 else "worse"
            given = found[i]
            found[i] = Difference(given.mean, given.low, given.high, given.p, better if p <= LEVEL else "noise")
    return found


def _paired(mine_S: Floats, theirs_S: Floats) -> tuple[Floats, Floats]:
    both_S = ~(np.isnan(mine_S) | np.isnan(theirs_S))
    return mine_S[both_S], theirs_S[both_S]


def _difference(mine_S: Floats, theirs_S: Floats) -> Difference:
    from scipy import stats

    n, nothing = len(mine_S), math.nan
    if n == 0:
        return Difference(nothing, nothing, nothing, nothing, "unclaimed")
    if np.isinf(mine_S).any() or np.isinf(theirs_S).any():
        return _of_diverged(np.isinf(mine_S), np.isinf(theirs_S))
    difference_S = mine_S - theirs_S
    mean = float(difference_S.mean())
    if n < MIN_SEEDS:
        return Difference(0.0 if abs(mean) <= SAME else mean, nothing, nothing, nothing, "unclaimed")
    if (np.abs(difference_S - mean) <= SAME).all():
        # The same in every seed: no chance is at work.
        mean = 0.0 if abs(mean) <= SAME else mean
        return Difference(mean, mean, mean, 1.0 if mean == 0.0 else 0.0, "noise")
    test = stats.ttest_rel(mine_S, theirs_S)
    interval = test.confidence_interval(1.0 - LEVEL)
    return Difference(mean, float(interval.low), float(interval.high), float(test.pvalue), "noise")


def _of_diverged(mine_S: Bools, theirs_S: Bools) -> Difference:
    """Who diverges in every seed, and the other in none, is worse; anything else is noise."""
    n_mine, n_theirs = int(mine_S.sum()), int(theirs_S.sum())
    mean = 0.0 if n_mine == n_theirs else -math.inf if n_mine > n_theirs else math.inf
    if len(mine_S) < MIN_SEEDS:
        return Difference(mean, math.nan, math.nan, math.nan, "unclaimed")
    is_clear = abs(n_mine - n_theirs) == len(mine_S)
    return Difference(mean, math.nan, math.nan, 0.0 if is_clear else 1.0, "noise")


def mean_over_places(differences_of: Sequence[Difference]) -> Interval | None:
    """The mean difference over places, with the bootstrap interval (BCa, 9,999 resamples) over places.

    Places where one of the two diverged are left out. None for fewer than five places.
    """
    from scipy import stats

    mean_P = np.array([d.mean for d in differences_of if math.isfinite(d.mean)])
    if len(mean_P) < MIN_PLACES:
        return None
    mean = float(mean_P.mean())
    if np.ptp(mean_P) <= SAME:
        return Interval(mean, mean, mean)
    found = stats.bootstrap((mean_P,), np.mean, random_state=named_rng(0, "compare", "bootstrap"))
    return Interval(mean, float(found.confidence_interval.low), float(found.confidence_interval.high))
