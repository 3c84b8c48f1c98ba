"""A comparison as Markdown tables.

Shape suffixes: V learners, X streams.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from streammtl.compare.results import Place
from streammtl.compare.statistics import MIN_SEEDS
from streammtl.compare.summary import Summary
from streammtl.types import Floats

#: Scores shown beside the primary one, by kind of task.
_OTHER_SCORES: Final = {
    "regression": ("r2", "mae"),
    "binary": ("auc", "average_precision", "log_loss"),
    "multiclass": ("accuracy", "macro_f1", "log_loss"),
    "count": ("r2", "mae", "poisson_deviance"),
}


def to_markdown(summary: Summary, method: Sequence[str]) -> str:
    """What it came to in words, ranks and costs, the score of every task, what failed, and how it was done."""
    parts = [
        [summary.overall, "", *(f"- {sentence}" for sentence in summary.sentences.values())],
        ["### Mean ranks", "", *rank_table(summary)],
        ["### Scores", "", _about_scores(summary), "", *score_table(summary)],
        ["### Other scores", "", "Means over seeds.", "", *other_table(summary)],
        ["### Time per event", "", "Microseconds of processor time.", "", *cost_table(summary)],
    ]
    if summary.results.errors:
        parts.append(["### Failed", "", *error_table(summary)])
    parts.append(["### How this was done", "", *(line for paragraph in method for line in (paragraph, ""))])
    return "\n\n".join("\n".join(part).rstrip() for part in parts) + "\n"


def rank_table(summary: Summary) -> list[str]:
    """A row per learner, the best first: mean ranks, and wins and losses against the reference."""
    results = summary.results
    lines = _header(
        [
            "learner",
            "all tasks",
            *results.streams,
            "better",
            "worse",
            "within noise",
            f"mean difference from {results.reference}",
        ]
    )
    for v in summary.order:
        name = results.learners[v]
        ranks = [rank(value) for value in (summary.rank_V[v], *summary.rank_VX[v])]
        lines.append(_row([name, *ranks, *wins(summary, name), mean_difference(summary, name)]))
    return lines


def wins(summary: Summary, name: str) -> list[str]:
    """On how many tasks a learner is better, worse, and not told apart; of the reference, nothing."""
    found = summary.differences.get(name)
    if found is None:
        return ["", "", ""]
    if len(summary.results.seeds) < MIN_SEEDS:
        return ["-", "-", "-"]
    return [str(sum(d.verdict == verdict for d in found)) for verdict in ("better", "worse", "noise")]


def mean_difference(summary: Summary, name: str) -> str:
    """The mean over tasks of the differences in score, with its interval where there are enough seeds."""
    interval = summary.intervals.get(name)
    if interval is None:
        return ""
    few = len(summary.results.seeds) < MIN_SEEDS
    text = f"{interval.mean:+.4f}" if few else f"{interval.mean:+.4f} ({interval.low:+.4f} to {interval.high:+.4f})"
    # Where one of the two diverged, there is no difference to average: that must not look like a good one.
    n_left_out = sum(math.isinf(found.mean) for found in summary.differences[name])
    return f"{text}, {n_left_out} diverged" if n_left_out else text


def score_table(summary: Summary) -> list[str]:
    """A row per task, a column per learner: mean and spread over seeds, the best in bold."""
    results = summary.results
    order = summary.order
    lines = _header(["stream", "task", "score", "no-change rule", *(results.learners[v] for v in order)])
    for p, place in enumerate(results.places):
        cells = [score_cell(summary, v, p) for v in order]
        marked = [f"**{cell}**" if summary.best_VP[v, p] else cell for v, cell in zip(order, cells, strict=True)]
        lines.append(_row([place.stream, place.task, place.score, figure(results.no_change_P[p]), *marked]))
    return lines


def other_table(summary: Summary) -> list[str]:
    """A row per task and further score: means over seeds, the best in bold."""
    results, order = summary.results, summary.order
    lines = _header(["stream", "task", "score", "no-change rule", *(results.learners[v] for v in order)])
    for place in results.places:
        for score in _OTHER_SCORES.get(place.kind, ()):
            if score == place.score:
                continue
            again, by_learner, is_larger_better = _means_of(summary, place, score)
            values = [by_learner[results.learners[v]] for v in order]
            known = [value for value in values if not math.isnan(value)]
            best = (max if is_larger_better else min)(known) if known else math.nan
            cells = [f"**{figure(value)}**" if value == best else figure(value) for value in values]
            lines.append(_row([place.stream, place.task, score, figure(again), *cells]))
    return lines


def _means_of(summary: Summary, place: Place, score: str) -> tuple[float, dict[str, float], bool]:
    """The means over runs of a score by the no-change rule, and of each learner, and which of them is better."""
    again: list[float] = []
    by_learner: dict[str, list[float]] = {name: [] for name in summary.results.learners}
    is_larger_better = True
    for (learner, stream, _), document in summary.results.documents.items():
        report = document["tasks"].get(place.task) if stream == place.stream else None
        if report is not None:
            value, same = report["scores"].get(score), report["no_change"].get(score)
            by_learner[learner] += [] if value is None else [value]
            again += [] if same is None else [same]
            is_larger_better = report["larger_is_better"].get(score, True)
    return _mean(again), {name: _mean(values) for name, values in by_learner.items()}, is_larger_better


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else math.nan


def score_cell(summary: Summary, v: int, p: int) -> str:
    """Mean and spread of a learner's score at a place."""
    if summary.is_diverged_VP[v, p]:
        n, of = int(summary.results.is_diverged_VPS[v, p].sum()), len(summary.results.seeds)
        return "diverged" if n == of else f"diverged in {n} of {of}"
    mean, spread = float(summary.mean_VP[v, p]), float(summary.spread_VP[v, p])
    return figure(mean) if math.isnan(spread) else f"{figure(mean)} ± {figure(spread)}"


def cost_table(summary: Summary) -> list[str]:
    """A row per learner, a column per stream."""
    results = summary.results
    lines = _header(["learner", *results.streams])
    lines += [
        _row([name, *(cost(value) for value in results.cost_us_VX[v])]) for v, name in enumerate(results.learners)
    ]
    return lines


def error_table(summary: Summary) -> list[str]:
    """A row per run that failed."""
    lines = _header(["stream", "learner", "seed", "error"])
    for (learner, stream, seed), error in summary.results.errors.items():
        lines.append(_row([stream, learner, str(seed), " ".join(error.split()).replace("|", "\\|")]))
    return lines


def figure(value: float) -> str:
    """A score with three decimals, or fewer where it is large; `-` where there is none.

    >>> figure(0.91234), figure(1234.5), figure(2.5e7), figure(float("nan"))
    ('0.912', '1,234.5', '2e+07', '-')
    """
    if math.isnan(value):
        return "-"
    return f"{value:.3f}" if abs(value) < 100 else f"{value:,.1f}" if abs(value) < 1e6 else f"{value:.0e}"


def mean_costs(cost_us_VX: Floats) -> Floats:
    """The geometric mean over the streams; NaN for a learner that has none on some stream."""
    with np.errstate(divide="ignore"):
        mean_V: Floats = np.exp(np.log(cost_us_VX).mean(axis=1))
    return mean_V


def cost(value: float) -> str:
    """Microseconds per event."""
    return "-" if math.isnan(value) else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def _about_scores(summary: Summary) -> str:
    n = len(summary.results.seeds)
    return f"Means of {n} seeds ± their standard deviation." if n > 1 else "One seed."


def rank(value: float) -> str:
    """A mean rank."""
    return "-" if math.isnan(value) else f"{value:.2f}"


def _header(names: Sequence[str]) -> list[str]:
    return [_row(names), "|" + "---|" * len(names)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
