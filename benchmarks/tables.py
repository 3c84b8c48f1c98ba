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
    for part, text in (("table", comparison), ("whole", comparison), ("optimizers", ranking), ("weightings", ranking)):
        chosen = [result for result in results if result["job"]["part"] == part]
        if chosen:
            sections.append(text(part, chosen))
    (out / "tables.md").write_text("\n".join(sections))


def comparison(part: str, results: list[dict[str, Any]]) -> str:
    """Per stream: a row per task and score, a column per learner; the best of a row in bold."""
    lines = []
    for stream in dict.fromkeys(result["job"]["stream"] for result in results):
        chosen = [result for result in results if result["job"]["stream"] == stream]
        columns: dict[str, dict[str, Any]] = defaultdict(dict)
        for result in sorted(chosen, key=_column_order):
            columns[result["job"]["name"]].update(result["tasks"])
        first = next(iter(columns.values()))
        rows = chosen[0]["job"]["n_rows"]
        lines += ["", f"### {stream}, {f'first {rows:,} rows' if rows else 'whole'}", ""]
        lines += _header(["task", "score", "no-change", *columns])
        for task, report in first.items():
            for score, larger in SHOWN[report["kind"]].items():
                values = [report["no_change"].get(score)]
                values += [column[task]["scores"][score] if task in column else None for column in columns.values()]
                lines.append("| " + " | ".join([task, score, *_cells(values, score, larger)]) + " |")
        lines += ["", "; ".join(_speed(name, chosen) for name in columns)]
    return "\n".join(lines) + "\n"


def _column_order(result: dict[str, Any]) -> tuple[bool, bool, str]:
    name = result["job"]["name"]
    return (name.startswith("river"), name != "streammtl", name)


def _speed(name: str, results: list[dict[str, Any]]) -> str:
    seconds = sum(result["seconds"] for result in results if result["job"]["name"] == name)
    return f"{name} {seconds:,.0f} s"


def _header(names: list[str]) -> list[str]:
    return ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]


def _cells(values: list[float | None], score: str, larger: bool) -> list[str]:
    finite = [value for value in values if value is not None and math.isfinite(value)]
    best = (max if larger else min)(finite) if finite else None
    return [_cell(value, score, value == best) for value in values]


def _cell(value: float | None, score: str, is_best: bool) -> str:
    if value is None:
        return ""
    if not math.isfinite(value) or (score == "r2" and value < DIVERGED_R2):
        return "diverged"
    text = f"{value:.3f}" if abs(value) < 100 else f"{value:.1f}"
    return f"**{text}**" if is_best else text


def ranking(part: str, results: list[dict[str, Any]]) -> str:
    """A row per setting: its mean rank over the tasks of each stream, by primary score, and the scores themselves.

    Scores of several seeds are averaged first. Ranks, because an R2 and an AUC have no common unit.
    """
    scores: dict[str, dict[tuple[str, str], list[float]]] = defaultdict(lambda: defaultdict(list))
    for result in results:
        for task, report in result["tasks"].items():
            value = report["scores"][report["primary"]]
            scores[result["job"]["name"]][result["job"]["stream"], task].append(-math.inf if value is None else value)
    names = list(scores)
    places = list(dict.fromkeys(place for by_place in scores.values() for place in by_place))
    value = {name: {place: mean(scores[name][place]) for place in places if scores[name][place]} for name in names}
    ranks = {place: _ranks({name: value[name][place] for name in names if place in value[name]}) for place in places}
    streams = list(dict.fromkeys(stream for stream, _ in places))
    rows = []
    for name in names:
        by_stream = [
            mean(ranks[place][name] for place in places if place[0] == stream and name in ranks[place])
            for stream in streams
            if any(place[0] == stream and name in ranks[place] for place in places)
        ]
        rows.append((mean(by_stream), name, by_stream))
    lines = ["", f"### {part}: mean rank of the primary scores (1 is best of {len(names)})", ""]
    lines += _header(["setting", "all streams", *streams])
    lines += ["| " + " | ".join([name, *(f"{r:.1f}" for r in [total, *by_stream])]) + " |" for total, name, by_stream in sorted(rows)]
    lines += ["", f"### {part}: primary scores", ""]
    lines += _header(["setting", *(f"{stream} {task}" for stream, task in places)])
    for _, name, _ in sorted(rows):
        lines.append("| " + " | ".join([name, *(_cell(value[name].get(place), "r2", False) for place in places)]) + " |")
    return "\n".join(lines) + "\n"


def _ranks(values: dict[str, float]) -> dict[str, float]:
    """1 for the largest; equal values share the mean of their ranks."""
    ordered = sorted(values.values(), reverse=True)
    return {name: 1 + ordered.index(v) + (ordered.count(v) - 1) / 2 for name, v in values.items()}
