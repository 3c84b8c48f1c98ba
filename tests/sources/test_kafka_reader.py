"""How long the reader of Kafka waits for which partition, without a broker: a consumer that gives what a test says."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import final

import numpy as np
import pytest

from streammtl.clock import ManualClock
from streammtl.errors import SourceUnavailableError
from streammtl.kafka.consumer import Batch, Consumer, ConsumerFailedError, Topic, TopicPartition
from streammtl.sources._kafka_reader import _SILENT_S, KafkaReader
from streammtl.types import Role

A, B = TopicPartition("t", 0), TopicPartition("t", 1)


@final
class GivenConsumer(Consumer):
    """Gives one scripted answer per poll; a poll without one takes its whole time."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.answers: deque[list[Batch]] = deque()
        self.ends: dict[TopicPartition, int] = {A: 0, B: 0}
        self.paused: set[TopicPartition] = set()
        self.is_reachable = True
        self.n_asked = 0

    def topics(self, names: Iterable[str]) -> dict[str, Topic]:
        return {name: Topic("id", 2) for name in names}

    def known_topics(self, names: Iterable[str]) -> dict[str, Topic]:
        return self.topics(names)

    def assign(self, offsets: Mapping[TopicPartition, int]) -> None:
        self.assigned = dict(offsets)

    def poll(self, timeout_s: float, max_records: int) -> list[Batch]:
        if self.answers:
            return self.answers.popleft()
        self._clock.sleep(timeout_s)
        return []

    def reached(self, partition: TopicPartition) -> int:
        return 0

    def end_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return {partition: self.ends[partition] for partition in partitions}

    def first_and_end_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        return {partition: (0, self.ends[partition]) for partition in partitions}

    def ask_ends(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        self.n_asked += 1
        return {partition: self.ends[partition] for partition in partitions}

    def pause(self, partitions: Sequence[TopicPartition]) -> None:
        self.paused |= set(partitions)

    def resume(self, partitions: Sequence[TopicPartition]) -> None:
        self.paused -= set(partitions)

    def require_reachable(self) -> None:
        if not self.is_reachable:
            raise SourceUnavailableError("no broker answers")

    def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        return

    def close(self) -> None:
        return


def batch(partition: TopicPartition, first: int, timestamps: Sequence[int]) -> Batch:
    offset_N = np.arange(first, first + len(timestamps))
    return Batch(partition, offset_N, np.array(timestamps, np.int64), [b"{}"] * len(timestamps))


def reader_of(
    consumer: GivenConsumer,
    clock: ManualClock,
    until: dict[TopicPartition, int] | None = None,
    roles: tuple[Role, Role] = (Role.MIXED, Role.MIXED),
) -> KafkaReader:
    return KafkaReader(consumer, clock, {A: 0, B: 0}, roles, until, merge_wait_s=0.05, max_poll_records=10)


def made() -> tuple[ManualClock, GivenConsumer]:
    clock = ManualClock()
    return clock, GivenConsumer(clock)


def test_an_empty_partition_read_to_its_end_is_waited_for_as_long_as_configured() -> None:
    clock, consumer = made()
    reader = reader_of(consumer, clock)
    consumer.ends[A] = 2
    consumer.answers.append([batch(A, 0, [1, 2])])
    assert len(reader.read(1.0)) == 0
    ordered = reader.read(1.0)
    assert ordered.offset_N.tolist() == [0, 1]
    assert 0.05 <= clock.monotonic() < 0.06


def test_one_that_has_been_empty_for_longer_is_not_waited_for_again() -> None:
    clock, consumer = made()
    reader = reader_of(consumer, clock)
    clock.advance(1.0)
    consumer.answers.append([batch(A, 0, [1])])
    assert len(reader.read(1.0)) == 1
    assert clock.monotonic() == 1.0


def test_before_it_is_passed_over_the_broker_is_asked_for_its_end_once_for_what_has_come() -> None:
    clock, consumer = made()
    reader = reader_of(consumer, clock)
    clock.advance(1.0)
    for i in range(3):
        consumer.answers.append([batch(A, i, [i])])
        assert reader.read(1.0).offset_N.tolist() == [i]
        assert reader.read(0.0).offset_N.tolist() == []
    assert consumer.n_asked == 3


def test_records_that_were_there_before_what_has_come_are_never_passed_over() -> None:
    """As after an outage: both were written meanwhile, and those of one come long before those of the other."""
    clock, consumer = made()
    reader = reader_of(consumer, clock)
    clock.advance(1.0)
    consumer.ends |= {A: 5, B: 3}
    consumer.answers.append([batch(A, 0, [10] * 5)])
    while clock.monotonic() < 1.0 + 0.9 * _SILENT_S:
        assert len(reader.read(0.25)) == 0
    consumer.answers += [[batch(B, 0, [1, 2])], [batch(B, 2, [3])]]
    assert reader.read(0.25).partition_N.tolist() == [1, 1]
    assert reader.read(0.25).partition_N.tolist() == [1]
    assert reader.read(0.25).partition_N.tolist() == [0] * 5


@pytest.mark.parametrize(
    ("role_of_waiting", "role_of_empty", "is_asked"),
    [
        (Role.LABELS, Role.EVENTS, True),
        (Role.MIXED, Role.MIXED, True),
        (Role.EVENTS, Role.LABELS, False),
        (Role.EVENTS, Role.EVENTS, False),
        (Role.LABELS, Role.LABELS, False),
    ],
)
def test_a_few_records_ask_only_for_events_that_labels_may_have_overtaken(
    role_of_waiting: Role, role_of_empty: Role, is_asked: bool
) -> None:
    clock, consumer = made()
    reader = reader_of(consumer, clock, roles=(role_of_waiting, role_of_empty))
    clock.advance(1.0)
    consumer.answers.append([batch(A, 0, [1, 2])])
    assert len(reader.read(1.0)) == 2
    assert consumer.n_asked == is_asked


def test_many_records_always_ask() -> None:
    clock, consumer = made()
    reader = reader_of(consumer, clock, roles=(Role.EVENTS, Role.LABELS))
    clock.advance(1.0)
    consumer.answers.append([batch(A, 0, [1] * 500)])
    assert len(reader.read(1.0)) == 500
    assert consumer.n_asked == 1


def test_a_consumer_that_gives_nothing_of_what_is_there_has_failed() -> None:
    clock, consumer = made()
    reader = reader_of(consumer, clock)
    consumer.ends[B] = 100
    consumer.answers.append([batch(A, 0, [1])])
    while clock.monotonic() < _SILENT_S:
        assert len(reader.read(0.25)) == 0
    clock.advance(1.0)
    with pytest.raises(ConsumerFailedError, match="t:1 has records from 0 to before 100, and none of them has come"):
        reader.read(0.25)


def test_also_where_nothing_comes_at_all_it_has_failed() -> None:
    clock, consumer = made()
    reader = reader_of(consumer, clock)
    consumer.ends |= {A: 7, B: 0}
    with pytest.raises(ConsumerFailedError, match="t:0 has records from 0 to before 7, and none of them has come"):
        read_for(reader, clock, 2 * _SILENT_S)


def test_also_where_others_go_on_without_it_it_has_failed() -> None:
    clock, consumer = made()
    reader = reader_of(consumer, clock, roles=(Role.EVENTS, Role.LABELS))
    consumer.ends |= {A: 0, B: 7}
    with pytest.raises(ConsumerFailedError, match="t:1 has records from 0 to before 7"):
        read_one_by_one(reader, clock, consumer, 2 * _SILENT_S)


def read_one_by_one(reader: KafkaReader, clock: ManualClock, consumer: GivenConsumer, seconds: float) -> None:
    """Read a record of A every quarter of a second."""
    for i in range(int(4 * seconds)):
        consumer.answers.append([batch(A, i, [i])])
        clock.advance(0.25)
        assert len(reader.read(0.25)) == 1


def test_a_stream_without_records_has_not_failed_and_is_asked_about_now_and_then() -> None:
    clock, consumer = made()
    reader = reader_of(consumer, clock)
    read_for(reader, clock, 100.0)
    assert 5 <= consumer.n_asked <= 10


def read_for(reader: KafkaReader, clock: ManualClock, seconds: float) -> None:
    """Read nothing for so long."""
    while clock.monotonic() < seconds:
        assert len(reader.read(0.25)) == 0


def test_while_no_broker_answers_one_that_has_more_is_waited_for_all_the_time() -> None:
    clock, consumer = made()
    reader = reader_of(consumer, clock)
    consumer.ends[B] = 100
    consumer.answers.append([batch(A, 0, [2])])
    consumer.is_reachable = False
    for _ in range(10):
        clock.advance(_SILENT_S)
        with pytest.raises(SourceUnavailableError):
            reader.read(0.25)
    consumer.is_reachable = True
    assert len(reader.read(0.25)) == 0
    consumer.answers.append([batch(B, 0, [1, 3])])
    assert reader.read(0.25).partition_N.tolist() == [1, 0]


def test_what_comes_meanwhile_takes_its_place() -> None:
    clock, consumer = made()
    reader = reader_of(consumer, clock)
    consumer.ends |= {A: 2, B: 1}
    consumer.answers += [[batch(A, 0, [1, 3])], [batch(B, 0, [2])]]
    assert len(reader.read(1.0)) == 0
    ordered = reader.read(1.0)
    assert (ordered.partition_N.tolist(), ordered.offset_N.tolist()) == ([0, 1], [0, 0])


def test_a_partition_far_ahead_of_one_that_is_due_is_paused() -> None:
    clock, consumer = made()
    reader = reader_of(consumer, clock)
    consumer.ends |= {A: 1000, B: 1000}
    for i in range(9):
        consumer.answers.append([batch(A, 10 * i, [100] * 10)])
        reader.read(0.0)
    assert consumer.paused == {A}
    consumer.answers.append([batch(B, 0, [200])])
    assert len(reader.read(0.0)) == 90
    assert consumer.paused == set()


def test_it_ends_before_the_given_offsets_and_does_not_wait_then() -> None:
    clock, consumer = made()
    reader = reader_of(consumer, clock, until={A: 2, B: 0})
    consumer.ends[A] = 5
    assert not reader.has_ended
    consumer.answers.append([batch(A, 0, [1, 2, 3])])
    assert reader.read(1.0).offset_N.tolist() == [0, 1]
    assert reader.has_ended
    assert clock.monotonic() == 0.0
