"""Offsets that are committed for dashboards, and cannot be: what is said of it, and when."""

from __future__ import annotations

import logging

import kafka
import pytest

from streammtl.clock import ManualClock
from streammtl.kafka.python_consumer import CommitFailures
from tests.kafka.broker import Broker, wait_until
from tests.kafka.cluster import Cluster
from tests.kafka.test_source import source_of
from tests.logged import logged

PASSING, LASTING = kafka.errors.CoordinatorNotAvailableError(), kafka.errors.GroupAuthorizationFailedError("g")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(100.0)


@pytest.fixture
def failures(clock: ManualClock, caplog: pytest.LogCaptureFixture) -> CommitFailures:
    caplog.set_level(logging.INFO)
    return CommitFailures("g", clock)


def test_what_may_pass_is_news_when_it_has_lasted(
    failures: CommitFailures, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(10):
        failures.log(PASSING, may_pass=True)
        clock.advance(1.0)
    assert logged(caplog, "streammtl.kafka") == []
    failures.log(PASSING, may_pass=True)
    assert logged(caplog, "streammtl.kafka") == [
        f"group g: its offsets could not be committed, for dashboards only: {PASSING}"
    ]


def test_after_a_commit_that_succeeds_it_may_pass_again(
    failures: CommitFailures, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    failures.log(PASSING, may_pass=True)
    clock.advance(60.0)
    failures.end()
    failures.log(PASSING, may_pass=True)
    assert logged(caplog, "streammtl.kafka") == []


def test_what_does_not_pass_is_news_at_once(failures: CommitFailures, caplog: pytest.LogCaptureFixture) -> None:
    failures.log(LASTING, may_pass=False)
    assert len(logged(caplog, "streammtl.kafka")) == 1


@pytest.mark.slow
@pytest.mark.parametrize("driver", ["kafka-python", "confluent"])
def test_the_first_commit_on_a_new_broker_is_no_news(driver: str, caplog: pytest.LogCaptureFixture) -> None:
    with Broker() as broker:
        cluster = Cluster(broker.endpoints.plain)
        topic = cluster.create_topic()
        cluster.produce(topic, [b"{}"] * 3)
        source = source_of(cluster, topic, driver, group="g", follow=True)
        source.open({})
        consumer = kafka.KafkaConsumer(bootstrap_servers=cluster.servers, group_id="g", enable_auto_commit=False)

        def is_committed() -> bool:
            source.commit({f"{topic}:0": 3})
            source.poll(0.2)
            return bool(consumer.committed(kafka.TopicPartition(topic, 0)) == 3)

        wait_until(is_committed, "the offset is committed")
        consumer.close()
        source.close()
        cluster.close()
    assert logged(caplog, "streammtl") == []
