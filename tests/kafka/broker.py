"""A real Kafka broker as a child process: it can be stopped, killed, paused and started again with its data.

`python -m tests.kafka.broker` (`make kafka`) runs one in the foreground, for trying things out.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from string import Template
from types import TracebackType
from typing import Self, final

from streammtl.clock import SystemClock
from tests.kafka.certificates import make_certificates
from tests.kafka.jars import DEPLOY, UnavailableError, broker_jars, cache_folder, class_archive

#: Users of the secured listeners; none may do anything until `Cluster.allow` says so.
PASSWORDS = {"alice": "alice-4bG7sXq9", "bob": "bob-Tz61mWkL"}

#: What one may try with the broker of `make kafka`.
TO_TRY = (
    "streammtl simulate fraud --rate 500 --to kafka://127.0.0.1:9092   # the topics events and labels",
    "streammtl run examples/fraud_kafka.yaml                           # learns and publishes",
    "streammtl tail kafka://127.0.0.1:9092/predictions --follow        # shows what it publishes",
)

_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 20.0
_STARTED = b"Kafka Server started"
# The broker ends with the process that started it, however that ends (PR_SET_PDEATHSIG is 1, SIGKILL 9).
_DIE_WITH_PARENT = "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9); os.execvp(sys.argv[1], sys.argv[1:])"
#: C1 alone starts in half the time; a benchmark wants the other compiler too.
QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")


def security_of_alice(ca: Path) -> dict[str, str]:
    """Settings of a connection to the secured listener, with her password in the environment."""
    return {
        "protocol": "sasl_ssl",
        "mechanism": "SCRAM-SHA-512",
        "username": "alice",
        "password_env": "ALICE",
        "ca": str(ca),
    }


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a broker listens, and what a client of the secured listeners needs."""

    plain: str
    secured: str  # TLS and SCRAM
    expired: str  # the same, with an expired certificate
    proxied: str  # where a proxy forwards to
    proxy_port: int  # where clients of `proxied` are sent: a proxy listens there
    certificates: Path  # ca.pem, unknown_ca.pem

    def to_json(self) -> str:
        """As text, for another process."""
        return json.dumps(asdict(self) | {"certificates": str(self.certificates)})

    @classmethod
    def of_json(cls, text: str) -> Endpoints:
        """The opposite of `to_json`."""
        found = json.loads(text)
        return cls(**(found | {"certificates": Path(found["certificates"])}))


@final
class Broker:
    """One broker on free ports of loopback; its data are in memory where the machine has a tmpfs."""

    def __init__(
        self, *, quick: bool = True, ports: tuple[int, ...] = (), settings: str = "", java: tuple[str, ...] = ()
    ) -> None:
        self._jars = broker_jars()
        self._java = java or (_quick_options(self._jars) if quick else ())
        self.folder = Path(tempfile.mkdtemp(prefix="streammtl-kafka-", dir=_memory()))
        self._process: subprocess.Popen[bytes] | None = None
        plain, controller, secured, expired, proxied, proxy = ports or _free_ports(6)
        self.endpoints = Endpoints(
            plain=f"127.0.0.1:{plain}",
            secured=f"localhost:{secured}",
            expired=f"localhost:{expired}",
            proxied=f"127.0.0.1:{proxied}",
            proxy_port=proxy,
            certificates=self.folder / "certificates",
        )
        make_certificates(self.endpoints.certificates)
        template = Template((DEPLOY / "server.properties").read_text())
        properties = template.substitute(
            controller_port=controller,
            plain_port=plain,
            secured_port=secured,
            expired_port=expired,
            proxied_port=proxied,
            proxy_port=proxy,
            data=self.folder / "data",
            certificates=self.endpoints.certificates,
        )
        (self.folder / "server.properties").write_text(f"{properties}\n{settings}\n")
        shutil.copytree(_formatted(self._jars), self.folder / "data")

    @property
    def is_running(self) -> bool:
        """Whether it was started, and neither killed nor stopped since."""
        return self._process is not None

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process is not None, "start the broker first"
        return self._process.pid

    def start(self, *, wait: bool = True) -> Self:
        """Start it, with the data that it has, and wait until it answers; else `wait_until_started` does."""
        assert self._process is None, "it runs already"
        with (self.folder / "broker.log").open("ab") as log:
            start = log.tell()
            java = _java(self._jars, "-Xmx512m", *self._java)
            java += ["kafka.Kafka", str(self.folder / "server.properties")]
            command = [sys.executable, "-c", _DIE_WITH_PARENT, *java]
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=self.folder)
        self._start_bytes = start  # what the log had before
        if wait:
            self.wait_until_started()
        return self

    def wait_until_started(self) -> None:
        """After a start without waiting."""
        wait_until(lambda: self._has_started(self._start_bytes), "the broker has started", _START_TIMEOUT_S)

    def kill(self) -> None:
        """End it at once, with SIGKILL: what it had not written is lost."""
        self._end(signal.SIGKILL)

    def stop(self, timeout_s: float = _STOP_TIMEOUT_S) -> None:
        """Let it end in order, with SIGTERM."""
        self._end(signal.SIGTERM, timeout_s)

    def pause(self) -> None:
        """Let it stand still, with connections open (SIGSTOP)."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def restart(self) -> None:
        """Kill it and start it again with the same data."""
        self.kill()
        self.start()

    def move(self) -> None:
        """Stop it, and start it with its data where clients without security find it at another address."""
        self.stop()
        old, new = self.endpoints.plain, f"127.0.0.1:{_free_ports(1)[0]}"
        properties = self.folder / "server.properties"
        properties.write_text(properties.read_text().replace(f"PLAIN://{old}", f"PLAIN://{new}"))
        self.endpoints = replace(self.endpoints, plain=new)
        self.start()

    def close(self) -> None:
        """Kill it and remove its data."""
        if self._process is not None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self) -> str:
        """What it said."""
        return (self.folder / "broker.log").read_text(errors="replace")

    def wait(self) -> None:
        """Wait until it ends by itself."""
        assert self._process is not None, "start the broker first"
        self._process.wait()

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def _end(self, how: signal.Signals, timeout_s: float = _STOP_TIMEOUT_S) -> None:
        assert self._process is not None, "it does not run"
        self._process.send_signal(how)
        try:
            self._process.wait(timeout_s)
        finally:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _has_started(self, start: int) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            said = self.log()[-2000:]
            self._process = None
            raise AssertionError(f"the broker ended instead of starting:\n{said}")
        with (self.folder / "broker.log").open("rb") as log:
            log.seek(start)
            return _STARTED in log.read()


def _quick_options(jars: Path) -> tuple[str, ...]:
    archive = class_archive(jars)
    return (*QUICK, f"-XX:SharedArchiveFile={archive}") if archive.exists() else QUICK


def _java(jars: Path, *options: str) -> list[str]:
    return ["java", *options, f"-Dlog4j2.configurationFile={DEPLOY / 'log4j2.yaml'}", "-cp", f"{jars}/*"]


@contextmanager
def shared_broker(folder: Path) -> Iterator[Endpoints]:
    """One broker for all processes that name the same folder; it ends when none of them uses it any more.

    Its keeper is a process of its own. Each user holds a shared lock on a file, and the keeper ends the broker when
    it gets the lock for itself: a user that is killed holds none.
    """
    ready, users = folder / "broker.json", folder / "broker.users"
    with users.open("w") as using, (folder / "broker.lock").open("w") as starting:
        fcntl.flock(using, fcntl.LOCK_SH)
        fcntl.flock(starting, fcntl.LOCK_EX)
        if not ready.exists():
            # What the keeper says goes nowhere: pipes and files of pytest would be kept open by it.
            command = [sys.executable, "-m", __name__, "--keep", str(folder)]
            root = Path(__file__).parents[2]
            quiet = subprocess.DEVNULL
            keeper = subprocess.Popen(
                command, cwd=root, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True
            )
            wait_until(lambda: ready.exists() or keeper.poll() is not None, "there is a broker", 2 * _START_TIMEOUT_S)
            assert ready.exists(), "the keeper of the broker ended; run it by hand: python -m tests.kafka.broker"
            keeper.returncode = 0  # it outlives this process, on purpose
        fcntl.flock(starting, fcntl.LOCK_UN)
        yield Endpoints.of_json(ready.read_text())


def _keep(folder: Path) -> None:
    """Run a broker as long as somebody holds the lock of its users."""
    with Broker() as broker, (folder / "broker.users").open("w") as users:
        writing = folder / "broker.json.writing"
        writing.write_text(broker.endpoints.to_json())
        writing.rename(folder / "broker.json")
        fcntl.flock(users, fcntl.LOCK_EX)
        (folder / "broker.json").unlink()


def wait_until(holds: Callable[[], bool], what: str, timeout_s: float = 30.0, every_s: float = 0.01) -> None:
    """Wait until a condition holds; fail, and name it, when it does not in time."""
    clock = SystemClock()
    deadline_s = clock.monotonic() + timeout_s
    while not holds():
        assert clock.monotonic() < deadline_s, f"waited {timeout_s} s until {what}"
        clock.sleep(every_s)


def _memory() -> Path | None:
    """A folder in memory; None: the usual place for temporary files."""
    shared = Path("/dev/shm")
    return shared if os.access(shared, os.W_OK) else None


def _free_ports(n: int) -> list[int]:
    """Ports that nobody uses: reserved all at once, so that they differ."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [int(listening.getsockname()[1]) for listening in sockets]
    for listening in sockets:
        listening.close()
    return ports


def _formatted(jars: Path) -> Path:
    """A data folder as `StorageTool format` makes it, with the users; made once, because that takes a second."""
    users: list[str] = []
    for name, password in PASSWORDS.items():
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
            users += ["--add-scram", f"{mechanism}=[name={name},password={password}]"]
    folder = cache_folder() / f"kafka-formatted-{hashlib.sha256(f'{jars.name}{users}'.encode()).hexdigest()[:12]}"
    if folder.exists():
        return folder
    with tempfile.TemporaryDirectory(dir=cache_folder()) as temporary:
        properties, data = Path(temporary) / "format.properties", Path(temporary) / "data"
        properties.write_text(
            "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:9093\n"
            "listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093\n"
            f"controller.listener.names=CONTROLLER\nlog.dirs={data}\n"
        )
        command = _java(jars, *QUICK)
        command += ["kafka.tools.StorageTool", "format", "-t", "c3RyZWFtbXRsLXRlc3RzLQ", "-c", str(properties), *users]
        subprocess.run(command, check=True, capture_output=True, timeout=_START_TIMEOUT_S)
        try:
            data.rename(folder)
        except OSError:  # another process was quicker
            assert folder.exists()
    return folder


def main() -> None:
    """Run a broker on the usual ports until it is interrupted."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that its data go, too
    ports = (9092, 9093, 9094, 9095, 9096, 9097)
    try:
        broker = Broker(quick=False, ports=ports, settings="auto.create.topics.enable=true\nnum.partitions=4")
    except UnavailableError as error:
        sys.exit(f"make kafka: {error}")
    try:
        broker.start()
        certificates = broker.endpoints.certificates
        sys.stdout.write(
            f"Kafka answers at {broker.endpoints.plain}; with TLS and SCRAM at {broker.endpoints.secured} "
            f"(user alice, password {PASSWORDS['alice']}, ca {certificates / 'ca.pem'}).\n"
            "Its records are gone when it ends (Ctrl-C); remove the folder checkpoints, too, before you try again.\n"
            "To try, each in a terminal of its own:\n\n" + "".join(f"  {command}\n" for command in TO_TRY) + "\n"
        )
        sys.stdout.flush()
        broker.wait()
    except KeyboardInterrupt:
        pass
    finally:
        broker.close()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--keep"]:
        _keep(Path(sys.argv[2]))
    else:
        main()
