"""For how long a transaction may make no progress."""

from __future__ import annotations

import pytest

from streammtl.errors import SinkAbortedError
from streammtl.kafka import lost
from streammtl.kafka.lost import Hope
from streammtl.kafka.settings import KafkaConnection


@pytest.fixture
def hope(monkeypatch: pytest.MonkeyPatch) -> Hope:
    """One without patience: who asks for the second time is told."""
    monkeypatch.setattr(lost, "_STUCK_S", 0.0)
    monkeypatch.setattr(lost, "_SILENT_S", 0.0)
    return Hope(KafkaConnection(servers=("127.0.0.1:9092",)))


def test_records_of_which_none_arrives_are_given_up(hope: Hope) -> None:
    hope.require(reaches_broker=True, n_waiting=5)
    hope.require(reaches_broker=True, n_waiting=4)
    with pytest.raises(SinkAbortedError, match="gets no further"):
        hope.require(reaches_broker=True, n_waiting=4)


def test_records_that_wait_later_are_others(hope: Hope) -> None:
    hope.require(reaches_broker=True, n_waiting=5)
    hope.arrived()
    hope.require(reaches_broker=True, n_waiting=5)
    with pytest.raises(SinkAbortedError, match="gets no further"):
        hope.require(reaches_broker=True, n_waiting=5)


def test_a_commit_that_does_not_end_is_given_up_though_all_records_have_arrived(hope: Hope) -> None:
    hope.begin()
    hope.require(reaches_broker=True, n_waiting=None)
    hope.arrived()
    with pytest.raises(SinkAbortedError, match="gets no further"):
        hope.require(reaches_broker=True, n_waiting=None)


def test_the_next_commit_has_time_of_its_own(hope: Hope) -> None:
    hope.begin()
    hope.require(reaches_broker=True, n_waiting=None)
    hope.begin()
    hope.require(reaches_broker=True, n_waiting=None)
    with pytest.raises(SinkAbortedError, match="gets no further"):
        hope.require(reaches_broker=True, n_waiting=None)
