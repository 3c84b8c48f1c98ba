"""Brokers and topics for the tests of this folder.

The broker of `cluster` and `endpoints` is shared by all tests, also of other processes: never stop it. A test that
kills, pauses or proxies a broker takes `broker`, which no other process uses.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.kafka.broker import Broker, Endpoints, shared_broker
from tests.kafka.class_archive import make_class_archive
from tests.kafka.cluster import Cluster
from tests.kafka.daemon import Daemon, topics_of_a_run
from tests.kafka.jars import UnavailableError, broker_jars
from tests.kafka.nursery import close_the_nursery
from tests.kafka.sockets import close_what_is_forgotten

close_what_is_forgotten()

#: A broker that is there already, host:port without security.
_GIVEN = os.environ.get("STREAMMTL_TEST_KAFKA")


class _NewTopic:
    """Makes topics with names of their own."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def __call__(self, partitions: int = 1, **settings: str) -> str:
        return self._cluster.create_topic(partitions=partitions, **settings)


@pytest.fixture(autouse=True)
def _no_daemon_is_left() -> Iterator[None]:
    """A test that fails must not leave its daemon to the tests after it."""
    yield
    Daemon.end_all()


@pytest.fixture(scope="session", autouse=True)
def _no_nursery_is_left() -> Iterator[None]:
    yield
    close_the_nursery()


@pytest.fixture(scope="session")
def endpoints(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoints]:
    """The shared broker's addresses, the secured ones too."""
    if _GIVEN is not None:
        pytest.skip("needs a broker with TLS and users; STREAMMTL_TEST_KAFKA names one without")
    # The folder above is the same for all processes of one run of pytest-xdist.
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    _require_programs()
    make_class_archive()
    with shared_broker(folder) as found:
        yield found


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The shared broker, or the one that STREAMMTL_TEST_KAFKA names."""
    found = Cluster(_GIVEN if _GIVEN is not None else request.getfixturevalue("endpoints").plain)
    yield found
    found.close()


@pytest.fixture(scope="session")
def fresh_topic(cluster: Cluster) -> _NewTopic:
    """Makes topics of the shared broker, each with a name of its own: `fresh_topic(partitions=2)`."""
    return _NewTopic(cluster)


@pytest.fixture
def prefix(cluster: Cluster) -> str:
    """What the names of four topics of the shared broker begin with: those of a run of its own."""
    return topics_of_a_run(cluster)


@pytest.fixture
def broker(_own_broker: Broker) -> Broker:
    """A broker that no other process uses, so it may be killed; it keeps what tests before this one have made."""
    if not _own_broker.is_running:  # a test has failed before it started it again
        _own_broker.start()
    return _own_broker


@pytest.fixture(scope="session")
def _own_broker() -> Iterator[Broker]:
    _require_programs()
    make_class_archive()
    with Broker() as found:
        yield found


def _require_programs() -> None:
    try:
        broker_jars()
    except UnavailableError as error:
        if os.environ.get("STREAMMTL_TEST_COMPLETE"):
            raise
        pytest.skip(str(error))
