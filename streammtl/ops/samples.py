"""What a scrape may tell, and the readers that make samples of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias, cast

from streammtl.component import members
from streammtl.evaluate import TaskReport
from streammtl.metrics.base import Scorer
from streammtl.ops.snapshot import TURN_BUCKETS_S, Snapshot

#: Values by the values of the labels, in their order. A histogram's are by `le`, and its sum is under "sum".
Samples: TypeAlias = Mapping[tuple[str, ...], float]


@dataclass(frozen=True, slots=True)
class Scrape:
    """What a scrape may tell: the latest snapshot, and what only the moment of the scrape knows."""

    snapshot: Snapshot
    now_s: float  # on the monotonic clock
    wall_s: float  # since the epoch
    is_ready: bool
    is_troubled: bool
    n_troubles: int
    silence_s: float
    idle_s: float | None
    build: tuple[str, str, str]  # versions: streammtl, Python, torch
    run: tuple[str, str, str]  # name, model, weighting
    process: Mapping[str, float]  # figures of the operating system, by name


def one(value: float | None) -> Samples:
    """A metric without labels; nothing, where it has no value."""
    return {} if value is None else {(): value}


def by(values: Mapping[str, float]) -> Samples:
    """A metric with one label."""
    return {(name,): value for name, value in values.items()}


def count(name: str) -> Callable[[Scrape], Samples]:
    """A count since this process took its first record."""
    return lambda scrape: one(scrape.snapshot.counts.get(name, 0))


def stream(name: str) -> Callable[[Scrape], Samples]:
    """The same since the beginning of the stream."""
    return lambda scrape: one(scrape.snapshot.stream.get(name))


def of_tasks(value: Callable[[TaskReport], float]) -> Callable[[Scrape], Samples]:
    """A figure of the report of each task."""
    return lambda scrape: {(name,): value(task) for name, task in scrape.snapshot.tasks.items()}


def scores(published: bool) -> Callable[[Scrape], Samples]:
    """The scores of all tasks: of what was published, or of the prediction that nothing changes."""

    def samples(scrape: Scrape) -> Iterator[tuple[tuple[str, ...], float]]:
        for name, task in scrape.snapshot.tasks.items():
            by_memory = (
                {"running": task.scores, "fading": task.fading, "windowed": task.windowed}
                if published
                else {
                    "running": task.no_change,
                    "fading": task.no_change_fading,
                    "windowed": task.no_change_windowed,
                }
            )
            for memory, of_memory in by_memory.items():
                for score, value in of_memory.items():
                    yield (name, score, memory), value

    return lambda scrape: dict(samples(scrape))


def larger_is_better(task: TaskReport) -> bool:
    """Whether a larger primary score of the task is a better one."""
    return cast(type[Scorer], members("metrics")[task.kind]).larger_is_better[task.primary]


def gain(task: TaskReport) -> float:
    """By how much the primary score is better than that of no change, windowed."""
    more = task.windowed[task.primary] - task.no_change_windowed.get(task.primary, float("nan"))
    return more if larger_is_better(task) else -more


def experts(what: str) -> Callable[[Scrape], Samples]:
    """A figure of each task's experts."""
    return lambda scrape: {
        (task, expert): value
        for task, by_expert in scrape.snapshot.insights.get(what, {}).items()
        for expert, value in by_expert.items()
    }


def event_time_lag(scrape: Scrape) -> Samples:
    """How far event time is behind the clock."""
    event_time_s = scrape.snapshot.event_time_s
    return {} if event_time_s is None else {(): max(0.0, scrape.wall_s - event_time_s)}


def turn_seconds(scrape: Scrape) -> Samples:
    """The histogram of the times of turns."""
    total = 0
    samples: dict[tuple[str, ...], float] = {}
    ends = [repr(end_s) for end_s in TURN_BUCKETS_S]
    for end, n_turns in zip([*ends, "+Inf"], scrape.snapshot.turns_by_bucket, strict=True):
        total += n_turns
        samples[(end,)] = float(total)
    return {**samples, ("sum",): scrape.snapshot.turn_seconds}


def saved(what: str) -> Callable[[Scrape], Samples]:
    """A figure of checkpoints."""

    def samples(scrape: Scrape) -> Samples:
        state = scrape.snapshot.checkpointing
        if state is None:
            return {}
        values: dict[str, float] = {"saved": state.n_saved, "failures": state.n_failures}
        if state.last is not None and state.last_s is not None:
            values["age"] = max(0.0, scrape.now_s - state.last_s)
            values["unsaved"] = max(0, scrape.snapshot.stream.get("records", 0) - state.last.n_records)
            values["size"] = state.last.size_bytes
            values["seconds"] = state.last.seconds
        return one(values.get(what))

    return samples


def process(name: str) -> Callable[[Scrape], Samples]:
    """A figure of the operating system."""
    return lambda scrape: one(scrape.process.get(name))
