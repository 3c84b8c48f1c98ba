"""What a comparison came to, in plain words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from streammtl.compare.statistics import LEVEL, MIN_SEEDS, Difference, RankTest
from streammtl.types import Floats


def about_learner(name: str, reference: str, differences: Sequence[Difference]) -> str:
    """How a learner does against the reference over all tasks.

    >>> noise = Difference(0.001, -0.02, 0.03, 0.8, "noise")
    >>> about_learner("famo", "equal", [noise, Difference(0.1, 0.05, 0.15, 0.001, "better")])
    'famo is better than equal on 1 of 2 tasks, worse on none, the rest within noise.'
    """
    known = [d for d in differences if not math.isnan(d.mean)]
    if not known:
        return f"{name} cannot be compared with {reference}: one of the two has no run."
    n = len(known)
    tasks = f"{n} task{'s' if n > 1 else ''}"
    if all(d.mean == 0.0 for d in known):
        return f"{name} has the same scores as {reference} on {_all(n)}."
    counts = Counter(d.verdict for d in known)
    if counts["unclaimed"] == n:
        higher, lower = sum(d.mean > 0 for d in known), sum(d.mean < 0 for d in known)
        return (
            f"{name} has the better mean on {_count(higher)} of {tasks} and the worse on {_count(lower)}; with fewer "
            f"than {MIN_SEEDS} seeds nothing is said about noise."
        )
    if counts["noise"] == n:
        return f"{name} does not differ from {reference} on any of {tasks}: the differences are within noise."
    few = f", on {counts['unclaimed']} with too few seeds to tell" if counts["unclaimed"] else ""
    rest = f"{few}, the rest within noise" if counts["noise"] else few
    better, worse = _count(counts["better"]), _count(counts["worse"])
    return f"{name} is better than {reference} on {better} of {tasks}, worse on {worse}{rest}."


def about_ranks(learners: Sequence[str], rank_V: Floats, test: RankTest | None, n_seeds: int) -> str:
    """What the mean ranks of all learners together say."""
    ranked = sorted((rank, name) for rank, name in zip(rank_V.tolist(), learners, strict=True) if not math.isnan(rank))
    if not ranked:
        return "No learner finished a run on every stream: there are no ranks."
    if len(ranked) < 2:
        return "There is one learner only: nothing to compare."
    best_rank, best = ranked[0]
    first = f"{best} has the best mean rank, {best_rank:.2f} of {len(ranked)}"
    if ranked[0][0] == ranked[-1][0]:
        return "All learners have the same mean rank."
    if n_seeds < MIN_SEEDS:
        return f"{first}; with fewer than {MIN_SEEDS} seeds nothing is said about significance."
    if test is None:
        return f"{first}; ranks are tested for three learners and three tasks or more."
    where = f"over {test.n_places} tasks (Friedman, p = {_p(test.p)})"
    if test.p > LEVEL:
        return f"The mean ranks of the learners do not differ {where}: all differences are within noise."
    near = [name for rank, name in ranked[1:] if rank - best_rank < test.critical_difference]
    critical = f"closer than the critical difference of {test.critical_difference:.2f}"
    apart = (
        f"; not told apart from it: {', '.join(near)} ({critical})" if near else ", and is told apart from all others"
    )
    return f"{first}{apart}. The ranks differ {where}."


def _count(n: int) -> str:
    return str(n) if n else "none"


def _all(n: int) -> str:
    return f"all {n} tasks" if n > 1 else "the one task"


def _p(p: float) -> str:
    return f"{p:.2g}" if p >= 0.001 else "below 0.001"
