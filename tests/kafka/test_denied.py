"""Sinks without a permission: they end at once, and say who lacks what, and how to grant it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from streammtl.clock import SystemClock
from streammtl.errors import SinkAbortedError, SinkError, SinkUnavailableError
from streammtl.kafka.settings import KafkaConnection
from streammtl.kafka.topics import require_topic
from streammtl.sinks._kafka_transaction import KafkaTransaction
from streammtl.sinks.base import Documents
from streammtl.sinks.kafka import KafkaSink
from tests.kafka.broker import PASSWORDS, Endpoints, security_of_alice
from tests.kafka.cluster import Cluster
from tests.kafka.conftest import _NewTopic
from tests.kafka.daemon import Daemon
from tests.kafka.test_secured_daemon import settings_for, topics

pytestmark = pytest.mark.slow

BOTH = pytest.mark.parametrize("driver", ["kafka-python", "confluent"])

#: What a transaction needs: the operation, and on what.
NEEDS = {
    "transactional-id": ("WRITE", "transactional_id"),
    "group": ("READ", "group"),
    "topic": ("READ", "topic"),
}


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALICE", PASSWORDS["alice"])


def command(operation: str, resource: str, name: str) -> str:
    """The end of the message."""
    return f"--add --allow-principal 'User:alice' --operation {operation} --{resource} '{name}'"


def grant(cluster: Cluster, topic: str, transactional_id: str, missing: str) -> None:
    """All that the mark of a transaction in `topic` needs, but for one thing."""
    for resource, (operation, kind) in NEEDS.items():
        if resource != missing:
            cluster.allow("alice", topic if resource == "topic" else transactional_id, operation, resource=kind)


def patiently(action: Callable[[], object]) -> None:
    """As the loop does it, which waits for a coordinator that is busy."""
    while True:
        try:
            action()
            return
        except SinkUnavailableError:
            SystemClock().sleep(0.1)


def end_of(transact: Callable[[], object]) -> str:
    """What a call says that ends for good, and not later or by going back."""
    with pytest.raises(SinkError) as caught:
        transact()
    assert not isinstance(caught.value, SinkUnavailableError | SinkAbortedError)
    assert PASSWORDS["alice"] not in str(caught.value)
    return str(caught.value)


def connection_to(endpoints: Endpoints, driver: str) -> KafkaConnection:
    return KafkaConnection.model_validate(
        {
            "servers": endpoints.secured,
            "driver": driver,
            "security": security_of_alice(endpoints.certificates / "ca.pem"),
        }
    )


@pytest.mark.parametrize("is_there", [True, False])
def test_a_topic_that_is_not_seen_is_not_made_without_leave(
    cluster: Cluster, endpoints: Endpoints, fresh_topic: _NewTopic, is_there: bool
) -> None:
    topic = fresh_topic() + ("" if is_there else "-not")
    with pytest.raises(SinkError) as caught:
        require_topic(connection_to(endpoints, "kafka-python"), topic, partitions=1)
    said = str(caught.value)
    assert "user 'alice' lacks the operation Create on the topic" in said
    assert "which is not there, or which it may not describe" in said
    assert said.endswith(command("Create", "topic", topic))


@BOTH
@pytest.mark.parametrize("missing", NEEDS)
def test_a_transaction_says_what_it_lacks_for_its_mark(
    cluster: Cluster, endpoints: Endpoints, fresh_topic: _NewTopic, driver: str, missing: str
) -> None:
    topic = fresh_topic()
    transactional_id = f"streammtl-{topic}"
    cluster.allow("alice", topic, "DESCRIBE", "WRITE")
    grant(cluster, topic, transactional_id, missing)
    transaction = KafkaTransaction(connection_to(endpoints, driver), "none", topic, transactional_id, 60.0)

    def transact() -> None:
        patiently(transaction.recover)
        transaction.begin()
        patiently(lambda: transaction.commit(1))

    said = end_of(transact)
    transaction.close()
    operation, name = NEEDS[missing][0].title(), topic if missing == "topic" else transactional_id
    assert f"user 'alice' lacks the operation {operation} on the {missing.replace('-', ' ')} {name!r}" in said
    assert said.endswith(command(operation, missing, name))


@BOTH
def test_a_transaction_names_the_topic_that_it_may_not_write_to(
    cluster: Cluster, endpoints: Endpoints, fresh_topic: _NewTopic, driver: str
) -> None:
    first, second = fresh_topic(), fresh_topic()
    cluster.allow("alice", first, "DESCRIBE", "WRITE")
    cluster.allow("alice", second, "DESCRIBE")
    grant(cluster, first, f"streammtl-{first}", "nothing")
    connection = connection_to(endpoints, driver)
    transaction = KafkaTransaction(connection, "none", first, f"streammtl-{first}", 60.0)
    patiently(transaction.recover)
    sinks = [KafkaSink.Config(connection=connection, topic=topic).build() for topic in (first, second)]
    for sink in sinks:
        sink.enter(transaction)
        sink.open(None)

    def transact() -> None:
        for sink in sinks:
            sink.publish(Documents(["k"], [{"x": 1}]))
        patiently(sinks[0].flush)

    said = end_of(transact)
    transaction.close()
    assert said.startswith(f"cannot publish: user 'alice' lacks the operation Write on the topic {second!r}")
    assert said.endswith(command("Write", "topic", second))


@BOTH
def test_a_daemon_that_may_not_keep_its_mark_ends_at_once(
    tmp_path: Path, cluster: Cluster, endpoints: Endpoints, driver: str
) -> None:
    prefix = topics(cluster)
    grant(cluster, f"{prefix}-predictions", f"streammtl-{prefix}", "topic")
    settings = settings_for(tmp_path, endpoints.secured, endpoints.certificates / "ca.pem", prefix, driver)
    settings["sink"]["delivery"] = "exactly_once"
    daemon = Daemon(tmp_path, settings)
    daemon.start()
    assert daemon.process.wait(60) == 1
    *before, last = daemon.log().splitlines()
    assert last.startswith("streammtl: cannot commit a transaction: user 'alice' lacks the operation Read")
    assert last.endswith(command("Read", "topic", f"{prefix}-predictions"))
    assert not [line for line in before if "going back" in line or "waiting" in line]
