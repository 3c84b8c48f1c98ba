"""What the source promises beyond the contract of all sources, with either client library, against a real broker."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import kafka
import numpy as np
import pytest

from streammtl.clock import SystemClock
from streammtl.errors import SourceError
from streammtl.journal import Runs
from streammtl.kafka.confluent_consumer import ConfluentConsumer
from streammtl.kafka.consumer import TopicPartition
from streammtl.sources.kafka import KafkaSource
from streammtl.types import Records, Role
from tests.kafka.broker import wait_until
from tests.kafka.cluster import Cluster
from tests.kafka.conftest import _NewTopic
from tests.logged import logged

BOTH = pytest.mark.parametrize("driver", ["kafka-python", "confluent"])

Read = list[tuple[str, int]]


def source_of(cluster: Cluster, topic: str, driver: str, **settings: Any) -> KafkaSource:
    connection = {"servers": cluster.servers, "driver": driver}
    which = {} if "topics" in settings else {"topic": topic}
    config = KafkaSource.Config.model_validate({"connection": connection, **which, "follow": False, **settings})
    return KafkaSource(config, Path(), SystemClock())


def where(records: Records) -> Read:
    return [
        (records.partitions[p], o) for p, o in zip(records.partition_N.tolist(), records.offset_N.tolist(), strict=True)
    ]


def read_all(source: KafkaSource) -> Read:
    read: Read = []
    while (records := source.poll(0.5)) is not None:
        read += where(records)
    return read


def read_n(source: KafkaSource, n: int) -> Read:
    """So many records of a source that follows."""
    read: Read = []

    def have_come() -> bool:
        records = source.poll(0.1)
        assert records is not None
        read.extend(where(records))
        return len(read) >= n

    wait_until(have_come, f"{n} records have come")
    return read


@BOTH
def test_events_and_labels_come_by_time_and_events_first(cluster: Cluster, fresh_topic: _NewTopic, driver: str) -> None:
    events, labels = fresh_topic(2), fresh_topic()
    cluster.produce(events, [b"{}"] * 3, partition=0, timestamps_ms=[10, 40, 50])
    cluster.produce(events, [b"{}"] * 2, partition=1, timestamps_ms=[20, 50])
    cluster.produce(labels, [b"{}"] * 2, partition=0, timestamps_ms=[30, 50])
    source = source_of(cluster, "", driver, topics={"events": events, "labels": labels})
    source.open({})
    records = source.poll(5.0)
    assert records is not None
    assert records.roles == (Role.EVENTS, Role.EVENTS, Role.LABELS)
    e0, e1, l0 = (f"{events}:0", f"{events}:1", f"{labels}:0")
    assert where(records) + read_all(source) == [(e0, 0), (e1, 0), (l0, 0), (e0, 1), (e0, 2), (e1, 1), (l0, 1)]
    source.close()


@BOTH
def test_a_partition_without_records_is_not_waited_for_long(
    cluster: Cluster, fresh_topic: _NewTopic, driver: str
) -> None:
    topic = fresh_topic(2)
    cluster.produce(topic, [b"{}"] * 3, partition=1)
    source = source_of(cluster, topic, driver, follow=True, merge_wait_s=0.01)
    source.open({})
    assert read_n(source, 3) == [(f"{topic}:1", 0), (f"{topic}:1", 1), (f"{topic}:1", 2)]
    cluster.produce(topic, [b"{}"], partition=0)
    assert read_n(source, 1) == [(f"{topic}:0", 0)]
    source.close()


@BOTH
def test_any_order_can_be_followed_and_then_it_goes_on(cluster: Cluster, fresh_topic: _NewTopic, driver: str) -> None:
    topic = fresh_topic(2)
    for p in (0, 1):
        cluster.produce(topic, [b"{}"] * 5, partition=p, timestamps_ms=[100] * 5)
    names = (f"{topic}:1", f"{topic}:0")  # another numbering than the source's
    runs = Runs(names, np.array([0, 1, 0], np.int32), np.array([1, 0, 3]), np.array([2, 4, 1]))
    wanted = [(names[0], 1), (names[0], 2), *((names[1], i) for i in range(4)), (names[0], 3)]
    for max_poll_records in (1, 3, 100):
        source = source_of(cluster, topic, driver, max_poll_records=max_poll_records)
        source.open(runs.starts())
        source.follow(runs)
        assert read_all(source) == [*wanted, (names[1], 4), (names[0], 4)]
        source.open(runs.starts())
        source.follow(runs, end=True)
        assert read_all(source) == wanted
        source.close()


@BOTH
def test_removed_records_stop_it_or_are_counted(cluster: Cluster, fresh_topic: _NewTopic, driver: str) -> None:
    topic = fresh_topic()
    cluster.produce(topic, [b"{}"] * 10)
    cluster.delete_records(topic, 0, 6)
    with pytest.raises(SourceError, match=f"offset 2 of {topic}:0 is due, but the records before 6 were removed"):
        source_of(cluster, topic, driver).open({f"{topic}:0": 2})
    for policy, first, n_skipped in (("earliest", 6, 4), ("latest", 10, 8)):
        source = source_of(cluster, topic, driver, when_offset_is_gone=policy)
        source.open({f"{topic}:0": 2})
        assert read_all(source) == [(f"{topic}:0", offset) for offset in range(first, 10)]
        assert source.n_skipped == n_skipped
        source.close()


@BOTH
def test_records_that_are_removed_while_it_reads_are_noticed(
    cluster: Cluster, fresh_topic: _NewTopic, driver: str
) -> None:
    topic = fresh_topic()
    cluster.produce(topic, [b"{}"] * 3)
    source = source_of(cluster, topic, driver, follow=True, max_poll_records=1)
    source.open({})
    read_n(source, 1)
    source._disconnect()
    cluster.delete_records(topic, 0, 2)
    with pytest.raises(SourceError, match="offset 1 of"):
        source.poll(1.0)
    source.close()


@BOTH
def test_more_partitions_stop_it_or_are_read(cluster: Cluster, fresh_topic: _NewTopic, driver: str) -> None:
    topic = fresh_topic()
    cluster.produce(topic, [b"{}"])
    settings = {"follow": True, "topics_check_s": 0.1, "merge_wait_s": 0.01}
    stops = source_of(cluster, topic, driver, **settings)
    follows = source_of(cluster, topic, driver, new_partitions="follow", **settings)
    for source in (stops, follows):
        source.open({})
        assert read_n(source, 1) == [(f"{topic}:0", 0)]
    identity = stops.identity()
    cluster.add_partitions(topic, 2)
    cluster.produce(topic, [b"{}"], partition=1)
    assert read_n(follows, 1) == [(f"{topic}:1", 0)]
    with pytest.raises(SourceError, match="has 2 partitions now, and had 1"):
        read_n(stops, 2)
    restarted = source_of(cluster, topic, driver, **settings)
    restarted.expect(identity)
    with pytest.raises(SourceError, match="has 2 partitions now, and had 1"):
        restarted.open({f"{topic}:0": 1})
    for source in (stops, follows, restarted):
        source.close()


@BOTH
def test_a_topic_that_was_made_anew_is_not_read(cluster: Cluster, fresh_topic: _NewTopic, driver: str) -> None:
    topic = fresh_topic()
    cluster.produce(topic, [b"{}"] * 2)
    source = source_of(cluster, topic, driver, follow=True, topics_check_s=0.1)
    source.open({})
    read_n(source, 2)
    identity = source.identity()
    cluster.delete_topic(topic)
    cluster.create_topic(topic)
    with pytest.raises(SourceError, match=r"was deleted and made anew|there is no topic"):
        wait_until(lambda: source.poll(0.1) is None, "the new topic is noticed")
    restarted = source_of(cluster, topic, driver, follow=True)
    restarted.expect(identity)
    cluster.produce(topic, [b"{}"] * 5)
    with pytest.raises(SourceError, match="was deleted and made anew"):
        restarted.open({f"{topic}:0": 2})
    source.close()


@BOTH
def test_a_topic_that_is_not_there_is_named(cluster: Cluster, driver: str) -> None:
    with pytest.raises(SourceError, match="there is no topic 'nowhere'"):
        source_of(cluster, "nowhere", driver).open({})


@BOTH
def test_marks_of_transactions_and_aborted_records_are_passed_over(
    cluster: Cluster, fresh_topic: _NewTopic, driver: str
) -> None:
    topic = fresh_topic()
    producer = kafka.KafkaProducer(bootstrap_servers=cluster.servers, transactional_id=topic)
    producer.init_transactions()
    for commits in (True, False):
        producer.begin_transaction()
        producer.send(topic, b"{}").get(timeout=10)
        if commits:
            producer.commit_transaction()
        else:
            producer.abort_transaction()
    producer.close()
    source = source_of(cluster, topic, driver)
    source.open({})
    assert read_all(source) == [(f"{topic}:0", 0)]
    source.open({f"{topic}:0": 1})
    assert read_all(source) == []
    source.close()


@BOTH
def test_null_values_and_records_of_ten_megabytes_come_through(
    cluster: Cluster, fresh_topic: _NewTopic, driver: str
) -> None:
    topic = fresh_topic()
    values = [b"{}", None, b"x" * 10_000_000, b"[]"]
    cluster.produce(topic, values)
    source = source_of(cluster, topic, driver)
    source.open({})
    found: list[Any] = []
    while (records := source.poll(1.0)) is not None:
        found += records.values
    assert found == [b"{}", b"", b"x" * 10_000_000, b"[]"]
    source.close()


@BOTH
def test_lag_counts_what_is_left(cluster: Cluster, fresh_topic: _NewTopic, driver: str) -> None:
    topic = fresh_topic(2)
    cluster.produce(topic, [b"{}"] * 6, partition=0, timestamps_ms=[5_000] * 6)
    source = source_of(cluster, topic, driver, max_poll_records=4)
    source.open({})
    source.poll(5.0)
    lag = source.lag()
    assert lag is not None
    assert lag.n_records == 2
    assert lag.seconds > 1e9
    read_all(source)
    lag = source.lag()
    assert lag is not None
    assert (lag.n_records, lag.seconds) == (0, 0.0)
    source.close()


def test_a_library_that_has_locked_itself_out_does_not_hold_up_the_lag(
    cluster: Cluster, fresh_topic: _NewTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = fresh_topic()
    cluster.produce(topic, [b"{}"] * 3)
    source = source_of(cluster, topic, "confluent")
    source.open({})
    read_all(source)
    consumer = source._consumer
    assert isinstance(consumer, ConfluentConsumer)
    lag, released = source.lag(), threading.Event()
    looks: list[bool] = []

    def look(partitions: Sequence[TopicPartition]) -> None:
        looks.append(released.wait())

    def is_told(n_looks: int) -> bool:
        assert source.lag() == lag
        return len(looks) >= n_looks

    monkeypatch.setattr(consumer, "_look_at_ends", look)
    assert not any(is_told(1) for _ in range(3))
    released.set()
    wait_until(lambda: is_told(2), "the library is asked again, once it has answered")
    source.close()


@BOTH
def test_positions_are_committed_for_dashboards_and_the_last_before_the_source_is_closed(
    cluster: Cluster, fresh_topic: _NewTopic, driver: str, caplog: pytest.LogCaptureFixture
) -> None:
    topic = fresh_topic()
    group, partition = f"group-{topic}", kafka.TopicPartition(topic, 0)
    cluster.produce(topic, [b"{}"] * 3)
    consumer = kafka.KafkaConsumer(bootstrap_servers=cluster.servers, group_id=group, enable_auto_commit=False)
    source = source_of(cluster, topic, driver, group=group)
    source.open({})
    read_all(source)

    def is_committed() -> bool:  # not by the first try, which makes the topic of offsets where there is none yet
        source.commit({f"{topic}:0": 2})
        return bool(consumer.committed(partition) == 2)

    wait_until(is_committed, "the offset is committed")
    caplog.clear()
    source.commit({f"{topic}:0": 3})
    source.close()
    assert [text for text in caplog.messages if group in text] == logged(caplog, "streammtl.kafka") == []
    assert consumer.committed(partition) == 3
    consumer.close()
