"""A broker that is away for as long as it takes: the daemon is not ready meanwhile, lives, and goes on where it was."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.kafka.broker import Broker
from tests.kafka.cluster import Cluster
from tests.kafka.daemon import Daemon, expected, of_every_kind, predictions, write
from tests.kafka.watched import SERVED, is_ready, messages, metrics, reason, url_of
from tests.ops.scraping import key

N = 5000


@pytest.mark.parametrize(
    "away_s",
    [pytest.param(5, marks=pytest.mark.slow(seconds=20)), pytest.param(60, marks=pytest.mark.slow(seconds=90))],
)
def test_a_broker_that_was_away_costs_nothing_and_readyz_tells_of_it(
    tmp_path: Path, broker: Broker, away_s: int
) -> None:
    cluster = Cluster(broker.endpoints.plain)
    daemons = of_every_kind(tmp_path, cluster, monitoring=SERVED)
    for daemon in daemons.values():
        daemon.start()
    url_by_prefix = {prefix: url_of(daemon) for prefix, daemon in daemons.items()}
    for prefix, daemon in daemons.items():
        write(cluster, prefix, 0, N)
        # A client that has fetched records ahead gives them out without a broker too: the daemon is ready with these.
        daemon.wait_for(lambda daemon=daemon: daemon.n_records() == 2 * N, "it has taken what there is")
        daemon.wait_for(lambda url=url_by_prefix[prefix]: is_ready(url), "it is ready")
    cluster.close()
    broker.kill()
    gone_s = time.monotonic()
    try:
        for prefix, daemon in daemons.items():
            url = url_by_prefix[prefix]
            daemon.wait_for(lambda url=url: not is_ready(url), "it says that it is not ready", 30.0)
            assert "Unavailable" in reason(url)
        while time.monotonic() < gone_s + away_s:
            for prefix, daemon in daemons.items():
                assert not is_ready(url_by_prefix[prefix])
                assert daemon.process.poll() is None, daemon.log()
            time.sleep(0.2)
        for url in url_by_prefix.values():
            assert metrics(url)[key("streammtl_troubled")] == 1
    finally:
        broker.start()
    for prefix, daemon in daemons.items():
        daemon.wait_for(lambda url=url_by_prefix[prefix]: is_ready(url), "it is ready again", 30.0)
    for prefix, daemon in daemons.items():
        write(cluster, prefix, N, 2 * N)
        daemon.wait_for(lambda daemon=daemon: daemon.n_records() == 4 * N, "it has taken everything")
        assert metrics(url_by_prefix[prefix])[key("streammtl_troubled")] == 0
        assert daemon.stop() == 0
        assert_nothing_is_lost_and_the_log_tells_of_it(daemon, cluster, prefix)
    cluster.close()


def assert_nothing_is_lost_and_the_log_tells_of_it(daemon: Daemon, cluster: Cluster, prefix: str) -> None:
    assert daemon.counted() == expected(2 * N)
    times, _ = predictions(cluster, prefix, committed=True)
    assert len(times) == 2 * N
    assert set(times.values()) == {1}
    warnings = messages(daemon, "warning")
    assert [line for line in warnings if line.startswith("waiting, for 0 s so far: ")], warnings
    assert [line for line in warnings if line.startswith("going on after ")], warnings
    assert not messages(daemon, "error")
