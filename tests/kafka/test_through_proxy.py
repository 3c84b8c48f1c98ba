"""The daemon behind a network that cuts connections, loses answers and is slow: nothing is lost, nothing is doubled."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kafka.broker import Broker
from tests.kafka.cluster import Cluster
from tests.kafka.daemon import Daemon, expected, predictions, settings_of, write
from tests.kafka.proxy import FETCH, METADATA, OFFSET_COMMIT, PRODUCE, Proxy
from tests.kafka.watched import SERVED, is_ready, url_of

pytestmark = pytest.mark.slow

PER_ROUND = 2000
ROUNDS = 6


@pytest.mark.parametrize(
    ("driver", "delivery"),
    [("kafka-python", "at_least_once"), ("confluent", "at_least_once"), ("kafka-python", "exactly_once")],
)
def test_cuts_and_lost_answers_cost_nothing(tmp_path: Path, broker: Broker, driver: str, delivery: str) -> None:
    cluster = Cluster(broker.endpoints.plain)
    prefix = cluster.create_topic()
    for topic in ("events", "labels", "predictions", "rejects"):
        cluster.create_topic(f"{prefix}-{topic}")
    with Proxy(broker.endpoints) as proxy:
        settings = settings_of(
            tmp_path, proxy.servers, prefix, driver=driver, sink={"delivery": delivery}, monitoring=SERVED
        )
        settings["source"]["connection"] |= {"request_timeout_s": 2.0}  # all connections are this one
        daemon = Daemon(tmp_path, settings)
        daemon.start()
        url = url_of(daemon)
        daemon.wait_for(lambda: daemon.newest() != "", "it has begun")
        for step in range(ROUNDS):
            proxy.slow(0.02 if step == ROUNDS - 1 else 0.0)
            for request in (PRODUCE, FETCH, METADATA, OFFSET_COMMIT)[: 4 if step % 2 else 1]:
                proxy.drop(request)
            write(cluster, prefix, step * PER_ROUND, (step + 1) * PER_ROUND)
            if step % 3 == 1:
                proxy.cut()
            n = 2 * (step + 1) * PER_ROUND
            daemon.wait_for(lambda n=n: daemon.n_records() == n, "it has taken everything", 120.0)
        daemon.wait_for(lambda: is_ready(url), "it is ready")
        assert proxy.n_dropped(PRODUCE) > 0
        assert daemon.stop() == 0, daemon.log()
    assert daemon.counted() == expected(ROUNDS * PER_ROUND)
    times, _ = predictions(cluster, prefix, committed=True)
    assert len(times) == ROUNDS * PER_ROUND
    assert set(times.values()) == {1}
    cluster.close()
