"""The real daemon as a process of its own, with a model that counts: `python -m tests.kafka.daemon run CONFIG`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter as Tally
from pathlib import Path
from typing import Any, ClassVar, final

from confluent_kafka import Producer

from streammtl.checkpoint import read_checkpoint
from tests.kafka.broker import wait_until
from tests.kafka.cluster import Cluster
from tests.kafka.counter import register
from tests.kafka.nursery import ROOT, Forked, the_nursery

DRIVERS = ("kafka-python", "confluent")
EXIT_TIMEOUT_S = 10.0  # what is promised for SIGTERM


def settings_of(
    folder: Path, servers: str, prefix: str, *, driver: str = "kafka-python", **changes: Any
) -> dict[str, Any]:
    """A run from `<prefix>-events` and `<prefix>-labels` to `<prefix>-predictions` and `<prefix>-rejects`."""
    connection = {"servers": servers, "driver": driver}
    settings: dict[str, Any] = {
        "name": prefix,
        "schema": {"id": "id", "time": "t", "features": {"a": "numeric"}},
        "tasks": {"y": {"kind": "regression"}},
        "model": {"kind": "counter"},
        "drift": {"error": None, "features": None},
        "join": {"capacity": 500_000},
        "source": {
            "kind": "kafka",
            "connection": connection,
            "topics": {"events": f"{prefix}-events", "labels": f"{prefix}-labels"},
            "max_poll_records": 500,
        },
        "sink": {
            "predictions": {"kind": "kafka", "connection": connection, "topic": f"{prefix}-predictions"},
            "rejects": {"kind": "kafka", "connection": connection, "topic": f"{prefix}-rejects"},
        },
        "checkpoint": {"path": str(folder / "checkpoints"), "every_records": 2000, "every_s": 1.0},
        "monitoring": {"http": {"port": None}},
    }
    for section, of_section in changes.items():
        settings[section] = {**settings[section], **of_section} if section in settings else of_section
    return settings


def topics_of_a_run(cluster: Cluster) -> str:
    """Make the topics of `settings_of`; returns their prefix."""
    prefix = cluster.create_topic()
    for topic in ("events", "labels", "predictions", "rejects"):
        cluster.create_topic(f"{prefix}-{topic}")
    return prefix


def event(i: int) -> bytes:
    return b'{"id":"e%d","t":%d,"a":%d}' % (i, i, i % 7)


def label(i: int) -> bytes:
    return b'{"id":"e%d","t":%d,"y":%d}' % (i, i, i % 1000)


def write(cluster: Cluster, prefix: str, start: int, stop: int) -> None:
    """Events from number `start` to before `stop`, keyed by id, and their labels; waits until all are there.

    By librdkafka, which takes a tenth of kafka-python's time for it, but with the partitions of the latter.
    """
    settings = {"bootstrap.servers": cluster.servers, "partitioner": "murmur2_random", "linger.ms": 5}
    settings |= {"enable.idempotence": True}  # each of them once, also when a broker goes
    producer = Producer({**settings, "queue.buffering.max.messages": 1_000_000, "log_level": 2})
    errors: list[Any] = []

    def note(error: Any, _: Any) -> None:
        if error is not None:
            errors.append(error)

    for kind, document in (("events", event), ("labels", label)):
        for i in range(start, stop):
            producer.produce(f"{prefix}-{kind}", document(i), b"e%d" % i, on_delivery=note)
        assert producer.flush(60) == 0  # no label is there before its event
    assert not errors


@final
class Daemon:
    """Starts, kills and starts again; its log goes to `daemon.log` in the folder.

    It is forked from a process that has imported everything, unless it shall start from nothing.
    """

    _started: ClassVar[list[subprocess.Popen[bytes] | Forked]] = []

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.folder = folder
        self.config = folder / "run.yaml"
        self.config.write_text(json.dumps(settings))
        self._checkpoints = Path(settings["checkpoint"]["path"])
        self._process: subprocess.Popen[bytes] | Forked | None = None
        self._log_bytes, self._resumes = 0, False

    def start(self, *arguments: str, from_nothing: bool = False) -> None:
        log, command = self.folder / "daemon.log", ["run", str(self.config), *arguments]
        log.touch()
        self._log_bytes = log.stat().st_size
        self._resumes = bool(self.newest())
        self._process = _spawn(command, log) if from_nothing else the_nursery().start(command, log)
        self._started.append(self._process)

    @classmethod
    def end_all(cls) -> None:
        """kill -9 to those that a test has left running."""
        while cls._started:
            process = cls._started.pop()
            process.kill()
            process.wait()

    @property
    def process(self) -> subprocess.Popen[bytes] | Forked:
        assert self._process is not None
        return self._process

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end, as soon as it is there to hear of it; its exit code."""
        self.wait_for(lambda: self.has_said(b"running "), "it runs")
        self.process.send_signal(how)
        try:
            return self.process.wait(EXIT_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def wait_for(self, holds: Any, what: str, timeout_s: float = 60.0, every_s: float = 0.01) -> None:
        """Wait until a condition holds, and fail at once when the daemon ends."""

        def check() -> bool:
            assert self.process.poll() is None, f"the daemon ended with {self.process.returncode}:\n{self.log()}"
            return bool(holds())

        wait_until(check, what, timeout_s, every_s)

    def has_said(self, text: bytes) -> bool:
        """Whether the log of this life holds a text."""
        return text in (self.folder / "daemon.log").read_bytes()[self._log_bytes :]

    def log(self) -> str:
        return (self.folder / "daemon.log").read_text(errors="replace")

    def newest(self) -> str:
        """The name of the newest checkpoint; empty: there is none."""
        return max((path.name for path in self._checkpoints.glob("checkpoint-*")), default="")

    def n_records(self) -> int:
        """How many records the newest checkpoint has taken.

        0 before it has resumed: with exactly_once the newest may be one that was never committed, and is removed.
        """
        if self._resumes and not self.has_said(b"resumed from"):
            return 0
        return int(self.newest().removeprefix("checkpoint-") or 0)

    def state(self) -> dict[str, Any]:
        """The newest checkpoint."""
        return read_checkpoint(self._checkpoints / self.newest()).state

    def counted(self) -> tuple[int, int]:
        """Count and sum of the labels that it has learned, as of the newest checkpoint."""
        model = self.state()["learner"]["model"]
        return model["count"], model["sum"]


def of_every_kind(
    folder: Path, cluster: Cluster, *, drivers: tuple[str, ...] = DRIVERS, **changes: Any
) -> dict[str, Daemon]:
    """Daemons by each driver, at least once and exactly once, with topics and a folder of their own; by prefix."""
    daemons = {}
    for driver in drivers:
        for delivery in ("at_least_once", "exactly_once"):
            prefix, own = topics_of_a_run(cluster), folder / f"{driver}-{delivery}"
            own.mkdir(parents=True)
            settings = settings_of(own, cluster.servers, prefix, driver=driver, sink={"delivery": delivery}, **changes)
            daemons[prefix] = Daemon(own, settings)
    return daemons


def _spawn(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.kafka.daemon", *command],
            stdout=said,
            stderr=said,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )


def expected(n: int) -> tuple[int, int]:
    """What it counts when nothing of `n` events and labels is lost or doubled."""
    return n, sum(i % 1000 for i in range(n))


def predictions(cluster: Cluster, prefix: str, *, committed: bool = False) -> tuple[Tally[bytes], dict[bytes, bytes]]:
    """How often each key is there, and its value; fails where the values of a key differ."""
    times: Tally[bytes] = Tally()
    values: dict[bytes, bytes] = {}
    for record in cluster.read(f"{prefix}-predictions", committed=committed):
        assert record.key is not None
        assert record.value is not None
        times[record.key] += 1
        assert values.setdefault(record.key, record.value) == record.value, f"two values of {record.key!r}"
    return times, values


if __name__ == "__main__":
    from streammtl.run.cli import main

    register()
    main()
