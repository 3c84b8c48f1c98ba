"""kill -9 of the real daemon at random moments, again and again: nothing is lost, nothing is counted twice.

`STREAMMTL_TEST_KILLS` says how often (default 50); there are 4,000 events per kill.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Any

import pytest

from tests.kafka.cluster import Cluster
from tests.kafka.daemon import Daemon, expected, predictions, settings_of, write

KILLS = int(os.environ.get("STREAMMTL_TEST_KILLS", "50"))
EVENTS_PER_KILL = 4000
CHECKPOINT_RECORDS = 2000
POLL_RECORDS = 500


def kill_again_and_again(daemon: Daemon, cluster: Cluster, prefix: str, kills: int, seed: int, per_kill: int) -> None:
    """Each life gets more records before and while it runs, and dies at a random moment after its first checkpoint.

    Every tenth is started from nothing, the others are forked.
    """
    moments = random.Random(seed)
    for life in range(kills):
        seen, start = daemon.newest(), life * per_kill
        write(cluster, prefix, start, start + per_kill // 2)
        daemon.start(from_nothing=life % 10 == 0)
        write(cluster, prefix, start + per_kill // 2, start + per_kill)
        daemon.wait_for(lambda seen=seen: daemon.newest() != seen, "it has saved something")
        time.sleep(moments.random() * 0.3)
        daemon.kill()


def finish(daemon: Daemon, n_records: int) -> None:
    daemon.start()
    # Those who were killed have left most of the records to it.
    daemon.wait_for(lambda: daemon.n_records() == n_records, f"it has taken {n_records} records", 600.0)
    assert daemon.stop() == 0


@pytest.mark.slow(seconds=80)
@pytest.mark.parametrize("driver", ["kafka-python", "confluent"])
def test_at_least_once_is_exact_in_what_is_learned_and_repeats_at_most_an_interval(
    tmp_path: Path, cluster: Cluster, prefix: str, driver: str
) -> None:
    kills = KILLS if driver == "kafka-python" else max(1, KILLS // 5)
    n = kills * EVENTS_PER_KILL
    daemon = Daemon(tmp_path, settings_of(tmp_path, cluster.servers, prefix, driver=driver))
    kill_again_and_again(daemon, cluster, prefix, kills, seed=1, per_kill=EVENTS_PER_KILL)
    finish(daemon, 2 * n)
    assert daemon.counted() == expected(n)
    times, _ = predictions(cluster, prefix)
    assert len(times) == n
    # One interval, and the poll in which the checkpoint became due, per kill.
    assert sum(times.values()) - n <= kills * (CHECKPOINT_RECORDS + POLL_RECORDS)
    assert max(times.values()) <= 1 + kills


@pytest.mark.slow(seconds=80)
@pytest.mark.parametrize("driver", ["kafka-python", "confluent"])
def test_exactly_once_repeats_nothing(tmp_path: Path, cluster: Cluster, prefix: str, driver: str) -> None:
    kills = KILLS if driver == "kafka-python" else max(1, KILLS // 5)
    n = kills * EVENTS_PER_KILL
    delivery: dict[str, Any] = {"delivery": "exactly_once"}
    daemon = Daemon(tmp_path, settings_of(tmp_path, cluster.servers, prefix, driver=driver, sink=delivery))
    kill_again_and_again(daemon, cluster, prefix, kills, seed=2, per_kill=EVENTS_PER_KILL)
    finish(daemon, 2 * n)
    assert daemon.counted() == expected(n)
    times, _ = predictions(cluster, prefix, committed=True)
    assert len(times) == n
    assert set(times.values()) == {1}
