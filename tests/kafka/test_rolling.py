"""A cluster of three brokers that are restarted one after the other, while the daemon publishes in transactions."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import final

import pytest

from streammtl.digest import digest
from tests.cli.commands import streammtl
from tests.kafka.cluster import Cluster
from tests.kafka.conftest import _require_programs
from tests.kafka.daemon import Daemon, predictions, settings_of, write
from tests.kafka.test_order import LEARNS
from tests.kafka.trio import Trio
from tests.kafka.watched import messages

AT_ONCE = 250


@pytest.fixture(scope="module")
def trio() -> Iterator[Trio]:
    _require_programs()
    with Trio() as found:
        yield found


@pytest.fixture
def cluster(trio: Trio) -> Iterator[Cluster]:
    found = Cluster(trio.servers, replication=3)
    yield found
    found.close()


@final
class Writing:
    """Events and labels come without end, in a thread."""

    def __init__(self, servers: str, prefix: str) -> None:
        self.n = 0
        self._cluster = Cluster(servers)
        self._prefix = prefix
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._write)

    def __enter__(self) -> Writing:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._is_over.set()
        self._thread.join()
        self._cluster.close()

    def _write(self) -> None:
        while not self._is_over.wait(0.1):
            write(self._cluster, self._prefix, self.n, self.n + AT_ONCE)
            self.n += AT_ONCE


@pytest.mark.slow(seconds=30)
@pytest.mark.parametrize("driver", ["kafka-python", "confluent"])
def test_a_rolling_restart_costs_nothing(trio: Trio, cluster: Cluster, tmp_path: Path, driver: str) -> None:
    prefix = f"rolling-{driver}"
    for kind in ("events", "labels", "predictions", "rejects"):
        cluster.create_topic(f"{prefix}-{kind}", 2)
    settings = settings_of(tmp_path, trio.servers, prefix, driver=driver, sink={"delivery": "exactly_once"}, **LEARNS)
    daemon = Daemon(tmp_path, settings)
    daemon.start()
    with Writing(trio.servers, prefix) as writing:
        daemon.wait_for(lambda: daemon.n_records() > 0, "it has saved something")
        trio.restart_each()
    # A transaction that got lost is given up after half a minute.
    daemon.wait_for(lambda: daemon.n_records() == 2 * writing.n, "it has taken everything", 120.0)
    assert daemon.stop() == 0
    assert messages(daemon, "error") == []

    # Nothing is lost or learned twice, and readers of committed records have seen each prediction once.
    state = daemon.state()
    assert (state["totals"]["events"], state["totals"]["labels"]) == (writing.n, writing.n)
    times, _ = predictions(cluster, prefix, committed=True)
    assert len(times) == writing.n
    assert set(times.values()) == {1}

    figures = tmp_path / "replay.json"
    journal = tmp_path / "checkpoints" / "journal"
    replayed = streammtl("replay", daemon.config, "--journal", journal, "--quiet", "--json", figures)
    assert replayed.exit_code == 0, replayed.output
    of_engine = {key: value for key, value in state.items() if key not in ("sinks", "identity")}
    assert json.loads(figures.read_text())["digest"] == digest(of_engine)
