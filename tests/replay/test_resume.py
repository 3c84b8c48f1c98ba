"""Stopping anywhere and resuming gives the digest of never stopping."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from streammtl.checkpoint import Checkpoints
from streammtl.config import RunConfig
from streammtl.engine import Engine, TurnReport
from streammtl.errors import CheckpointError
from streammtl.run.observe import Observer
from streammtl.run.replay import ReplayReport, replay
from streammtl.types import State
from tests.engine.streams import SETTINGS, documents


def settings_of(folder: Path, every_records: int = 40, max_poll_records: int = 17) -> dict[str, Any]:
    stream = folder / "stream.jsonl"
    if not stream.exists():
        stream.write_bytes(b"\n".join(v for v in documents(200) if b"\n" not in v) + b"\n")
    return {
        **SETTINGS,
        "source": {"kind": "jsonl", "path": str(stream), "max_poll_records": max_poll_records},
        "sink": {
            "predictions": {"kind": "jsonl", "path": str(folder / "predictions.jsonl")},
            "metrics": {"kind": "jsonl", "path": str(folder / "metrics.jsonl")},
            "rejects": {"kind": "jsonl", "path": str(folder / "rejects.jsonl")},
            "metrics_every_records": 50,
        },
        "checkpoint": {"path": str(folder / "checkpoints"), "every_records": every_records, "every_s": 1e6},
    }


def outputs(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in ("predictions.jsonl", "metrics.jsonl", "rejects.jsonl")}


def straight(folder: Path) -> tuple[ReplayReport, dict[str, bytes]]:
    folder.mkdir()
    report = replay(RunConfig.parse(settings_of(folder), environment={}))
    return report, outputs(folder)


def test_a_checkpoint_that_somebody_removes_at_once_stops_no_learning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = Checkpoints.save

    def save_in_vain(checkpoints: Checkpoints, state: State, number: int) -> Path:
        path = save(checkpoints, state, number)
        shutil.rmtree(path)
        return path

    monkeypatch.setattr(Checkpoints, "save", save_in_vain)
    assert replay(RunConfig.parse(settings_of(tmp_path), environment={})).events == 200


def test_stopping_after_every_poll_and_resuming_changes_nothing(tmp_path: Path) -> None:
    expected, expected_outputs = straight(tmp_path / "straight")
    folder = tmp_path / "stopped"
    folder.mkdir()
    n_runs, report = 0, None
    while report is None or report.stopped:
        polls = iter([False] * 3)
        report = replay(
            RunConfig.parse(settings_of(folder), environment={}),
            resume=True,
            stop=lambda p=polls: next(p, True),  # type: ignore[misc]
        )
        n_runs += 1
    assert n_runs > 5
    assert report.digest == expected.digest
    assert report.alarms == expected.alarms
    assert repr(report.tasks) == repr(expected.tasks)
    assert outputs(folder) == expected_outputs


class CrashAfter(Observer):
    def __init__(self, n_turns: int) -> None:
        self._turns = iter(range(n_turns))

    def turn(self, report: TurnReport, engine: Engine) -> None:
        if next(self._turns, None) is None:
            raise RuntimeError("crash")


def test_a_crash_between_checkpoints_leaves_no_trace(tmp_path: Path) -> None:
    """Also not in what was published after the last checkpoint."""
    expected, expected_outputs = straight(tmp_path / "straight")
    folder = tmp_path / "crashed"
    folder.mkdir()
    for crash_at in (3, 7, 11, 4):
        with pytest.raises(RuntimeError, match="crash"):
            replay(RunConfig.parse(settings_of(folder), environment={}), resume=True, observer=CrashAfter(crash_at))
    report = replay(RunConfig.parse(settings_of(folder), environment={}), resume=True)
    assert report.digest == expected.digest
    assert outputs(folder) == expected_outputs


def test_a_new_run_does_not_mix_with_the_checkpoints_of_an_old_one(tmp_path: Path) -> None:
    config = RunConfig.parse(settings_of(tmp_path), environment={})
    replay(config)
    with pytest.raises(CheckpointError, match="earlier run"):
        replay(config)


def test_checkpoints_that_cannot_be_written_change_nothing_that_is_learned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, expected_outputs = straight(tmp_path / "straight")
    folder = tmp_path / "full"
    folder.mkdir()
    save, n_calls = Checkpoints.save, iter(range(1000))

    def fail_now_and_then(self: Checkpoints, state: State, number: int) -> Path:
        if next(n_calls) in (1, 2):
            raise CheckpointError("no space left on the device")
        return save(self, state, number)

    monkeypatch.setattr(Checkpoints, "save", fail_now_and_then)
    report = replay(RunConfig.parse(settings_of(folder), environment={}))
    assert next(n_calls) > 3
    assert report.digest == expected.digest
    assert outputs(folder) == expected_outputs


@pytest.mark.slow
def test_kill_9_at_random_moments_and_resuming_changes_nothing(tmp_path: Path) -> None:
    expected, expected_outputs = straight(tmp_path / "straight")
    folder = tmp_path / "killed"
    folder.mkdir()
    config = folder / "run.yaml"
    config.write_text(json.dumps(settings_of(folder, every_records=20, max_poll_records=5)))
    result = folder / "out.json"
    command = [sys.executable, "-m", "streammtl.run.cli", "replay", str(config), "--resume", "--quiet"]
    moments = random.Random(1)
    n_killed = 0
    while n_killed < 6:
        process = subprocess.Popen([*command, "--json", str(result)], env={**os.environ, "OMP_NUM_THREADS": "1"})
        seen = _newest(folder)
        deadline = time.monotonic() + 60
        # Wait until this process has saved something of its own, so that every life makes progress; then a little more.
        while _is_running(process, 0.001) and _newest(folder) == seen and time.monotonic() < deadline:
            pass
        _is_running(process, moments.random() * 0.02)
        if process.poll() is not None:
            break
        process.send_signal(signal.SIGKILL)
        process.wait()
        n_killed += 1
    subprocess.run([*command, "--json", str(result)], check=True)
    assert n_killed >= 3
    report = json.loads(result.read_text())
    assert report["digest"] == expected.digest
    assert outputs(folder) == expected_outputs


def _is_running(process: subprocess.Popen[bytes], within_s: float) -> bool:
    try:
        process.wait(timeout=within_s)
    except subprocess.TimeoutExpired:
        return True
    return False


def _newest(folder: Path) -> str:
    return max((p.name for p in (folder / "checkpoints").glob("checkpoint-*")), default="")
