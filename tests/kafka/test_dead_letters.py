"""The topic of dead letters cannot be written: the daemon waits or stops, as configured, and drops none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ACL, ACLFilter, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType

from tests.kafka.broker import PASSWORDS, Endpoints, security_of_alice
from tests.kafka.cluster import Cluster
from tests.kafka.daemon import Daemon, event, expected, predictions, settings_of, write
from tests.kafka.watched import SERVED, is_ready, reason, url_of

pytestmark = pytest.mark.slow

N = 1000


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALICE", PASSWORDS["alice"])


@pytest.fixture
def prefix(cluster: Cluster) -> str:
    """Topics of which alice may read two and write the others."""
    name = cluster.create_topic()
    for topic in ("events", "labels"):
        cluster.create_topic(f"{name}-{topic}")
        cluster.allow("alice", f"{name}-{topic}", "DESCRIBE", "READ")
    for topic in ("predictions", "rejects"):
        cluster.create_topic(f"{name}-{topic}")
        cluster.allow("alice", f"{name}-{topic}", "DESCRIBE", "WRITE")
    cluster.allow("alice", name, "READ", resource="group")
    return name


class Denial:
    """A rule by which alice may not write to a topic, which goes before the one by which she may."""

    def __init__(self, servers: str, topic: str) -> None:
        self._admin: Any = KafkaAdminClient(bootstrap_servers=servers)
        self._pattern = ResourcePattern(ResourceType.TOPIC, topic)

    def impose(self) -> None:
        rule = ACL("User:alice", "*", ACLOperation.WRITE, ACLPermissionType.DENY, self._pattern)
        self._admin.create_acls([rule])

    def lift(self) -> None:
        rule = ACLFilter("User:alice", "*", ACLOperation.WRITE, ACLPermissionType.DENY, self._pattern)
        self._admin.delete_acls([rule])

    def close(self) -> None:
        self._admin.close()


@pytest.fixture
def denial(cluster: Cluster, prefix: str) -> Iterator[Denial]:
    made = Denial(cluster.servers, f"{prefix}-rejects")
    yield made
    made.close()


def daemon_of(folder: Path, endpoints: Endpoints, prefix: str, driver: str, **changes: Any) -> Daemon:
    settings = settings_of(
        folder, endpoints.secured, prefix, driver=driver, source={"group": prefix}, monitoring=SERVED, **changes
    )
    # All connections are this one.
    settings["source"]["connection"]["security"] = security_of_alice(endpoints.certificates / "ca.pem")
    return Daemon(folder, settings)


def letters(cluster: Cluster, prefix: str) -> list[int]:
    return sorted(json.loads(record.value or b"")["offset"] for record in cluster.read(f"{prefix}-rejects"))


@pytest.mark.parametrize("driver", ["kafka-python", "confluent"])
def test_it_waits_and_goes_on_with_every_letter_when_it_may_write_again(
    tmp_path: Path, cluster: Cluster, endpoints: Endpoints, prefix: str, denial: Denial, driver: str
) -> None:
    daemon = daemon_of(tmp_path, endpoints, prefix, driver)
    daemon.start()
    url = url_of(daemon)
    write(cluster, prefix, 0, N)
    daemon.wait_for(lambda: daemon.n_records() == 2 * N, "it has saved everything")
    denial.impose()
    cluster.produce(f"{prefix}-events", [b"{", *(event(i) for i in range(N, N + 10)), b"\xff"])
    daemon.wait_for(lambda: not is_ready(url), "it is in trouble")
    assert f"{prefix}-rejects" in reason(url)
    assert letters(cluster, prefix) == []
    denial.lift()
    daemon.wait_for(lambda: is_ready(url), "it goes on")
    daemon.wait_for(lambda: daemon.n_records() == 2 * N + 12, "it has saved everything")
    assert daemon.stop() == 0
    assert set(letters(cluster, prefix)) == {N, N + 11}
    assert len(predictions(cluster, prefix)[0]) == N + 10
    assert daemon.counted() == expected(N)


@pytest.mark.parametrize("driver", ["kafka-python", "confluent"])
def test_with_a_limit_it_stops_with_a_message_and_loses_nothing(
    tmp_path: Path, cluster: Cluster, endpoints: Endpoints, prefix: str, denial: Denial, driver: str
) -> None:
    daemon = daemon_of(tmp_path, endpoints, prefix, driver, limits={"unavailable_s": 3.0})
    denial.impose()
    daemon.start()
    cluster.produce(f"{prefix}-events", [b"{", *(event(i) for i in range(10))])
    assert daemon.process.wait(60) == 1
    assert f"{prefix}-rejects" in daemon.log()
    assert PASSWORDS["alice"] not in daemon.log()
    denial.lift()
    daemon.start()
    daemon.wait_for(lambda: daemon.n_records() == 11, "it has taken everything")
    assert daemon.stop() == 0
    assert set(letters(cluster, prefix)) == {0}
    assert len(predictions(cluster, prefix)[0]) == 10
