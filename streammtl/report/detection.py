"""Alarms against the drifts that really were: detected, missed, false, and how late.

An alarm *concerns* a drift when what it is about changed in it: the error or the predictions of one of its tasks, or
one of its features (or a column of one). It *detects* the drift when it comes after the first affected event and no
later than `horizon_events` after the last. Of several drifts that it could detect, it detects the one that began last:
before the next drift of the same signal, a late alarm still belongs to the earlier one, and after it no longer. Every
other alarm is false.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from streammtl.types import Alarm, AlarmSubject
from streammtl.worlds.base import TrueDrift

#: How many events after a drift an alarm still counts as its detection. Labels come late and detectors wait for enough
#: of them, so a few thousand events are usual; after ten thousand, nobody would take the one for the other's sign.
HORIZON_EVENTS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Found:
    """What became of one drift."""

    drift: int  # its index
    alarms: tuple[int, ...]  # indices of the alarms that detected it, the first one first
    delay_events: int | None  # from its first affected event to the first alarm; None: missed
    is_watched: bool  # False: no detector looked at anything that it changed, so it could not be found


@dataclass(frozen=True, slots=True)
class Detection:
    """How well the alarms of a run tell its drifts."""

    found: tuple[Found, ...]  # one per drift, in their order
    false: tuple[int, ...]  # indices of the alarms that belong to no drift
    horizon_events: int
    n_detected: int
    n_missed: int  # of those that were watched
    recall: float  # detected / (detected + missed); NaN: no drift was watched
    false_per_100k: float  # false alarms per 100,000 events; NaN: no event
    median_delay_events: float  # of the detected ones; NaN: none


def detect(
    drifts: Sequence[TrueDrift],
    alarms: Sequence[Alarm],
    *,
    n_events: int,
    horizon_events: int = HORIZON_EVENTS,
    end_events: Sequence[int] | None = None,
    is_watched: Callable[[AlarmSubject, str], bool] = lambda subject, name: True,
) -> Detection:
    """Match the alarms of `n_events` events to drifts; drifts that begin later than that are not counted as missed.

    `end_events` are the numbers of the last affected events, where known; otherwise a drift is taken as over as soon as
    it has begun, and the horizon counts from there. `is_watched` says of a task's error, a task's predictions or a
    feature whether a detector looked at it.

    >>> drift = TrueDrift("jump", "abrupt", ("price",), (), 0.0, 0.0, 1000, "")
    >>> alarms = [Alarm(AlarmSubject.ERROR, "price", "adwin", 0.0, n, "p", 0, 1.0, 2.0) for n in (500, 1400)]
    >>> detection = detect([drift], alarms, n_events=5000)
    >>> detection.recall, detection.found[0].delay_events, detection.false_per_100k
    (1.0, 400, 20.0)
    """
    ends = [drift.start_event for drift in drifts] if end_events is None else list(end_events)
    by_drift: list[list[int]] = [[] for _ in drifts]
    false = []
    for a in sorted(range(len(alarms)), key=lambda a: alarms[a].n_events):
        candidates = [
            d
            for d, drift in enumerate(drifts)
            if drift.start_event < alarms[a].n_events <= ends[d] + horizon_events and concerns(alarms[a], drift)
        ]
        latest = max((drifts[d].start_event for d in candidates), default=None)
        if latest is None:
            false.append(a)
        for d in candidates:
            if drifts[d].start_event == latest:
                by_drift[d].append(a)
    found = tuple(
        Found(
            drift=d,
            alarms=tuple(by_drift[d]),
            delay_events=alarms[by_drift[d][0]].n_events - drift.start_event if by_drift[d] else None,
            is_watched=bool(by_drift[d]) or _could_be_found(drift, is_watched),
        )
        for d, drift in enumerate(drifts)
        if drift.start_event < n_events
    )
    return _summary(found, tuple(false), n_events, horizon_events)


def _summary(found: tuple[Found, ...], false: tuple[int, ...], n_events: int, horizon_events: int) -> Detection:
    delays = [one.delay_events for one in found if one.delay_events is not None]
    n_missed = sum(one.is_watched and one.delay_events is None for one in found)
    return Detection(
        found=found,
        false=false,
        horizon_events=horizon_events,
        n_detected=len(delays),
        n_missed=n_missed,
        recall=len(delays) / (len(delays) + n_missed) if delays or n_missed else math.nan,
        false_per_100k=len(false) / n_events * 100_000 if n_events else math.nan,
        median_delay_events=float(np.median(delays)) if delays else math.nan,
    )


def concerns(alarm: Alarm, drift: TrueDrift) -> bool:
    """Whether what the alarm is about changed in the drift."""
    if alarm.subject is not AlarmSubject.FEATURE:
        return alarm.name in drift.tasks
    return any(is_column_of(alarm.name, feature) for feature in drift.features)


def is_column_of(signal: str, feature: str) -> bool:
    """Whether a watched signal is (a column of) the feature, or says whether it is missing.

    >>> [is_column_of(signal, "clock") for signal in ("clock", "clock.day_sin", "clock[3] (missing)", "clocks")]
    [True, True, True, False]
    """
    column = signal.removesuffix(" (missing)")
    return column == feature or column.startswith((f"{feature}.", f"{feature}["))


def _could_be_found(drift: TrueDrift, is_watched: Callable[[AlarmSubject, str], bool]) -> bool:
    by_task = any(
        is_watched(subject, task) for task in drift.tasks for subject in (AlarmSubject.ERROR, AlarmSubject.PREDICTION)
    )
    return by_task or any(is_watched(AlarmSubject.FEATURE, feature) for feature in drift.features)
