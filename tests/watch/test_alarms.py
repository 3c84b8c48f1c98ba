"""Which changes are alarms, and what an alarm says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from streammtl.drift.signals import task_errors
from streammtl.types import Alarm, AlarmSubject
from tests.watch.streams import FRAUD, KIND, PRICE, Stream, calm, observe, watch_of

NAN = float("nan")

#: Finds a change as soon as the mean of a block is 2 deviations of one value away from those before, after 2 blocks.
QUICK = {"kind": "page_hinkley", "min_instances": 2, "delta": 0.0, "threshold": 2.0}


def steps(*levels: float) -> Stream:
    """Blocks of four events; `amount` is level -1, +1, -1, +1 in each, and the error of `price` is |amount|."""
    n = 4 * len(levels)
    amount_E = np.repeat(levels, 4) + np.tile([-1.0, 1.0], n // 2)
    stream = calm(n)
    dense_ED = np.column_stack([amount_E, np.zeros(n)]).astype(np.float32)
    labels_ET = np.column_stack([np.full(n, NAN), np.full(n, NAN), amount_E])
    return stream.where(dense_ED=dense_ED, labels_ET=labels_ET, outputs_EO=np.zeros((n, 5)))


def test_an_alarm_has_the_place_of_its_blocks_last_record() -> None:
    watch = watch_of(block=4, reference_blocks=1, error=None, features=QUICK, feature_columns=["amount"])
    # Block 1 is the reference (mean 0, deviation 1). Block means times sqrt(4): 0, 0, 8; mean of them 2.67; 5.33 > 2.
    (alarm,) = observe(watch, steps(0.0, 0.0, 0.0, 4.0, 4.0))
    assert alarm == Alarm(
        subject=AlarmSubject.FEATURE,
        name="amount",
        detector="page_hinkley",
        time_s=1015.0,
        n_events=16,
        partition="p0",  # record 15 of three partitions that take turns
        offset=5,
        before=0.0,
        after=4.0,
    )


def test_the_place_of_an_error_is_that_of_the_label() -> None:
    watch = watch_of(block=4, reference_blocks=2, error=QUICK, error_tasks=["price"])
    stream = steps(0.0, 0.0, 2.0, 2.0, 0.0, 0.0, 6.0, 6.0)  # errors 1 | 1 | 1, 3 | 1, 3 | 1 | 1 | 5, 7 | 5, 7
    labels_ET = stream.labels_ET.copy()
    labels_ET[:8] = NAN  # so the reference is 1, 3, 1, 3 | 1, 3, 1, 3 and blocks end at events 11, 15, 19, ...
    (alarm,) = observe(watch, stream.where(labels_ET=labels_ET))[:1]
    assert (alarm.subject, alarm.name) == (AlarmSubject.ERROR, "price")
    assert (alarm.n_events, alarm.partition, alarm.offset) == (28, "p0", 9)
    assert alarm.after == 6.0


def test_a_falling_error_is_an_alarm_only_where_asked_for() -> None:
    stream = steps(6.0, 6.0, 6.0, 0.0, 0.0)
    settings: dict[str, Any] = {"block": 4, "reference_blocks": 1, "error": QUICK, "error_tasks": ["price"]}
    assert observe(watch_of(**settings), stream) == []
    (alarm,) = observe(watch_of(**settings, error_falls=True), stream)
    assert (alarm.before, alarm.after) == (6.0, 1.0)


def test_the_error_of_a_task_counts_its_own_labels() -> None:
    """Events without labels, and labels of other tasks, move no block."""
    stream = steps(0.0, 0.0, 0.0, 8.0, 8.0)
    watch = watch_of(block=4, reference_blocks=1, error=QUICK)
    dense = observe(watch, stream)
    sparse_ET = np.full((3 * len(stream), 3), NAN)
    sparse_ET[2::3] = stream.labels_ET
    sparse_ET[::3, 0] = 1.0
    wide = calm(len(sparse_ET)).where(labels_ET=sparse_ET, outputs_EO=np.zeros((len(sparse_ET), 5)))
    spread = observe(watch_of(block=4, reference_blocks=1, error=QUICK), wide)
    assert [(a.before, a.after) for a in dense] == [(a.before, a.after) for a in spread if a.name == "price"]
    assert [3 * a.n_events for a in dense] == [a.n_events for a in spread if a.name == "price"]


def test_alarms_of_one_turn_come_in_order_of_the_records() -> None:
    watch = watch_of(block=4, reference_blocks=1, error=None, features=QUICK, predictions=QUICK)
    stream = steps(0.0, 0.0, 0.0, 8.0, 8.0, 8.0, 0.0, 0.0)
    outputs_EO = np.random.default_rng(1).random((len(stream), 5))
    outputs_EO[16:] += 20.0
    alarms = observe(watch, stream.where(outputs_EO=outputs_EO))
    assert len({alarm.subject for alarm in alarms}) == 2
    assert [alarm.n_events for alarm in alarms] == sorted(alarm.n_events for alarm in alarms)


def test_a_shift_by_one_deviation_is_found_within_1000_events() -> None:
    stream = calm(6000)
    dense_ED = stream.dense_ED.copy()
    dense_ED[4000:, 1] += 1.0
    (alarm,) = observe(watch_of(error=None, features="adwin"), stream.where(dense_ED=dense_ED))
    assert alarm.name == "load"
    assert 4000 < alarm.n_events <= 5000
    assert alarm.before == pytest.approx(0.0, abs=0.1)
    assert alarm.after == pytest.approx(1.0, abs=0.15)


def test_a_feature_that_goes_missing_is_found() -> None:
    stream = calm(6000)
    dense_ED = stream.dense_ED.copy()
    dense_ED[4000:, 0] = NAN
    (alarm,) = observe(watch_of(error=None, features="adwin"), stream.where(dense_ED=dense_ED))
    assert (alarm.subject, alarm.name) == (AlarmSubject.FEATURE, "amount (missing)")
    assert (alarm.before, alarm.after) == (0.0, 1.0)
    assert 4000 < alarm.n_events <= 5000


def test_a_category_that_is_renamed_is_found() -> None:
    stream = calm(6000)
    category_EC = stream.category_EC.copy()
    category_EC[4000:][category_EC[4000:] == 1] = 7
    (alarm,) = observe(watch_of(error=None, features="adwin"), stream.where(category_EC=category_EC))
    assert alarm.name == "merchant"
    assert alarm.before == pytest.approx(0.6, abs=0.05)  # values 1 and 2 were the usual ones
    assert alarm.after == pytest.approx(0.2, abs=0.05)
    assert 4000 < alarm.n_events <= 5000


def test_a_new_distribution_of_predictions_is_found() -> None:
    stream = calm(6000)
    outputs_EO = stream.outputs_EO.copy()
    outputs_EO[4000:, 0] /= 4.0
    outputs_EO[4000:, 1:4] = outputs_EO[4000:, 3:0:-1]
    alarms = observe(watch_of(error=None, predictions="adwin"), stream.where(outputs_EO=outputs_EO))
    assert [(alarm.subject, alarm.name) for alarm in alarms] == [
        (AlarmSubject.PREDICTION, "fraud"),
        (AlarmSubject.PREDICTION, "kind"),
    ]
    assert alarms[0].after == pytest.approx(alarms[0].before / 4.0, rel=0.1)


def test_wrong_classes_are_found_by_a_detector_of_errors() -> None:
    stream = calm(8000)
    labels_ET = stream.labels_ET.copy()
    labels_ET[:, 0] = stream.outputs_EO[:, 0] >= 0.4  # wrong where the probability is 0.4 to 0.5
    labels_ET[5000:, 0] = stream.outputs_EO[5000:, 0] < 0.4
    watch = watch_of(error="ddm", error_tasks=["fraud"])
    (alarm, *_) = observe(watch, stream.where(labels_ET=labels_ET))
    assert (alarm.name, alarm.detector) == ("fraud", "ddm")
    assert 5000 < alarm.n_events <= 5500
    assert alarm.before == pytest.approx(0.125, abs=0.03)


def test_errors_of_a_binary_task() -> None:
    label_B, outputs_BK = np.array([1.0, 0.0, 1.0, 0.0]), np.array([[0.75], [0.75], [0.5], [NAN]])
    assert task_errors(FRAUD, label_B, outputs_BK, as_wrong=False)[:3].tolist() == [0.0625, 0.5625, 0.25]
    assert task_errors(FRAUD, label_B, outputs_BK, as_wrong=True)[:3].tolist() == [0.0, 1.0, 0.0]
    assert np.isnan(task_errors(FRAUD, label_B, outputs_BK, as_wrong=False)[3])
    assert np.isnan(task_errors(FRAUD, label_B, outputs_BK, as_wrong=True)[3])


def test_errors_of_a_multiclass_task() -> None:
    label_B, outputs_BK = np.array([2.0, 0.0]), np.array([[0.25, 0.25, 0.5], [0.25, 0.75, 0.0]])
    assert task_errors(KIND, label_B, outputs_BK, as_wrong=False).tolist() == [0.25, 0.5625]
    assert task_errors(KIND, label_B, outputs_BK, as_wrong=True).tolist() == [0.0, 1.0]


def test_errors_of_a_regression_task_are_absolute() -> None:
    errors_B = task_errors(PRICE, np.array([2.0, 5.0]), np.array([[3.5], [5.0]]), as_wrong=False)
    assert errors_B.tolist() == [1.5, 0.0]


@pytest.mark.slow
def test_a_calm_stream_raises_few_alarms() -> None:
    """27 signals of 300,000 events at one false alarm per signal and million events would be 8; more fail this."""
    watch = watch_of(features="adwin", predictions="adwin")
    alarms = [alarm for seed in range(3) for alarm in observe(watch, calm(100_000, seed))]
    assert len(alarms) <= 2
