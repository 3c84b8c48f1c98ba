"""The daemon on the embedded log: killed, started again, stopped; one writer and one reader beside it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streammtl.config import RunConfig
from streammtl.log.embedded import EmbeddedLog
from streammtl.run.daemon import run_daemon
from streammtl.run.replay import replay
from tests.engine.streams import SETTINGS, documents


def settings_of(folder: Path, *, follow: bool) -> dict[str, Any]:
    log = str(folder / "stream.log")
    return {
        **SETTINGS,
        "source": {"kind": "log", "path": log, "topic": "all", "follow": follow, "max_poll_records": 10},
        "sink": {
            "predictions": {"kind": "log", "path": log, "topic": "predictions"},
            "rejects": {"kind": "log", "path": log, "topic": "rejects"},
        },
        "checkpoint": {"path": str(folder / "checkpoints"), "every_records": 25, "every_s": 1e6},
    }


def write(folder: Path, values: list[bytes]) -> None:
    with EmbeddedLog(folder / "stream.log") as log:
        if "all" not in log.topics():
            log.create_topic("all", 3)
        log.append("all", [(value[:9], value) for value in values], timestamp_s=0.0)


def predicted(folder: Path) -> list[str]:
    with EmbeddedLog(folder / "stream.log") as log:
        if "predictions" not in log.topics():
            return []
        return [json.loads(value)["id"] for value in log.read(["predictions"], 0, 10**6).values]


def straight_digest(folder: Path, values: list[bytes]) -> str:
    folder.mkdir()
    write(folder, values)
    settings = settings_of(folder, follow=False)
    return replay(RunConfig.parse({**settings, "checkpoint": {}, "sink": {}}, environment={})).digest


def test_a_stopped_daemon_has_the_state_of_a_replay(tmp_path: Path) -> None:
    values = [value for value in documents(60) if value]
    expected = straight_digest(tmp_path / "straight", values)
    folder = tmp_path / "daemon"
    folder.mkdir()
    write(folder, values)
    stops = iter([False] * 20)
    run_daemon(RunConfig.parse(settings_of(folder, follow=True), environment={}), stop=lambda: next(stops, True))
    report = replay(RunConfig.parse(settings_of(folder, follow=False), environment={}), resume=True)
    assert report.digest == expected
    assert len(predicted(folder)) == 60


@pytest.mark.slow
def test_killed_again_and_again_nothing_is_lost_or_counted_twice(tmp_path: Path) -> None:
    values = [value for value in documents(200) if value]
    expected = straight_digest(tmp_path / "straight", values)
    folder = tmp_path / "daemon"
    folder.mkdir()
    write(folder, values[:50])
    config = folder / "run.yaml"
    config.write_text(json.dumps(settings_of(folder, follow=True)))
    command = [sys.executable, "-m", "streammtl.run.cli", "run", str(config)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    for start in range(50, len(values), 90):  # the stream goes on while the daemon runs, dies, and is away
        process = subprocess.Popen(command, env=environment)
        seen = len(predicted(folder))
        wait_for(lambda seen=seen: len(predicted(folder)) > seen)  # type: ignore[misc]
        write(folder, values[start : start + 45])
        process.send_signal(signal.SIGKILL)
        process.wait()
        write(folder, values[start + 45 : start + 90])

    process = subprocess.Popen(command, env=environment)
    wait_for(lambda: len(set(predicted(folder))) == 200)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
    report = replay(RunConfig.parse(settings_of(folder, follow=False), environment={}), resume=True)
    assert report.digest == expected
    ids = predicted(folder)
    assert len(ids) == len(set(ids)) == 200


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "waited a minute in vain"
        time.sleep(0.02)  # leave the processor to the daemon
