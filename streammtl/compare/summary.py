"""What a comparison came to: all that tables, page and JSON show, computed once.

Shape suffixes: V learners, P places (a task of a stream), X streams.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from streammtl.compare.results import Results
from streammtl.compare.sentences import about_learner, about_ranks
from streammtl.compare.statistics import (
    Difference,
    Interval,
    RankTest,
    differences,
    mean_merit,
    mean_over_places,
    rank_test,
    ranks,
    spread,
)
from streammtl.types import Bools, Floats


@dataclass(frozen=True, slots=True)
class Summary:
    """Means, ranks, differences from the reference, and what they mean in words."""

    results: Results
    mean_VP: Floats  # of the score over seeds; NaN: none, or diverged in some seed
    spread_VP: Floats
    is_diverged_VP: Bools  # in some seed
    best_VP: Bools  # of those at a place; of equals all
    rank_VX: Floats  # mean over the tasks of a stream
    rank_V: Floats  # mean over all tasks
    test: RankTest | None
    differences: Mapping[str, Sequence[Difference]]  # by learner, one per place; without the reference
    intervals: Mapping[str, Interval | None]  # of the mean difference over places
    sentences: Mapping[str, str]  # by learner
    overall: str

    @property
    def order(self) -> list[int]:
        """The learners from the best mean rank to the worst; those without a rank last, in their order."""
        return sorted(range(len(self.rank_V)), key=lambda v: (np.isnan(self.rank_V[v]), self.rank_V[v], v))


def summarise(results: Results) -> Summary:
    """Work out everything that is shown."""
    merit_VPS = results.merit_VPS
    merit_VP = mean_merit(merit_VPS)
    rank_VP = ranks(merit_VP)
    n_seeds = len(results.seeds)
    test = rank_test(rank_VP) if merit_VP.shape[1] else None
    reference = results.learners.index(results.reference)
    by_learner = {
        name: differences(merit_VPS[v], merit_VPS[reference])
        for v, name in enumerate(results.learners)
        if v != reference
    }
    is_diverged_VP: Bools = np.any(results.is_diverged_VPS, axis=2)
    score_VPS = np.where(results.is_diverged_VPS, np.nan, results.score_VPS)
    mean_VP = np.where(is_diverged_VP, np.nan, mean_merit(score_VPS))
    rank_V = _mean_of_known(rank_VP)
    stream_P = np.array(results.stream_P, dtype=np.int64)
    return Summary(
        results=results,
        mean_VP=mean_VP,
        spread_VP=np.where(is_diverged_VP, np.nan, spread(score_VPS)),
        is_diverged_VP=is_diverged_VP,
        best_VP=_best(merit_VP),
        rank_VX=np.column_stack([_mean_of_known(rank_VP[:, stream_P == x]) for x in range(len(results.streams))]),
        rank_V=rank_V,
        test=test,
        differences=by_learner,
        intervals={name: mean_over_places(found) for name, found in by_learner.items()},
        sentences={name: about_learner(name, results.reference, found) for name, found in by_learner.items()},
        overall=about_ranks(results.learners, rank_V, test, n_seeds),
    )


def _mean_of_known(rank_VP: Floats) -> Floats:
    known_VP = ~np.isnan(rank_VP)
    n_V = known_VP.sum(axis=1)
    return np.where(n_V > 0, np.where(known_VP, rank_VP, 0.0).sum(axis=1) / np.maximum(n_V, 1), np.nan)


def _best(merit_VP: Floats) -> Bools:
    known_VP = np.where(np.isfinite(merit_VP), merit_VP, -np.inf)
    best_VP: Bools = np.isfinite(merit_VP) & (known_VP >= known_VP.max(axis=0, initial=-np.inf))
    return best_VP
