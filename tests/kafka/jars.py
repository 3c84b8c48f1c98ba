"""The jars of Apache Kafka's broker, brought by Maven once per machine into the user's cache folder."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

DEPLOY = Path(__file__).parents[2] / "deploy" / "kafka"

_DOWNLOAD_TIMEOUT_S = 600.0


class UnavailableError(Exception):
    """There can be no broker on this machine; the message says what to install."""


def cache_folder() -> Path:
    """Where jars stay between runs: outside of the repository, and anybody may delete it."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "streammtl"


def broker_jars() -> Path:
    """The folder of the jars that `deploy/kafka/pom.xml` names; downloads them when they are not there yet."""
    missing = [program for program in ("java", "mvn", "openssl") if shutil.which(program) is None]
    if missing:
        raise UnavailableError(
            f"no {' and no '.join(missing)} on this machine: install Java 17, Maven and OpenSSL (Debian: apt install "
            "openjdk-17-jre-headless maven openssl), or set STREAMMTL_TEST_KAFKA=host:port to a broker of your own"
        )
    pom = DEPLOY / "pom.xml"
    folder = cache_folder() / f"kafka-jars-{hashlib.sha256(pom.read_bytes()).hexdigest()[:12]}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "kafka-jars.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one process downloads, the others wait for it
        if not folder.exists():
            _download(pom, folder)
    return folder


def class_archive(jars: Path) -> Path:
    """Where this machine's Java keeps the broker's classes, loaded: `tests.kafka.class_archive` makes it."""
    java = Path(shutil.which("java") or "").resolve()
    of_java = f"{jars.name} {java} {java.stat().st_mtime_ns}"
    return cache_folder() / f"kafka-classes-{hashlib.sha256(of_java.encode()).hexdigest()[:12]}.jsa"


def _download(pom: Path, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        # The POM is copied because Maven writes beside the one that it reads.
        shutil.copy(pom, temporary)
        jars = Path(temporary) / "jars"
        command = ["mvn", "-q", "-B", "-f", str(Path(temporary) / "pom.xml"), "dependency:copy-dependencies"]
        command += ["-DincludeScope=runtime", f"-DoutputDirectory={jars}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_DOWNLOAD_TIMEOUT_S)
        if done.returncode != 0:
            said = (done.stdout + done.stderr).strip().splitlines()
            raise UnavailableError(f"Maven could not bring Kafka's jars: {said[0] if said else 'it said nothing'}")
        jars.rename(folder)
