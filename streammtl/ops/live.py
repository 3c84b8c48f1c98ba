"""What the live page shows, as one JSON document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import msgspec

from streammtl.ops.health import Health
from streammtl.ops.history import History
from streammtl.ops.samples import larger_is_better
from streammtl.ops.snapshot import Checkpointing, Snapshot
from streammtl.publish import alarm_document
from streammtl.types import Alarm
from streammtl.worlds.base import TrueDrift

_MAX_ALARMS = 100


def live_document(
    name: str,
    snapshot: Snapshot,
    history: History,
    health: Health,
    *,
    alarms: Sequence[Alarm],
    drifts: Sequence[TrueDrift],
    now_s: float,
    after: int,
    generation: int,
) -> bytes:
    """The state of the run, and the points that came after number `after` of `generation`."""
    known = history.generation
    points = history.points
    if generation == known:
        points = [point for point in points if point.number > after]
    readiness, liveness = health.readiness(), health.liveness()
    document = {
        "name": name,
        "ready": readiness.ok,
        "alive": liveness.ok,
        "ended": health.has_ended,
        "reason": liveness.reason or readiness.reason,
        "totals": snapshot.stream,
        "rejected": {reason: count for reason, count in snapshot.rejected.items() if count},
        "join": snapshot.join,
        "stages": list(snapshot.stage_seconds),
        "lag": {"records": snapshot.lag_records, "seconds": snapshot.lag_seconds},
        "remembered": snapshot.remembered,
        "tasks": _tasks(snapshot),
        "experts": _experts(snapshot),
        "checkpoint": _checkpoint(snapshot.checkpointing, now_s),
        "alarms": [alarm_document(alarm) for alarm in alarms[-_MAX_ALARMS:]],
        "drifts": [
            {
                "event": drift.start_event,
                "name": drift.name,
                "tasks": drift.tasks,
                "description": drift.description,
            }
            for drift in drifts
        ],
        "generation": known,
        "is_whole": generation != known,
        "points": [asdict(point) for point in points],
        "latest": asdict(history.latest),
    }
    return msgspec.json.encode(document)  # NaN becomes null


def _tasks(snapshot: Snapshot) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "kind": task.kind,
            "score": task.primary,
            "larger_is_better": larger_is_better(task),
            "labels": task.labels,
            "coverage": task.coverage,
            "delay_s": task.delay_mean_s,
            "weight": snapshot.weights.get(name),
            "running": task.scores.get(task.primary),
            "windowed": task.windowed.get(task.primary),
            "no_change": task.no_change_windowed.get(task.primary),
        }
        for name, task in snapshot.tasks.items()
    ]


def _experts(snapshot: Snapshot) -> list[str]:
    shares: dict[str, dict[str, float]] = snapshot.insights.get("shares", {})
    return list(next(iter(shares.values()), {}))


def _checkpoint(state: Checkpointing | None, now_s: float) -> dict[str, Any] | None:
    if state is None or state.last is None or state.last_s is None:
        return None
    age_s = max(0.0, now_s - state.last_s)
    return {"age_s": age_s, "size_bytes": state.last.size_bytes, "failures": state.n_failures}
