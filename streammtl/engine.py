"""The engine: one turn takes records through every stage, in order.

    decode -> join -> learn -> publish -> remember -> evaluate -> watch

A label is scored against the prediction that was published for its event, and only then learned from, because within
`learn` the operations run in record order: PREDICT of an event always comes before LEARN of its labels.

The engine holds all state of a run (`state`, `load`) together with the position in the stream, and nothing in it
depends on how many records a turn has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, final

import numpy as np

from streammtl.clock import Clock
from streammtl.decode import Decoder
from streammtl.evaluate import Evaluate, TaskReport
from streammtl.join import Join
from streammtl.learner import Learner
from streammtl.plan import Plan
from streammtl.publish import Publisher, split_at
from streammtl.types import Alarm, AlarmSubject, Bools, Floats, Ints, Lesson, Outcome, Position, Records, State, Turn
from streammtl.watch import Watch

STAGES = ("decode", "join", "learn", "publish", "evaluate", "watch")


@dataclass(frozen=True, slots=True)
class TurnReport:
    """What happened in a turn; observers receive it and return nothing."""

    n_records: int
    n_events: int  # new events: predicted and published
    n_labels: int  # labels scored and learned from
    n_rejected: int
    is_rejected_N: Bools  # by record
    lesson: Lesson
    alarms: tuple[Alarm, ...]
    seconds: Mapping[str, float]  # by stage
    outcome: Outcome  # the labels beside what was published for their events
    time_s: float  # the largest time of its new events; NaN: none has one


@final
class Engine:
    """Takes records through every stage."""

    def __init__(
        self,
        decoder: Decoder,
        learner: Learner,
        join: Join,
        evaluate: Evaluate,
        watch: Watch,
        publisher: Publisher,
        clock: Clock,
        metrics_every_records: int,
    ) -> None:
        self.learner = learner
        self.join = join
        self.evaluate = evaluate
        self.watch = watch
        self.publisher = publisher
        self.position: Position = {}
        self.totals: Counter[str] = Counter()  # records, events, labels, steps, steps_skipped
        self.rejected: Counter[str] = Counter()  # by reason
        self.alarms: list[Alarm] = []
        self._decoder = decoder
        self._clock = clock
        self._metrics_every_records = metrics_every_records

    def turn(self, records: Records) -> TurnReport:
        """Decode, predict, publish, join, score, learn and watch, in that order of truth."""
        lap = _Laps(self._clock)
        turn = self._decoder.decode(records)
        lap.end("decode")
        plan = self.join.plan(turn)
        lap.end("join")
        lesson = self.learner.advance(plan.ops)
        lap.end("learn")
        self.publisher.predictions(turn, plan.event_record_E, lesson.outputs_PO)
        self.publisher.rejects(turn.rejected)
        lap.end("publish")
        self.join.remember(plan, turn, lesson.outputs_PO)
        lap.end("join")
        outcome = _outcome(plan, lesson.outputs_PO)
        self.evaluate.observe(outcome, n_events=len(plan.event_record_E))
        lap.end("evaluate")
        alarms = self._watch(turn, plan, lesson.outputs_PO, outcome)
        self.publisher.alarms(alarms)
        lap.end("watch")
        report = TurnReport(
            n_records=len(records),
            n_events=len(plan.event_record_E),
            n_labels=int((~np.isnan(plan.labels_LT)).sum()),
            n_rejected=len(turn.rejected),
            is_rejected_N=_is_rejected(records, turn),
            lesson=lesson,
            alarms=alarms,
            seconds=lap.seconds,
            outcome=outcome,
            time_s=float(np.fmax.reduce(plan.event_time_s_E, initial=np.nan)),
        )
        self._count(records, turn, report)
        return report

    def feed(self, records: Records) -> list[TurnReport]:
        """Take records through as many turns as it takes to publish scores at their stated interval."""
        reports, start = [], 0
        for stop in split_at(len(records), self.totals["records"], self._metrics_every_records):
            reports.append(self.turn(records.between(start, stop)))
            start = stop
            if self.publisher.sink("metrics") and self.totals["records"] % self._metrics_every_records == 0:
                self.publisher.scores(self.totals["records"], self._score_documents(), self.weights(), self._inside())
        return reports

    def weights(self) -> dict[str, float]:
        """The task weights in force."""
        weights = self.learner.weighting.weights_T.tolist()
        return {task.name: weight for task, weight in zip(self.learner.tasks, weights, strict=True)}

    def insights(self) -> dict[str, Any]:
        """What the model tells of its inside; see `Model.insights`."""
        return self.learner.model.insights()

    def report(self) -> dict[str, TaskReport]:
        """The prequential scores of every task."""
        return self.evaluate.report()

    def state(self) -> State:
        """Everything learned and remembered, and the position in the stream."""
        return {
            "learner": self.learner.state(),
            "join": self.join.state(),
            "evaluate": self.evaluate.state(),
            "watch": self.watch.state(),
            "position": dict(self.position),
            "totals": dict(self.totals),
            "rejected": dict(self.rejected),
            "alarms": [{**asdict(alarm), "subject": alarm.subject.value} for alarm in self.alarms],
        }

    def load(self, state: State) -> None:
        """Take over a `state` of an engine of the same configuration."""
        self.learner.load(state["learner"])
        self.join.load(state["join"])
        self.evaluate.load(state["evaluate"])
        self.watch.load(state["watch"])
        self.position = dict(state["position"])
        self.totals = Counter(state["totals"])
        self.rejected = Counter(state["rejected"])
        self.alarms = [Alarm(**{**alarm, "subject": AlarmSubject(alarm["subject"])}) for alarm in state["alarms"]]

    def _watch(self, turn: Turn, plan: Plan, outputs_EO: Floats, outcome: Outcome) -> tuple[Alarm, ...]:
        record_E, record_L = plan.event_record_E, plan.learn_record_L
        alarms = self.watch.observe_events(
            dense_ED=plan.ops.dense_RD[: len(record_E)],
            category_EC=plan.ops.category_RC[: len(record_E)],
            outputs_EO=outputs_EO,
            time_s_E=plan.event_time_s_E,
            partition_E=turn.partition_N[record_E],
            partitions=turn.partitions,
            offset_E=turn.offset_N[record_E],
        )
        if len(record_L):
            alarms += self.watch.observe_outcome(
                outcome,
                partition_L=turn.partition_N[record_L],
                partitions=turn.partitions,
                offset_L=turn.offset_N[record_L],
                n_events_L=self.totals["events"] + np.searchsorted(record_E, record_L, side="right"),
            )
        return tuple(sorted(alarms, key=_alarm_order))

    def _count(self, records: Records, turn: Turn, report: TurnReport) -> None:
        self.totals["records"] += report.n_records
        self.totals["events"] += report.n_events
        self.totals["labels"] += report.n_labels
        self.totals["steps"] += report.lesson.n_steps
        self.totals["steps_skipped"] += report.lesson.n_steps_skipped
        self.totals["alarms"] += len(report.alarms)
        self.totals["unknown_fields"] += turn.n_unknown_fields
        self.rejected.update(r.reason for r in turn.rejected)
        if report.alarms:
            self.alarms = sorted([*self.alarms, *report.alarms], key=_alarm_order)
        for partition, offset in _next_offsets(records):
            self.position[partition] = offset

    def _score_documents(self) -> dict[str, Any]:
        return {
            name: {"labels": task.labels, "scores": task.scores, "windowed": task.windowed}
            for name, task in self.evaluate.now().items()
        }

    def _inside(self) -> dict[str, Any]:
        """The model's insights, as far as they are published; with the same fields in every document."""
        found = self.insights()
        inside = {"experts": found["shares"]} if "shares" in found else {}
        if "sharing" in found:
            inside["sharing"] = {task.name: found["sharing"].get(task.name) for task in self.learner.tasks}
        return inside | ({"revived": found["revived"]} if "revived" in found else {})


def _alarm_order(alarm: Alarm) -> tuple[int, bool, str]:
    """An order that does not depend on turns: of two alarms after the same event, that of a label came later."""
    return (alarm.n_events, alarm.subject is AlarmSubject.ERROR, alarm.name)


def _outcome(plan: Plan, outputs_EO: Floats) -> Outcome:
    """The labels of the turn beside what was published for their events, in this turn or before it."""
    rows: Ints = plan.learn_row_L
    return Outcome(
        labels_LT=plan.labels_LT,
        outputs_LO=np.concatenate([outputs_EO, plan.outputs_GO]).take(rows, axis=0),
        baseline_LT=np.concatenate([plan.baseline_ET, plan.baseline_GT]).take(rows, axis=0),
        delay_s_L=plan.delay_s_L,
        time_s_L=plan.time_s_L,
        is_expiry_L=plan.is_expiry_L,
    )


def _is_rejected(records: Records, turn: Turn) -> Bools:
    """Which records could not be used."""
    is_rejected_N = np.zeros(len(records), np.bool_)
    if turn.rejected:
        rejected = {(r.partition, r.offset) for r in turn.rejected}
        names = [records.partitions[p] for p in records.partition_N.tolist()]
        is_rejected_N[:] = [where in rejected for where in zip(names, records.offset_N.tolist(), strict=True)]
    return is_rejected_N


def _next_offsets(records: Records) -> list[tuple[str, int]]:
    """For each partition that gave records: the offset after its last one."""
    return [
        (partition, int(records.offset_N[records.partition_N == p][-1]) + 1)
        for p, partition in enumerate(records.partitions)
        if (records.partition_N == p).any()
    ]


@final
class _Laps:
    """Seconds by stage."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last_s = clock.monotonic()
        self.seconds: dict[str, float] = dict.fromkeys(STAGES, 0.0)

    def end(self, stage: str) -> None:
        now_s = self._clock.monotonic()
        self.seconds[stage] += now_s - self._last_s
        self._last_s = now_s
