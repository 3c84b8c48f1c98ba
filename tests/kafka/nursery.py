"""Daemons that need not start from nothing: a process that has imported all that they import, and forks them.

Starting the interpreter, importing and reading what was compiled takes ten times as long as all else until the first
record is learned, and a test with a hundred kills would do little else. What is forked is the daemon's own command, in
a process of its own, with nothing open yet: no connection, no file, no thread. Each process of tests has one nursery.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import final

from streammtl.clock import SystemClock

ROOT = Path(__file__).parents[2]


@final
class Nursery:
    """Forks daemons, one after the other."""

    def __init__(self) -> None:
        self._forked: list[Forked] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.kafka.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    def close(self) -> None:
        """End it, and the daemon that a failed test has left running."""
        for forked in self._forked:
            forked.kill()
            forked.wait()
        self._process.communicate()

    def start(self, arguments: list[str], log: Path) -> Forked:
        """Run the daemon's command with these arguments, in this environment; what it says goes to the end of `log`."""
        self._forked = [forked for forked in self._forked if forked.returncode is None]
        environment = json.dumps(dict(os.environ))
        self._forked.append(forked := Forked(self, int(self.ask("start", environment, str(log), *arguments))))
        return forked

    def ask(self, *words: str) -> str:
        """The answer to a line."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        assert answer, "the nursery ended"
        return answer


@functools.cache
def the_nursery() -> Nursery:
    """That of this process; it is made when it is first asked for."""
    return Nursery()


def close_the_nursery() -> None:
    """End it, if there is one."""
    if the_nursery.cache_info().currsize:
        the_nursery().close()
        the_nursery.cache_clear()


@final
class Forked:
    """A forked daemon, with those of Popen's ways that tests need."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._nursery = nursery

    def poll(self) -> int | None:
        """The exit code; None while it runs."""
        if self.returncode is None and (answer := self._nursery.ask("poll", str(self.pid))) != "running":
            self.returncode = int(answer)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, when it has ended."""
        clock = SystemClock()
        deadline_s = None if timeout is None else clock.monotonic() + timeout
        while (code := self.poll()) is None:
            if deadline_s is not None and clock.monotonic() > deadline_s:
                raise subprocess.TimeoutExpired("daemon", timeout or 0.0)
            clock.sleep(0.005)
        return code

    def send_signal(self, how: int) -> None:
        """A signal, unless it has ended. Its number is nobody else's until `poll` has heard of its end."""
        if self.poll() is None:
            os.kill(self.pid, how)

    def kill(self) -> None:
        """kill -9."""
        self.send_signal(signal.SIGKILL)


def _warm_up() -> None:
    """A short run: all that one imports is imported, and what is compiled is there."""
    import confluent_kafka  # noqa: F401
    import kafka  # noqa: F401

    import streammtl.run.daemon  # noqa: F401
    from streammtl.config import RunConfig
    from streammtl.run.replay import replay
    from tests.kafka.daemon import event, settings_of

    with tempfile.TemporaryDirectory() as name:
        records = Path(name) / "records.jsonl"
        records.write_bytes(b"\n".join(map(event, range(1000))))
        settings = settings_of(Path(name), "127.0.0.1:9", "warm")
        settings |= {"source": {"kind": "jsonl", "path": str(records)}, "sink": {}, "checkpoint": {}}
        replay(RunConfig.model_validate(settings))


def _serve() -> list[str] | None:
    """Answer lines until there are no more. In a forked process: the daemon's arguments."""
    words: list[str]
    for line in sys.stdin:
        word, *words = json.loads(line)
        if word == "start":
            sys.stdout.flush()
            pid = os.fork()
            if pid == 0:
                os.environ.clear()
                os.environ.update(json.loads(words[0]))
                _redirect(words[1])
                return words[2:]
            answer = str(pid)
        else:
            pid, status = os.waitpid(int(words[0]), os.WNOHANG)
            answer = "running" if pid == 0 else str(os.waitstatus_to_exitcode(status))
        sys.stdout.write(answer + "\n")
        sys.stdout.flush()
    return None


def _redirect(log: str) -> None:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    said = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(said, 1)
    os.dup2(said, 2)


if __name__ == "__main__":
    from streammtl.run.cli import main
    from tests.kafka.counter import register

    register()
    with contextlib.suppress(KeyboardInterrupt):  # of a terminal, meant for pytest
        _warm_up()
        if (found := _serve()) is not None:
            main(found)
