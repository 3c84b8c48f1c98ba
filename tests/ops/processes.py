"""Processes that run beside a test, and waiting for what they do."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

COMMAND = [sys.executable, "-m", "streammtl.run.cli"]
DEADLINE_S = 120.0  # of a condition: generous, because machines that run tests are loaded


def wait_for(condition: Callable[[], bool], processes: list[subprocess.Popen[bytes]], logs: list[Path]) -> None:
    """Wait until it is so; fail when a process has ended, or after a long time."""
    deadline_s = time.monotonic() + DEADLINE_S
    while not condition():
        ended = [process.args for process in processes if process.poll() is not None]
        if ended or time.monotonic() > deadline_s:
            raise AssertionError(f"it never happened; ended: {ended}\n" + "\n".join(log.read_text() for log in logs))
        time.sleep(0.05)


@contextmanager
def process(arguments: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process whose output goes to a file; it is ended with SIGTERM, and must have ended well."""
    with log.open("wb") as out:
        started = subprocess.Popen(
            arguments, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
        try:
            yield started
            started.send_signal(signal.SIGTERM)
            assert started.wait(60) == 0, log.read_text()
        finally:
            started.kill()
            started.wait()


def url_in(log: Path) -> str:
    """The address that a daemon or a replay has written to its log; "" as long as it has not."""
    found = re.search(r"http://127\.0\.0\.1:\d+", log.read_text(encoding="utf-8"))
    return found[0] if found else ""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_config(path: Path, settings: object) -> Path:
    """A configuration file; YAML takes JSON."""
    path.write_text(json.dumps(settings), encoding="utf-8")
    return path
