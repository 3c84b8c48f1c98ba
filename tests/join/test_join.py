"""The join against its plain twin, and what its counters say."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from streammtl.digest import digest
from streammtl.join import Join
from streammtl.tasks.regression import RegressionTask
from streammtl.types import RowLayout, Turn
from tests.join.plain_join import Operation, PlainJoin, PlainTask

LAYOUT = RowLayout(("x",), (True,), ("c",), (8,))
Record = tuple[str, bool, float, dict[int, float]]


def build(tasks: list[PlainTask], capacity: int = 1000, max_ahead_s: float = 1e9) -> Join:
    built = []
    for i, task in enumerate(tasks):
        settings: dict[str, object] = {"delay_s": task.delay_s, "horizon_s": task.horizon_s}
        if not math.isnan(task.expiry_label):
            settings |= {"on_expiry": "value", "expiry_value": task.expiry_label}
        built.append(RegressionTask.Config.model_validate(settings).build(f"t{i}"))
    return Join.Config(capacity=capacity, max_ahead_s=max_ahead_s).build(tuple(built), LAYOUT)


def turn_of(records: Sequence[Record], n_tasks: int) -> Turn:
    """The feature of an event is a function of its id, so that a gathered row can be recognised."""
    labels_NT = np.full((len(records), n_tasks), np.nan)
    for i, (_, _, _, labels) in enumerate(records):
        for t, value in labels.items():
            labels_NT[i, t] = value
    events = [event_id for event_id, is_event, _, _ in records if is_event]
    n = len(records)
    return Turn(
        ids=[r[0] for r in records],
        is_event_N=np.array([r[1] for r in records], dtype=np.bool_),
        time_s_N=np.array([r[2] for r in records], dtype=np.float64),
        partition_N=np.zeros(n, np.int32),
        offset_N=np.arange(n),
        dense_ED=np.array([[float(i)] for i in events], np.float32).reshape(-1, 1),
        category_EC=np.ones((len(events), 1), np.int32),
        labels_NT=labels_NT,
        partitions=("p",),
        rejected=(),
    )


def run(join: Join, records: Sequence[Record], n_tasks: int, cuts: Sequence[int]) -> list[Operation]:
    """Operations with ids; what is published for an event is a function of its id too, and is checked at its LEARN."""
    operations: list[Operation] = []
    for start, stop in zip([0, *cuts], [*cuts, len(records)], strict=True):
        turn = turn_of(records[start:stop], n_tasks)
        plan = join.plan(turn)
        outputs_EO = np.repeat(plan.ops.dense_RD[: len(plan.event_record_E)].astype(np.float64) * 10, n_tasks, axis=1)
        published_RO = np.concatenate([outputs_EO, plan.outputs_GO])
        learned = 0
        for is_learn, row, labels_T in zip(plan.ops.is_learn_N, plan.ops.row_N, plan.ops.labels_NT, strict=True):
            event_id = str(int(plan.ops.dense_RD[row, 0]))
            if is_learn:
                assert (published_RO[row] == 10 * int(event_id)).all()
                assert plan.learn_row_L[learned] == row
                labels = {t: float(v) for t, v in enumerate(labels_T) if not np.isnan(v)}
                operations.append(("learn", event_id, labels, bool(plan.is_expiry_L[learned])))
                learned += 1
            else:
                operations.append(("predict", event_id))
        join.remember(plan, turn, outputs_EO)
    return operations


records_strategy = st.lists(
    st.tuples(
        st.integers(0, 12).map(str),
        st.booleans(),
        st.integers(0, 60).map(float),
        st.dictionaries(st.integers(0, 2), st.integers(0, 2).map(float), max_size=3),
    ),
    max_size=40,
)
tasks_strategy = st.lists(
    st.tuples(
        st.sampled_from([None, 8.0, 20.0]), st.sampled_from([0.0, 3.0, 6.0]), st.sampled_from([math.nan, 7.0])
    ).map(lambda t: PlainTask(t[0], t[1], t[2] if t[0] is not None else math.nan)),
    min_size=3,
    max_size=3,
)


@effort(max_examples=300, deadline=None)
@given(
    records=records_strategy,
    tasks=tasks_strategy,
    capacity=st.sampled_from([1, 2, 5, 100]),
    max_ahead_s=st.sampled_from([5.0, 1e9]),
    data=st.data(),
)
def test_any_cut_gives_the_operations_and_counts_of_the_plain_join(
    records: list[Record], tasks: list[PlainTask], capacity: int, max_ahead_s: float, data: st.DataObject
) -> None:
    plain = PlainJoin(tasks, capacity, max_ahead_s)
    expected = [operation for record in records for operation in plain.take(*record)]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(records)), max_size=5)))
    join = build(tasks, capacity, max_ahead_s)
    assert run(join, records, len(tasks), cuts) == expected
    assert join.counts == plain.counts

    whole = build(tasks, capacity, max_ahead_s)
    run(whole, records, len(tasks), [])
    assert digest(whole.state()) == digest(join.state())


@effort(max_examples=100, deadline=None)
@given(records=records_strategy, tasks=tasks_strategy, capacity=st.sampled_from([2, 100]), data=st.data())
def test_a_restored_join_goes_on_as_the_original(
    records: list[Record], tasks: list[PlainTask], capacity: int, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(records)))
    original, restored = build(tasks, capacity), build(tasks, capacity)
    run(original, records[:at], len(tasks), [])
    restored.load(original.state())
    rest_original = run(original, records[at:], len(tasks), [])
    assert run(restored, records[at:], len(tasks), []) == rest_original
    assert digest(restored.state()) == digest(original.state())


def test_the_label_of_an_event_in_the_same_turn_follows_its_prediction() -> None:
    records: list[Record] = [("1", True, 0.0, {}), ("2", True, 1.0, {0: 5.0}), ("1", False, 2.0, {0: 4.0})]
    assert run(build([PlainTask()]), records, 1, []) == [
        ("predict", "1"),
        ("predict", "2"),
        ("learn", "2", {0: 5.0}, False),
        ("learn", "1", {0: 4.0}, False),
    ]


def test_the_baseline_of_a_prediction_is_the_last_label_sent_before_it() -> None:
    join = build([PlainTask()])
    turn = turn_of([("1", True, 0.0, {0: 5.0}), ("2", True, 1.0, {}), ("1", False, 2.0, {0: 9.0})], 1)
    plan = join.plan(turn)
    np.testing.assert_array_equal(plan.baseline_ET, [[np.nan], [5.0]])


def test_an_expiry_is_no_label_that_somebody_sent() -> None:
    join = build([PlainTask(horizon_s=1.0, expiry_label=7.0)])
    plan = join.plan(turn_of([("1", True, 0.0, {}), ("2", True, 5.0, {}), ("3", True, 5.5, {})], 1))
    assert plan.is_expiry_L.tolist() == [True]
    assert np.isnan(plan.baseline_ET).all()


def test_delay_is_the_labels_time_minus_the_events() -> None:
    join = build([PlainTask()])
    plan = join.plan(turn_of([("1", True, 10.0, {}), ("1", False, 17.5, {0: 1.0})], 1))
    assert plan.delay_s_L.tolist() == [7.5]


def test_one_event_from_far_ahead_does_not_expire_the_others() -> None:
    join = build([PlainTask(horizon_s=100.0)], max_ahead_s=10.0)
    run(join, [("1", True, 0.0, {}), ("2", True, 1e12, {}), ("1", False, 11.0, {0: 1.0})], 1, [])
    assert (join.counts["matched"], join.counts["expired"]) == (1, 0)


@pytest.mark.parametrize("capacity", [1, 3])
def test_memory_is_bounded_by_the_capacity(capacity: int) -> None:
    join = build([PlainTask()], capacity=capacity)
    run(join, [(str(i), True, 0.0, {}) for i in range(50)], 1, [])
    assert join.n_remembered == capacity
    assert join.counts["evicted"] == 50 - capacity


def test_without_any_time_events_and_labels_still_meet() -> None:
    join = build([PlainTask()])
    operations = run(join, [("1", True, math.nan, {}), ("1", False, math.nan, {0: 2.0})], 1, [])
    assert operations[-1] == ("learn", "1", {0: 2.0}, False)
