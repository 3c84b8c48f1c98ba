"""A comparison as JSON values: every figure that the tables and the page show, and what each run told."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import numpy as np

from streammtl.compare.summary import Summary


def to_json(summary: Summary, method: Sequence[str]) -> dict[str, Any]:
    """The whole comparison; what is not a number is null."""
    results = summary.results
    document = {
        "version": version("streammtl"),
        "reference": results.reference,
        "learners": list(results.learners),
        "peers": list(results.peers),
        "seeds": list(results.seeds),
        "streams": dict(zip(results.streams, results.events_X.tolist(), strict=True)),
        "overall": summary.overall,
        "sentences": dict(summary.sentences),
        "ranks": {
            name: {"all": summary.rank_V[v], **dict(zip(results.streams, summary.rank_VX[v].tolist(), strict=True))}
            for v, name in enumerate(results.learners)
        },
        "rank_test": None if summary.test is None else asdict(summary.test),
        "mean_differences": {
            name: None if found is None else asdict(found) for name, found in summary.intervals.items()
        },
        "microseconds_per_event": {
            name: dict(zip(results.streams, results.cost_us_VX[v].tolist(), strict=True))
            for v, name in enumerate(results.learners)
        },
        "tasks": [_place(summary, p) for p in range(len(results.places))],
        "errors": [
            {"stream": stream, "learner": learner, "seed": seed, "error": error}
            for (learner, stream, seed), error in results.errors.items()
        ],
        "method": list(method),
        "runs": [
            {"learner": learner, "stream": stream, "seed": seed, **document}
            for (learner, stream, seed), document in results.documents.items()
        ],
    }
    plain: dict[str, Any] = _plain(document)
    return plain


def _place(summary: Summary, p: int) -> dict[str, Any]:
    results = summary.results
    learners = {
        name: {
            "mean": summary.mean_VP[v, p],
            "standard_deviation": summary.spread_VP[v, p],
            "seeds": results.score_VPS[v, p],
            "diverged": bool(summary.is_diverged_VP[v, p]),
            "difference": asdict(summary.differences[name][p]) if name in summary.differences else None,
        }
        for v, name in enumerate(results.learners)
    }
    return {**asdict(results.places[p]), "no_change": results.no_change_P[p], "learners": learners}


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
