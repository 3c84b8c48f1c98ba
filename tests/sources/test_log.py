from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from streammtl.clock import ManualClock
from streammtl.errors import SourceError
from streammtl.log.embedded import EmbeddedLog
from streammtl.sources._topics import EventsAndLabels
from streammtl.sources.log import LogSource
from streammtl.types import Role

BOTH = EventsAndLabels(events="events", labels="labels")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


def append(log: EmbeddedLog, topic: str, *values: bytes, partition: int = 0) -> None:
    log.append(topic, [(None, value) for value in values], timestamp_s=0.0, partition=partition)


def test_events_and_labels_are_read_in_the_order_in_which_they_were_appended(path: Path) -> None:
    with EmbeddedLog(path) as log:
        log.create_topic("labels")
        log.create_topic("events", partitions=2)
        append(log, "events", b"e1", partition=1)
        append(log, "labels", b"l1")
        append(log, "events", b"e2", partition=0)
        append(log, "labels", b"l2")
    source = LogSource.Config(path=path, topics=BOTH, follow=False).build()
    source.open({})
    records = source.poll(timeout_s=0.0)
    source.close()
    assert records is not None
    assert list(records.values) == [b"e1", b"l1", b"e2", b"l2"]
    assert records.partitions == ("events:0", "events:1", "labels:0")
    assert records.roles == (Role.EVENTS, Role.EVENTS, Role.LABELS)
    assert records.partition_N.tolist() == [1, 2, 0, 2]
    assert records.offset_N.tolist() == [0, 0, 0, 1]


def test_without_follow_the_stream_ends_where_the_log_ended_when_opened(path: Path) -> None:
    with EmbeddedLog(path) as log:
        log.create_topic("all")
        append(log, "all", b"1")
        source = LogSource.Config(path=path, topic="all", follow=False).build()
        source.open({})
        append(log, "all", b"2")
        records = source.poll(timeout_s=0.0)
        assert records is not None
        assert list(records.values) == [b"1"]
        assert source.poll(timeout_s=0.0) is None
        source.close()


def test_with_follow_later_records_come_and_nothing_is_an_empty_poll(path: Path) -> None:
    clock = ManualClock()
    with EmbeddedLog(path) as log:
        log.create_topic("all")
        source = LogSource.Config(path=path, topic="all", poll_interval_s=0.25).build(clock=clock)
        source.open({})
        for value in (b"1", b"2"):
            before_s = clock.monotonic()
            nothing = source.poll(timeout_s=1.0)
            assert nothing is not None
            assert len(nothing) == 0
            assert clock.monotonic() - before_s == 1.0
            append(log, "all", value)
            records = source.poll(timeout_s=1.0)
            assert records is not None
            assert list(records.values) == [value]
        assert source.n_records is None
        source.close()


def test_a_partition_that_the_position_does_not_name_starts_at_its_first_record(path: Path) -> None:
    with EmbeddedLog(path) as log:
        log.create_topic("all", partitions=2)
        append(log, "all", b"1", b"2", partition=0)
        append(log, "all", b"3", partition=1)
        append(log, "all", b"4", partition=0)
    source = LogSource.Config(path=path, topic="all", follow=False).build()
    source.open({"all:0": 2})
    records = source.poll(timeout_s=0.0)
    source.close()
    assert records is not None
    assert list(records.values) == [b"3", b"4"]


def test_an_inconsistent_position_repeats_nothing_and_leaves_out_nothing(path: Path) -> None:
    with EmbeddedLog(path) as log:
        log.create_topic("all", partitions=2)
        for value in (b"1", b"2", b"3"):
            append(log, "all", value + b"a", partition=0)
            append(log, "all", value + b"b", partition=1)
    for max_poll_records in (1, 100):
        source = LogSource.Config(path=path, topic="all", follow=False, max_poll_records=max_poll_records).build()
        source.open({"all:0": 3, "all:1": 0})
        values: list[object] = []
        while (records := source.poll(timeout_s=0.0)) is not None:
            values += records.values
        source.close()
        assert values == [b"1b", b"2b", b"3b"]


def test_a_new_run_starts_at_what_is_left_of_a_trimmed_log(path: Path) -> None:
    with EmbeddedLog(path) as log:
        log.create_topic("all")
        append(log, "all", b"1", b"2", b"3")
        log.trim("all", 0, before_offset=2)
    source = LogSource.Config(path=path, topic="all", follow=False).build()
    source.open({})
    assert source.n_records == 1
    records = source.poll(timeout_s=0.0)
    source.close()
    assert records is not None
    assert list(records.values) == [b"3"]


@pytest.mark.parametrize("position", [{"all:0": 1}, {"all:1": 0}])
def test_resuming_at_a_trimmed_position_says_what_is_there(path: Path, position: dict[str, int]) -> None:
    with EmbeddedLog(path) as log:
        log.create_topic("all", partitions=2)
        append(log, "all", b"1", b"2", b"3")
        log.trim("all", 0, before_offset=2)
    source = LogSource.Config(path=path, topic="all").build()
    with pytest.raises(SourceError, match=r"of all:0 .* was trimmed; it holds the offsets 2 up to 3"):
        source.open(position)


@pytest.mark.parametrize("follow", [True, False])
@pytest.mark.parametrize("before_offset", [2, 3])
def test_records_that_are_trimmed_before_they_are_read_are_no_silent_gap(
    path: Path, before_offset: int, follow: bool
) -> None:
    with EmbeddedLog(path) as log:
        log.create_topic("all")
        append(log, "all", b"1", b"2", b"3")
        source = LogSource.Config(path=path, topic="all", max_poll_records=1, follow=follow).build()
        source.open({})
        source.poll(timeout_s=0.0)
        log.trim("all", 0, before_offset)
        gap = f"the offsets 1 to {before_offset - 1} of all:0 .* were trimmed before they were read"
        with pytest.raises(SourceError, match=gap):
            source.poll(timeout_s=0.0)
        source.close()


def test_a_missing_log_is_not_created(path: Path) -> None:
    with pytest.raises(SourceError, match="there is no log"):
        LogSource.Config(path=path, topic="all").build().open({})
    assert not path.exists()


def test_a_missing_topic_names_those_that_are_there(path: Path) -> None:
    with EmbeddedLog(path) as log:
        log.create_topic("clicks")
    with pytest.raises(SourceError, match=r"no topic 'all' .* its topics: clicks"):
        LogSource.Config(path=path, topic="all").build().open({})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "set either topic, or topics"),
        ({"topic": "a", "topics": {"events": "a", "labels": "b"}}, "set either topic, or topics"),
        ({"topics": {"events": "a", "labels": "a"}}, "both topics are 'a'"),
        ({"topics": {"events": "a"}}, "labels"),
    ],
)
def test_wrong_topics(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        LogSource.Config.model_validate({"path": "log.db", **settings})
