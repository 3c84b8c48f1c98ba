"""SIGTERM and SIGINT at any moment: the turn is finished, the state saved, the exit code 0, within ten seconds."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.kafka.cluster import Cluster
from tests.kafka.daemon import Daemon, expected, predictions, settings_of, write
from tests.kafka.watched import messages

pytestmark = pytest.mark.slow

SIGNALS = (signal.SIGTERM, signal.SIGINT)
LIVES = 6
PER_LIFE = 3000


# After every poll of 50 records a checkpoint: half of the time is spent in one.
@pytest.mark.parametrize("checkpoint", [{}, {"every_records": 1}], ids=["polls and steps", "checkpoints"])
@pytest.mark.parametrize(
    ("driver", "delivery"),
    [("kafka-python", "at_least_once"), ("confluent", "at_least_once"), ("kafka-python", "exactly_once")],
)
def test_a_daemon_that_is_stopped_at_any_moment_ends_with_0_and_repeats_nothing(
    tmp_path: Path, cluster: Cluster, prefix: str, driver: str, delivery: str, checkpoint: dict[str, Any]
) -> None:
    poll = {"max_poll_records": 50} if checkpoint else {}
    settings = settings_of(
        tmp_path,
        cluster.servers,
        prefix,
        driver=driver,
        sink={"delivery": delivery},
        checkpoint=checkpoint,
        source=poll,
    )
    daemon, moments = Daemon(tmp_path, settings), random.Random(0)
    for life in range(LIVES):
        seen = daemon.n_records()
        daemon.start(from_nothing=life < len(SIGNALS))
        write(cluster, prefix, life * PER_LIFE, (life + 1) * PER_LIFE)
        daemon.wait_for(lambda seen=seen: daemon.n_records() > seen, "it has saved something")
        time.sleep(moments.random() * 0.5)
        assert daemon.stop(SIGNALS[life % 2]) == 0, daemon.log()
    daemon.start("--set", "checkpoint.every_records=2000", "--set", "source.max_poll_records=500")  # for what is left
    n = LIVES * PER_LIFE
    daemon.wait_for(lambda: daemon.n_records() == 2 * n, "it has taken everything")
    assert daemon.stop() == 0
    assert daemon.counted() == expected(n)
    times, _ = predictions(cluster, prefix, committed=True)
    assert len(times) == n
    assert set(times.values()) == {1}
    assert not messages(daemon, "error")
    assert not [line for line in messages(daemon, "warning") if "Cancelled" in line]


@pytest.mark.parametrize("how", SIGNALS)
def test_a_daemon_without_records_is_stopped_at_once(
    tmp_path: Path, cluster: Cluster, prefix: str, how: signal.Signals
) -> None:
    daemon = Daemon(tmp_path, settings_of(tmp_path, cluster.servers, prefix))
    daemon.start()
    daemon.wait_for(lambda: daemon.newest() != "", "it has begun")
    assert daemon.stop(how) == 0
    assert "stopped after 0 records" in daemon.log()
