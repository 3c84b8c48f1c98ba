"""Small results, made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from streammtl.compare.results import Results, assemble

#: Scores by learner, stream and task, one per seed.
Scores = Mapping[str, Mapping[str, Mapping[str, Sequence[float | None]]]]


def document(scores: Mapping[str, float | None], processor_s: float = 0.001, unscored: int = 0) -> dict[str, Any]:
    """What a run tells, of regressions."""
    tasks = {
        task: {
            "kind": "regression",
            "primary": "r2",
            "scores": {"r2": score, "mae": 1.0},
            "no_change": {"r2": 0.25, "mae": 2.0},
            "larger_is_better": {"r2": True, "mae": False},
            "unscored": unscored,
        }
        for task, score in scores.items()
    }
    return {"processor_s": processor_s, "events": 100, "tasks": tasks}


def results_of(scores: Scores, peers: Sequence[str] = (), errors: Mapping[Any, str] | None = None) -> Results:
    """Results whose reference is the first learner."""
    learners = list(scores)
    streams = list(scores[learners[0]])
    documents: dict[tuple[str, str, int], Any] = {}
    n_seeds = 0
    for learner, by_stream in scores.items():
        for stream, by_task in by_stream.items():
            for seed in range(max(len(of_task) for of_task in by_task.values())):
                n_seeds = max(n_seeds, seed + 1)
                if (learner, stream, seed) not in (errors or {}):
                    values = {task: of_task[seed] for task, of_task in by_task.items()}
                    documents[learner, stream, seed] = document(values)
    return assemble(documents, errors or {}, learners, peers, streams, learners[0], n_seeds)
