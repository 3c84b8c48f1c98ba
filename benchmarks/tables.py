"""The results of `benchmarks.streams` as Markdown tables."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from pathlib import Path
from statistics import mean
from typing import Any

#: Scores to show by kind of task, the primary one first; False: smaller is better.
SHOWN = {
    "regression": {"r2": True, "mae": False},
    "binary": {"auc": True, "average_precision": True, "log_loss": False},
    "multiclass": {"accuracy": True, "macro_f1": True, "log_loss": False},
}
#: Below this R2 a regression has run away.
DIVERGED_R2 = -10.0


def write_tables(out: Path) -> None:
    """Write `results.json` and `tables.md` from everything that is kept in the folder."""
    kept = [path for path in sorted(out.glob("*.json")) if path.name != "results.json"]
    results = [json.loads(path.read_text()) for path in kept]
    (out / "results.json").write_text(json.dumps(results, indent=1))
    sections = []
    for part, text in PARTS.items():
        chosen = [result for result in results if result["job"]["part"] == part]
        if chosen:
            sections.append(text(part, chosen))
    (out / "tables.md").write_text("\n".join(sections))


def comparison(part: str, results: list[dict[str, Any]]) -> str:
    """Per stream: a row per task and score, a column per learner; the best of a row in bold."""
    lines: list[str] = []
    for stream in dict.fromkeys(result["job"]["stream"] for result in results):
        chosen = sorted((result for result in results if result["job"]["stream"] == stream), key=_column_order)
        extent = "whole" if chosen[0]["job"]["n_rows"] is None else "first rows"
        lines += ["", f"### {stream}, {extent}: {chosen[0]['events']:,} events", "", *_compare(chosen)]
    return "\n".join(lines) + "\n"


def _compare(results: list[dict[str, Any]]) -> list[str]:
    columns: dict[str, dict[str, Any]] = defaultdict(dict)  # reports by task, by learner
    seconds: dict[str, float] = defaultdict(float)
    for result in results:
        name = result["job"]["name"]
        columns[name].update(result["tasks"])
        seconds[name] += result["seconds"]
    lines = _header(["task", "score", "no-change", *columns])
    for task, first in next(iter(columns.values())).items():
        reports = [column.get(task) for column in columns.values()]
        for score, larger in SHOWN[first["kind"]].items():
            values = [_score(first["no_change"], score)]
            values += [None if report is None else _score(report["scores"], score) for report in reports]
            lines.append(_row([task, score, *_cells(values, score, larger)]))
    return [*lines, "", "Seconds: " + ", ".join(f"{name} {total:,.0f}" for name, total in seconds.items())]


def _score(scores: dict[str, float | None], name: str) -> float | None:
    """The score; NaN where it is not defined, None where the predictor has no such score."""
    if name not in scores:
        return None
    value = scores[name]
    return math.nan if value is None else value


def _column_order(result: dict[str, Any]) -> tuple[bool, bool, str]:
    name = result["job"]["name"]
    return (name.startswith("river"), name != "streammtl", name)


def _header(names: list[str]) -> list[str]:
    return [_row(names), "|" + "---|" * len(names)]


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(values: list[float | None], score: str, larger: bool) -> list[str]:
    finite = [value for value in values if value is not None and math.isfinite(value)]
    best = (max if larger else min)(finite) if finite else None
    return [_cell(value, score, value == best) for value in values]


def _cell(value: float | None, score: str, is_best: bool) -> str:
    if value is None:
        return ""
    if math.isnan(value):
        return "n/a"
    if score == "r2" and value < DIVERGED_R2:
        return "diverged"
    text = f"{value:.3f}" if abs(value) < 100 else f"{value:.1f}" if abs(value) < 1e6 else f"{value:.0e}"
    return f"**{text}**" if is_best else text


def ranking(part: str, results: list[dict[str, Any]]) -> str:
    """A row per setting: its mean rank over the tasks of each stream, by primary score, and the scores themselves.

    Ranks, because an R2 and an AUC have no common unit.
    """
    scores = _mean_primary_scores(results)
    places = list(dict.fromkeys(place for by_place in scores.values() for place in by_place))
    ranks: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in scores}  # by stream
    for stream, task in places:
        for name, rank in _ranks({name: scores[name].get((stream, task), -math.inf) for name in scores}).items():
            ranks[name][stream].append(rank)
    means = {name: [mean(of_tasks) for of_tasks in by_stream.values()] for name, by_stream in ranks.items()}
    best_first = sorted(means, key=lambda name: mean(means[name]))
    lines = ["", f"### {part}: mean rank by primary score, of {len(scores)}", ""]
    lines += _header(["setting", "all streams", *dict.fromkeys(stream for stream, _ in places)])
    lines += [_row([name, *(f"{rank:.1f}" for rank in [mean(means[name]), *means[name]])]) for name in best_first]
    lines += ["", f"### {part}: primary scores", ""]
    lines += _header(["stream", "task", *best_first])
    for stream, task in places:
        values = [scores[name].get((stream, task)) for name in best_first]
        lines.append(_row([stream, task, *_cells(values, "r2", larger=True)]))
    return "\n".join(lines) + "\n"


def _mean_primary_scores(results: list[dict[str, Any]]) -> dict[str, dict[tuple[str, str], float]]:
    """By setting, stream and task; means over seeds."""
    found: dict[str, dict[tuple[str, str], list[float]]] = defaultdict(lambda: defaultdict(list))
    for result in results:
        job = result["job"]
        for task, report in result["tasks"].items():
            value = report["scores"][report["primary"]]
            found[job["name"]][job["stream"], task].append(-math.inf if value is None else value)
    return {name: {place: mean(values) for place, values in places.items()} for name, places in found.items()}


def _ranks(values: dict[str, float]) -> dict[str, float]:
    """1 for the largest; equal values share the mean of their ranks."""
    ordered = sorted(values.values(), reverse=True)
    return {name: 1 + ordered.index(value) + (ordered.count(value) - 1) / 2 for name, value in values.items()}


#: How each part of `benchmarks.streams` becomes text.
PARTS = {
    "table": comparison,
    "whole": comparison,
    "experts": ranking,
    "optimizers": ranking,
    "weightings": ranking,
}
