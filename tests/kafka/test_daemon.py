"""The real daemon beside a broker that dies, and signals at bad moments."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path

import pytest

from tests.kafka.broker import Broker
from tests.kafka.cluster import Cluster
from tests.kafka.daemon import (
    DRIVERS,
    Daemon,
    expected,
    of_every_kind,
    predictions,
    settings_of,
    topics_of_a_run,
    write,
)

pytestmark = pytest.mark.slow


@pytest.mark.slow(seconds=30)
@pytest.mark.parametrize("driver", DRIVERS)
def test_a_broker_that_is_killed_for_ten_seconds_costs_nothing(tmp_path: Path, broker: Broker, driver: str) -> None:
    cluster = Cluster(broker.endpoints.plain)
    daemons = of_every_kind(tmp_path, cluster, drivers=(driver,))
    for daemon in daemons.values():
        daemon.start()
    for start in (0, 10_000):
        for prefix in daemons:
            write(cluster, prefix, start, start + 10_000)
        for daemon in daemons.values():
            daemon.wait_for(lambda of=daemon, n=2 * start: of.n_records() > n, "it has saved something of it")
        cluster.close()
        broker.kill()
        time.sleep(10)
        for daemon in daemons.values():
            assert daemon.process.poll() is None, daemon.log()
        broker.start()
    for prefix, daemon in daemons.items():
        daemon.wait_for(lambda daemon=daemon: daemon.n_records() == 40_000, "it has taken everything")
        assert daemon.stop() == 0
        assert daemon.counted() == expected(20_000)
        times, _ = predictions(cluster, prefix, committed=True)
        assert len(times) == 20_000
        assert set(times.values()) == {1}
        assert "going on after" in daemon.log()
    cluster.close()


@pytest.mark.slow(seconds=20)
def test_a_daemon_without_a_broker_ends_in_time_with_0(tmp_path: Path, broker: Broker) -> None:
    cluster = Cluster(broker.endpoints.plain)
    signals = (signal.SIGTERM, signal.SIGINT)
    daemons = {how: of_every_kind(tmp_path / how.name, cluster) for how in signals}
    each = [(how, prefix, daemon) for how in signals for prefix, daemon in daemons[how].items()]
    for _, prefix, daemon in each:
        daemon.start()
        write(cluster, prefix, 0, 3000)
        daemon.wait_for(lambda daemon=daemon: daemon.n_records() > 0, "it has saved something")
    cluster.close()
    broker.kill()
    try:
        time.sleep(1)
        for how, _, daemon in each:
            assert daemon.stop(how) == 0, daemon.log()
    finally:
        broker.start()
    for _, prefix, daemon in each:
        daemon.start()
        daemon.wait_for(lambda daemon=daemon: daemon.n_records() == 6000, "it has taken everything")
        assert daemon.stop() == 0
        assert daemon.counted() == expected(3000)
        times, _ = predictions(cluster, prefix)
        assert len(times) == 3000
    cluster.close()


def test_a_daemon_that_is_started_before_the_broker_waits_for_it(tmp_path: Path, broker: Broker) -> None:
    cluster = Cluster(broker.endpoints.plain)
    prefix = topics_of_a_run(cluster)
    write(cluster, prefix, 0, 100)
    cluster.close()
    broker.kill()
    daemon = Daemon(tmp_path, settings_of(tmp_path, cluster.servers, prefix))
    try:
        daemon.start()
        daemon.wait_for(lambda: "waiting" in daemon.log(), "it says that it waits")
    finally:
        broker.start()
    daemon.wait_for(lambda: daemon.n_records() == 200, "it has taken everything")
    assert daemon.stop() == 0


def test_hangup_changes_nothing_and_is_logged(tmp_path: Path, cluster: Cluster) -> None:
    prefix = topics_of_a_run(cluster)
    daemon = Daemon(tmp_path, settings_of(tmp_path, cluster.servers, prefix))
    daemon.start()
    write(cluster, prefix, 0, 2000)
    daemon.wait_for(lambda: daemon.n_records() > 0, "it has saved something")
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for(lambda: "ignoring SIGHUP" in daemon.log(), "it says so")
    write(cluster, prefix, 2000, 4000)
    daemon.wait_for(lambda: daemon.n_records() == 8000, "it has gone on")
    assert daemon.stop() == 0


def test_a_second_daemon_on_the_same_folder_is_refused(tmp_path: Path, cluster: Cluster) -> None:
    prefix = topics_of_a_run(cluster)
    first = Daemon(tmp_path, settings_of(tmp_path, cluster.servers, prefix))
    first.start()
    first.wait_for(lambda: first.newest() != "", "it has begun")
    (tmp_path / "second").mkdir()
    second = Daemon(tmp_path / "second", settings_of(tmp_path, cluster.servers, prefix))
    second.start()
    assert second.process.wait(60) == 1
    assert "lock" in second.log() or "another" in second.log()
    assert first.process.poll() is None
    assert first.stop() == 0


def test_systemd_hears_that_it_is_ready_lives_and_stops(
    tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = topics_of_a_run(cluster)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        daemon = Daemon(tmp_path, settings_of(tmp_path, cluster.servers, prefix))
        daemon.start(from_nothing=True)
        assert manager.recv(100) == b"READY=1\nWATCHDOG=1"
        assert manager.recv(100) == b"WATCHDOG=1"
        assert daemon.stop() == 0
        said = b""
        while said != b"STOPPING=1":
            said = manager.recv(100)
            assert said in (b"WATCHDOG=1", b"STOPPING=1")
