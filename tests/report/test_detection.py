"""Which alarm detects which drift."""

from __future__ import annotations

import math

from streammtl.report.detection import detect
from streammtl.types import Alarm, AlarmSubject
from streammtl.worlds.base import TrueDrift

ERROR, FEATURE, PREDICTION = AlarmSubject.ERROR, AlarmSubject.FEATURE, AlarmSubject.PREDICTION


def drift(start: int, tasks: tuple[str, ...] = ("price",), features: tuple[str, ...] = ()) -> TrueDrift:
    return TrueDrift(f"from {start}", "abrupt", tasks, features, float(start), float(start), start, "")


def alarm(n_events: int, name: str = "price", subject: AlarmSubject = ERROR) -> Alarm:
    return Alarm(subject, name, "adwin", float(n_events), n_events, "p", 0, 1.0, 2.0)


def test_an_alarm_after_the_drift_detects_it() -> None:
    detection = detect([drift(1000)], [alarm(1400)], n_events=5000)
    assert detection.found[0].alarms == (0,)
    assert detection.found[0].delay_events == 400
    assert (detection.recall, detection.false, detection.median_delay_events) == (1.0, (), 400.0)


def test_an_alarm_before_the_drift_is_false() -> None:
    detection = detect([drift(1000)], [alarm(1000)], n_events=50_000)
    assert (detection.n_detected, detection.n_missed, detection.false) == (0, 1, (0,))
    assert detection.false_per_100k == 2.0


def test_an_alarm_beyond_the_horizon_is_false() -> None:
    assert detect([drift(1000)], [alarm(1501)], n_events=5000, horizon_events=500).n_detected == 0
    assert detect([drift(1000)], [alarm(1500)], n_events=5000, horizon_events=500).n_detected == 1


def test_the_horizon_of_a_long_drift_counts_from_its_end() -> None:
    detection = detect([drift(1000)], [alarm(2400)], n_events=5000, horizon_events=500, end_events=[2000])
    assert detection.found[0].delay_events == 1400


def test_an_alarm_of_another_task_is_false() -> None:
    detection = detect([drift(1000)], [alarm(1400, "size")], n_events=5000)
    assert (detection.n_missed, detection.false) == (1, (0,))


def test_an_alarm_belongs_to_the_drift_that_began_last() -> None:
    detection = detect([drift(1000), drift(2000)], [alarm(2400)], n_events=5000)
    assert [found.alarms for found in detection.found] == [(), (0,)]
    assert detection.recall == 0.5


def test_a_later_drift_of_another_task_does_not_take_the_alarm() -> None:
    detection = detect([drift(1000), drift(2000, ("size",))], [alarm(2400)], n_events=5000)
    assert [found.alarms for found in detection.found] == [(0,), ()]


def test_drifts_that_begin_together_are_both_detected() -> None:
    detection = detect([drift(1000), drift(1000, ("size", "price"))], [alarm(1400)], n_events=5000)
    assert [found.alarms for found in detection.found] == [(0,), (0,)]


def test_the_first_alarm_gives_the_delay_and_the_others_are_not_false() -> None:
    detection = detect([drift(1000)], [alarm(1900), alarm(1400)], n_events=5000)
    assert detection.found[0].alarms == (1, 0)
    assert (detection.found[0].delay_events, detection.false) == (400, ())


def test_a_feature_is_known_by_its_columns_and_by_its_absence() -> None:
    drifted = drift(1000, tasks=(), features=("clock",))
    for name in ("clock", "clock.day_sin", "clock[2]", "clock (missing)"):
        assert detect([drifted], [alarm(1400, name, FEATURE)], n_events=5000).n_detected == 1, name
    assert detect([drifted], [alarm(1400, "clocks", FEATURE)], n_events=5000).n_detected == 0
    assert detect([drifted], [alarm(1400, "clock", ERROR)], n_events=5000).n_detected == 0


def test_an_alarm_of_the_predictions_of_a_task_detects_its_drift() -> None:
    assert detect([drift(1000)], [alarm(1400, subject=PREDICTION)], n_events=5000).n_detected == 1


def test_what_nobody_watched_is_not_missed() -> None:
    drifts = [drift(1000), drift(2000, tasks=(), features=("amount",))]
    detection = detect(drifts, [alarm(1400)], n_events=5000, is_watched=lambda subject, name: subject is ERROR)
    assert [found.is_watched for found in detection.found] == [True, False]
    assert (detection.recall, detection.n_missed) == (1.0, 0)


def test_a_drift_after_the_end_of_the_stream_is_not_missed() -> None:
    detection = detect([drift(9000)], [], n_events=5000)
    assert detection.found == ()
    assert math.isnan(detection.recall)


def test_a_stream_without_drift_has_only_false_alarms() -> None:
    detection = detect([], [alarm(10), alarm(20)], n_events=100_000)
    assert (detection.false, detection.false_per_100k) == ((0, 1), 2.0)
    assert math.isnan(detection.median_delay_events)


def test_a_stream_without_events_has_no_rate() -> None:
    assert math.isnan(detect([], [], n_events=0).false_per_100k)
