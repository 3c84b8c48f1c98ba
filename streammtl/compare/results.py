"""The figures of all runs side by side.

Shape suffixes: V learners (variants, then peers), P places (a task of a stream), S seeds, X streams.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from streammtl.types import Bools, Floats

#: Below this R2 a regression has run away: its figure says nothing but that.
DIVERGED_R2 = -10.0

#: Learner, stream and seed of a run.
RunName = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Place:
    """A task of a stream, and the one score by which learners are compared on it."""

    stream: str
    task: str
    kind: str
    score: str
    larger_is_better: bool


@dataclass(frozen=True, slots=True)
class Results:
    """The primary scores and the costs of all runs. NaN: there is none."""

    learners: tuple[str, ...]
    peers: tuple[str, ...]  # those of the learners that are peers
    reference: str
    seeds: tuple[int, ...]
    streams: tuple[str, ...]
    places: tuple[Place, ...]
    score_VPS: Floats
    is_diverged_VPS: Bools  # a prediction was not finite, or an R2 is below -10
    no_change_P: Floats  # mean over the runs
    cost_us_VX: Floats  # processor time per event in microseconds, the least of the seeds
    events_X: Floats  # mean over the runs
    errors: Mapping[RunName, str]
    documents: Mapping[RunName, Mapping[str, Any]]  # what each run told

    @property
    def merit_VPS(self) -> Floats:
        """The scores turned so that larger is better; minus infinity where a learner diverged."""
        sign_P1 = np.array([1.0 if place.larger_is_better else -1.0 for place in self.places])[:, None]
        return np.where(self.is_diverged_VPS, -np.inf, self.score_VPS * sign_P1)

    @property
    def stream_P(self) -> list[int]:
        """The number of the stream of each place."""
        return [self.streams.index(place.stream) for place in self.places]


def assemble(
    documents: Mapping[RunName, Mapping[str, Any]],
    errors: Mapping[RunName, str],
    learners: Sequence[str],
    peers: Sequence[str],
    streams: Sequence[str],
    reference: str,
    n_seeds: int,
) -> Results:
    """Put what the runs told side by side; runs without a document have no figures."""
    places = _places(documents, streams)
    shape = (len(learners), len(places), n_seeds)
    score_VPS, is_diverged_VPS = np.full(shape, np.nan), np.zeros(shape, dtype=np.bool_)
    no_change_PR: list[list[float]] = [[] for _ in places]
    for (learner, stream, seed), document in documents.items():
        v = learners.index(learner)
        for p, place in enumerate(places):
            report = document["tasks"].get(place.task) if place.stream == stream else None
            if report is None:
                continue
            score_VPS[v, p, seed] = _number(report["scores"][place.score])
            is_diverged_VPS[v, p, seed] = _is_diverged(report, place)
            no_change_PR[p].append(_number(report["no_change"].get(place.score)))
    return Results(
        learners=tuple(learners),
        peers=tuple(peers),
        reference=reference,
        seeds=tuple(range(n_seeds)),
        streams=tuple(streams),
        places=places,
        score_VPS=score_VPS,
        is_diverged_VPS=is_diverged_VPS,
        no_change_P=np.array([_mean(values) for values in no_change_PR]),
        cost_us_VX=_costs(documents, learners, streams),
        events_X=np.array(
            [_mean([d["events"] for (_, x, _), d in documents.items() if x == name]) for name in streams]
        ),
        errors=dict(errors),
        documents=documents,
    )


def _places(documents: Mapping[RunName, Mapping[str, Any]], streams: Sequence[str]) -> tuple[Place, ...]:
    found: dict[str, dict[str, Place]] = {stream: {} for stream in streams}
    for (_, stream, _), document in documents.items():
        for task, report in document["tasks"].items():
            place = Place(
                stream, task, report["kind"], report["primary"], report["larger_is_better"][report["primary"]]
            )
            found[stream].setdefault(task, place)
    return tuple(place for stream in streams for place in found[stream].values())


def _costs(documents: Mapping[RunName, Mapping[str, Any]], learners: Sequence[str], streams: Sequence[str]) -> Floats:
    """The least over the seeds: what disturbs a run, the first use of a package for one, only adds to it."""
    cost_us_VX = np.full((len(learners), len(streams)), np.nan)
    for (learner, stream, _), document in documents.items():
        place = learners.index(learner), streams.index(stream)
        cost_us = 1e6 * document["processor_s"] / max(1, document["events"])
        cost_us_VX[place] = np.fmin(cost_us_VX[place], cost_us)
    return cost_us_VX


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _is_diverged(report: Mapping[str, Any], place: Place) -> bool:
    if report["unscored"]:
        return True
    value = report["scores"][place.score]
    return place.score == "r2" and value is not None and value < DIVERGED_R2
