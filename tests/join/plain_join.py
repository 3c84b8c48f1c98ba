"""The join, said plainly: one record after the other, in dictionaries. The tests hold the columnar join equal to it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass
class PlainEvent:
    event_id: str
    time_s: float
    held: dict[int, float]
    labels: dict[int, float] = field(default_factory=dict)
    expired: set[int] = field(default_factory=set)
    released: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class PlainTask:
    horizon_s: float | None = None
    delay_s: float = 0.0
    expiry_label: float = math.nan


#: One operation: ("predict", id) or ("learn", id, {task: label}, is_expiry).
Operation = tuple[str, str] | tuple[str, str, dict[int, float], bool]


class PlainJoin:
    def __init__(self, tasks: list[PlainTask], capacity: int, max_ahead_s: float) -> None:
        self.tasks, self.capacity, self.max_ahead_s = tasks, capacity, max_ahead_s
        self.events: list[PlainEvent] = []  # oldest first
        self.watermark_s = -math.inf
        self.counts = dict.fromkeys(
            (
                "matched",
                "orphan",
                "duplicate_events",
                "duplicate_labels",
                "contradictory_labels",
                "late",
                "expired",
                "evicted",
            ),
            0,
        )

    def take(self, event_id: str, is_event: bool, time_s: float, labels: dict[int, float]) -> list[Operation]:
        self._move_watermark(time_s)
        operations = [*self._release(), *self._expire()]
        known = next((e for e in self.events if e.event_id == event_id), None)
        held = {t: v for t, v in labels.items() if is_event and self.tasks[t].delay_s > 0}
        new = is_event and known is None
        if is_event and known is not None:
            self.counts["duplicate_events"] += 1
            self.counts["duplicate_labels"] += len(held)
        if new:
            known = PlainEvent(event_id, min(time_s, self.watermark_s), held)
            self.events.append(known)
            operations.append(("predict", event_id))
        arrived = {t: v for t, v in labels.items() if t not in held}
        if known is None:
            self.counts["orphan"] += len(arrived)
        elif accepted := self._accept(known, arrived, can_be_late=not new):
            operations.append(("learn", event_id, accepted, False))
        if len(self.events) > self.capacity:
            gone = self.events.pop(0)
            self.counts["evicted"] += any(
                t not in gone.labels and t not in gone.expired for t in range(len(self.tasks))
            )
        return operations

    def _move_watermark(self, time_s: float) -> None:
        if self.watermark_s > -math.inf:
            time_s = min(time_s, self.watermark_s + self.max_ahead_s)
        self.watermark_s = max(self.watermark_s, time_s)

    def _accept(self, event: PlainEvent, labels: dict[int, float], can_be_late: bool) -> dict[int, float]:
        accepted = {}
        for t, value in labels.items():
            horizon_s = self.tasks[t].horizon_s
            if can_be_late and horizon_s is not None and self.watermark_s >= event.time_s + horizon_s:
                self.counts["late"] += 1
            elif t in event.labels:
                same = event.labels[t] == value
                self.counts["duplicate_labels" if same else "contradictory_labels"] += 1
            else:
                self.counts["matched"] += 1
                event.labels[t] = accepted[t] = value
        return accepted

    def _due(self, after_s: float, done: str, tasks: list[int]) -> list[PlainEvent]:
        """In order of arrival, each waiting for its predecessors."""
        due = []
        for event in self.events:
            if set(tasks) <= getattr(event, done):
                continue
            if self.watermark_s < event.time_s + after_s:
                break
            getattr(event, done).update(tasks)
            due.append(event)
        return due

    def _release(self) -> list[Operation]:
        ready: dict[str, dict[int, float]] = {}
        for delay_s in sorted({task.delay_s for task in self.tasks if task.delay_s > 0}):
            tasks = [t for t, task in enumerate(self.tasks) if task.delay_s == delay_s]
            for event in self._due(delay_s, "released", tasks):
                for t in tasks:
                    if t in event.held:
                        ready.setdefault(event.event_id, {})[t] = event.held[t]
        operations: list[Operation] = []
        for event in self.events:
            labels = self._accept(event, ready.get(event.event_id, {}), can_be_late=False)
            if labels:
                operations.append(("learn", event.event_id, labels, False))
        return operations

    def _expire(self) -> list[Operation]:
        meant: dict[str, dict[int, float]] = {}
        for horizon_s in sorted({task.horizon_s for task in self.tasks if task.horizon_s is not None}):
            tasks = [t for t, task in enumerate(self.tasks) if task.horizon_s == horizon_s]
            for event in self._due(horizon_s, "expired", tasks):
                for t in tasks:
                    if t not in event.labels:
                        self.counts["expired"] += 1
                        if not math.isnan(self.tasks[t].expiry_label):
                            event.labels[t] = self.tasks[t].expiry_label
                            meant.setdefault(event.event_id, {})[t] = self.tasks[t].expiry_label
        return [("learn", e.event_id, meant[e.event_id], True) for e in self.events if e.event_id in meant]
