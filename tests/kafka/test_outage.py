"""A broker that is away for as long as it takes: the daemon is not ready meanwhile, lives, and goes on where it was."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.kafka.broker import Broker
from tests.kafka.cluster import Cluster
from tests.kafka.daemon import Daemon, expected, predictions, settings_of, topics_of_a_run, write
from tests.kafka.watched import SERVED, is_ready, messages, metrics, reason, url_of
from tests.ops.scraping import key

pytestmark = pytest.mark.slow

N = 5000


@pytest.mark.parametrize("away_s", [5, 60])
@pytest.mark.parametrize(
    ("driver", "sink"),
    [("kafka-python", {}), ("confluent", {}), ("kafka-python", {"delivery": "exactly_once"})],
    ids=["kafka-python", "confluent", "exactly_once"],
)
def test_a_broker_that_was_away_costs_nothing_and_readyz_tells_of_it(
    tmp_path: Path, broker: Broker, driver: str, sink: dict[str, Any], away_s: int
) -> None:
    cluster = Cluster(broker.endpoints.plain)
    prefix = topics_of_a_run(cluster)
    settings = settings_of(tmp_path, cluster.servers, prefix, driver=driver, sink=sink, monitoring=SERVED)
    daemon = Daemon(tmp_path, settings)
    daemon.start()
    url = url_of(daemon)
    write(cluster, prefix, 0, N)
    daemon.wait_for(lambda: daemon.n_records() > 0, "it has saved something")
    daemon.wait_for(lambda: is_ready(url), "it is ready")
    cluster.close()
    broker.kill()
    gone_s = time.monotonic()
    try:
        daemon.wait_for(lambda: not is_ready(url), "it says that it is not ready", 30.0)
        assert "Unavailable" in reason(url)
        while time.monotonic() < gone_s + away_s:
            assert not is_ready(url)
            assert daemon.process.poll() is None, daemon.log()
            time.sleep(0.2)
        assert metrics(url)[key("streammtl_troubled")] == 1
    finally:
        broker.start()
    daemon.wait_for(lambda: is_ready(url), "it is ready again", 30.0)
    write(cluster, prefix, N, 2 * N)
    daemon.wait_for(lambda: daemon.n_records() == 4 * N, "it has taken everything")
    assert metrics(url)[key("streammtl_troubled")] == 0
    assert daemon.stop() == 0
    assert daemon.counted() == expected(2 * N)
    times, _ = predictions(cluster, prefix, committed=True)
    assert len(times) == 2 * N
    assert set(times.values()) == {1}
    warnings = messages(daemon, "warning")
    assert [line for line in warnings if line.startswith("waiting, for 0 s so far: ")], warnings
    assert [line for line in warnings if line.startswith("going on after ")], warnings
    assert not messages(daemon, "error")
    cluster.close()
