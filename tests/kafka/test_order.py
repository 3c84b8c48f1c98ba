"""Many partitions and many kills: the journal keeps the order, so that state and predictions are those of one run.

Events and labels have four partitions each; the daemon is killed again and again while records come.
"""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from streammtl.checkpoint import read_checkpoint
from streammtl.digest import digest
from streammtl.journal import read_journal
from streammtl.run.cli import main
from streammtl.seeds import named_rng
from tests.kafka.cluster import Cluster
from tests.kafka.daemon import Daemon, settings_of, write

PARTITIONS = 4
KILLS = int(os.environ.get("STREAMMTL_TEST_KILLS", "20"))
PER_KILL = 2_000
EVERY_S = 0.05  # each look reads the whole journal

#: Its parameters depend on the order of events and labels, those of a counter would not.
LEARNS = {
    "model": {"kind": "mlp", "hidden": [4]},
    "journal": {"keep": "all"},
    "checkpoint": {"every_records": 3000, "every_s": 0.5, "keep": 2},
}


@pytest.mark.slow(seconds=50)
@pytest.mark.parametrize("driver", ["kafka-python", "confluent"])
def test_killed_again_and_again_it_ends_as_a_replay_of_its_journal(
    cluster: Cluster, tmp_path: Path, driver: str
) -> None:
    kills = KILLS if driver == "kafka-python" else max(1, KILLS // 4)
    prefix = f"order-{driver}-{os.getpid()}"
    for kind in ("events", "labels"):
        cluster.create_topic(f"{prefix}-{kind}", PARTITIONS)
    for kind in ("predictions", "rejects"):
        cluster.create_topic(f"{prefix}-{kind}")
    daemon = Daemon(tmp_path, settings_of(tmp_path, cluster.servers, prefix, driver=driver, **LEARNS))
    rng = named_rng(0, "kills")
    for life in range(kills):
        daemon.start(from_nothing=life % 10 == 0)
        write(cluster, prefix, life * PER_KILL, (life + 1) * PER_KILL)
        goal = int(rng.integers(n_in_journal(tmp_path), 2 * (life + 1) * PER_KILL))
        daemon.wait_for(partial(has_taken, tmp_path, goal + 1), f"{goal} records were taken", 300.0, EVERY_S)
        daemon.kill()
    n = kills * PER_KILL + 1
    daemon.start()
    write(cluster, prefix, n - 1, n)  # when it takes this one, it is there to hear that it shall stop
    daemon.wait_for(partial(has_taken, tmp_path, 2 * n), "all records were taken", 300.0, EVERY_S)
    assert daemon.stop() == 0

    # Learned state: that of a run that was never killed, and took the records in this order.
    state = read_checkpoint(newest(tmp_path)).state
    figures = tmp_path / "replay.json"
    journal = str(tmp_path / "checkpoints" / "journal")
    replayed = CliRunner().invoke(
        main, ["replay", str(daemon.config), "--journal", journal, "--quiet", "--json", str(figures)]
    )
    assert replayed.exit_code == 0, replayed.output
    of_engine = {key: value for key, value in state.items() if key not in ("sinks", "identity")}
    replayed_digest = json.loads(figures.read_text())["digest"]
    assert replayed_digest == digest(of_engine)
    assert f"; digest {replayed_digest}" in daemon.log()

    # Predictions: all there, and where one was published again, with the same value.
    values: dict[bytes, set[bytes | None]] = {}
    for record in cluster.read(f"{prefix}-predictions"):
        values.setdefault(record.key or b"", set()).add(record.value)
    assert len(values) == n
    assert not [key for key, of_key in values.items() if len(of_key) > 1]


def has_taken(folder: Path, n: int) -> bool:
    return n_in_journal(folder) >= n


def n_in_journal(folder: Path) -> int:
    """How many records the daemon has taken."""
    if not any((folder / "checkpoints" / "journal").glob("segment-*")):
        return 0
    return read_journal(folder / "checkpoints" / "journal").n_records


def newest(folder: Path) -> Path:
    return max((folder / "checkpoints").glob("checkpoint-*"))
