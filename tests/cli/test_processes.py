"""The command as a process of its own: signals, pipes, and how soon it answers."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.commands import NOT_COMPILED, streammtl, write_small

COMMAND = [sys.executable, "-m", "streammtl.run.cli"]
DEADLINE_S = 120.0  # of a condition: generous, because machines that run tests are loaded


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline_s:
            process.kill()
            raise AssertionError(f"it never happened: {process.communicate()}")
        time.sleep(0.02)


def finished(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=DEADLINE_S)
    return process.returncode, out, err


def checkpoints(folder: Path) -> list[Path]:
    return sorted(folder.glob("checkpoint-*"))


@pytest.mark.slow
def test_an_interrupted_replay_saves_and_goes_on_to_the_same_digest(tmp_path: Path) -> None:
    state = tmp_path / "state"
    more = f"checkpoint: {{path: {json.dumps(str(state))}, every_records: 100}}\n"
    config = write_small(tmp_path, n=10_000, more=more)
    process = start("replay", config, "--set", "source.max_poll_records=10")
    wait_for(lambda: bool(checkpoints(state)), process)
    process.send_signal(signal.SIGINT)
    code, _, err = finished(process)
    assert code == 130, err
    assert f"interrupted before the end of the stream; go on with --resume from {state}" in err
    assert "Traceback" not in err
    assert streammtl("replay", config, "--resume", "--quiet", "--json", tmp_path / "1.json").exit_code == 0
    without = ("--set", "checkpoint.path=")
    assert streammtl("replay", config, *without, "--quiet", "--json", tmp_path / "2.json").exit_code == 0
    digests = [json.loads((tmp_path / name).read_text())["digest"] for name in ("1.json", "2.json")]
    assert digests[0] == digests[1]


@pytest.mark.slow
def test_what_has_to_be_compiled_is_said_before_the_bar_is_shown(tmp_path: Path) -> None:
    arguments = ("replay", "fraud", "--set", "source.world.events=300")
    # What reads documents is compiled where the package lies, when it first reads any: that is not looked at here.
    assert streammtl(*arguments, "--set", NOT_COMPILED, "--quiet").exit_code == 0
    leader, follower = pty.openpty()
    command = [*COMMAND, *arguments]
    environment = {**os.environ, "HOME": str(tmp_path), "TERM": "xterm", "COLUMNS": "200"}
    process = subprocess.Popen(command, stdout=follower, stderr=follower, env=environment)
    os.close(follower)
    shown = read_to_end(leader)
    assert process.wait(DEADLINE_S) == 0, shown
    for what in ("the mixture of experts", "the optimizer factored", "the optimizer sgd"):
        assert what in shown[: shown.index("━")]
    assert "compiling" not in shown[shown.index("━") :]
    assert "300 events" in shown


def read_to_end(terminal: int) -> str:
    pieces = []
    with open(terminal, "rb", buffering=0) as file, contextlib.suppress(OSError):  # as Linux ends a terminal
        while piece := file.read(65536):
            pieces.append(piece)
    return b"".join(pieces).decode("utf-8", errors="replace")


@pytest.mark.slow
def test_a_daemon_ends_with_0_when_it_is_asked_to(tmp_path: Path) -> None:
    log, state, out = tmp_path / "stream.log", tmp_path / "state", tmp_path / "predictions.jsonl"
    assert streammtl("simulate", "fraud", "--to", log, "--events", "100").exit_code == 0
    settings = [
        f"source={{kind: log, path: {log}, topics: {{events: events, labels: labels}}}}",
        NOT_COMPILED,
        f"checkpoint={{path: {state}, every_records: 10}}",
        f"sink.predictions={{kind: jsonl, path: {out}}}",
    ]
    config = tmp_path / "run.yaml"
    config.write_text(json.dumps(_fraud_settings()), encoding="utf-8")
    process = start("run", config, *(word for setting in settings for word in ("--set", setting)))
    wait_for(lambda: len(checkpoints(state)) > 1, process)  # the first is that of the beginning
    process.send_signal(signal.SIGTERM)
    code, _, err = finished(process)
    assert code == 0, err
    assert "stopped after" in err
    assert "Traceback" not in err
    assert len(out.read_text(encoding="utf-8").splitlines()) == 100


def _fraud_settings() -> dict[str, object]:
    from streammtl.run.replay import world_config

    return world_config("fraud")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_simulation_that_is_stopped_leaves_whole_records_and_its_truth(
    tmp_path: Path, number: signal.Signals
) -> None:
    path = tmp_path / "slow.jsonl"
    process = start("simulate", "fraud", "--to", path, "--rate", "200")
    wait_for(lambda: path.exists() and path.stat().st_size > 0, process)
    process.send_signal(number)
    code, _, err = finished(process)
    assert code == 130, err
    assert "interrupted before the end of the world" in err
    written = path.read_bytes()
    assert written.endswith(b"\n")
    assert all(json.loads(line) for line in written.splitlines())
    truth = json.loads((tmp_path / "slow.truth.json").read_text(encoding="utf-8"))
    assert (truth["records"], truth["complete"]) == (len(written.splitlines()), False)


def test_a_reader_that_follows_ends_quietly_when_it_is_interrupted(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    assert streammtl("simulate", "fraud", "--to", log, "--events", "20").exit_code == 0
    process = start("tail", log, "events", "--last", "1", "--follow")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("0@19 ")
    process.send_signal(signal.SIGINT)
    assert finished(process) == (0, "", "")


def test_a_pipe_that_closes_is_no_error(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    assert streammtl("simulate", "fraud", "--to", log, "--events", "2000").exit_code == 0
    process = start("tail", log, "events")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("0@0 ")
    process.stdout.close()
    assert process.wait(DEADLINE_S) in (0, 1)
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()


def test_help_imports_next_to_nothing() -> None:
    """It answers in a quarter of a second because of what it does not import."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "streammtl.run.cli", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "Learn several tasks from a stream" in done.stdout
    assert imported.isdisjoint({"torch", "numpy", "pydantic", "rich", "river", "yaml", "msgspec", "pyarrow"})
