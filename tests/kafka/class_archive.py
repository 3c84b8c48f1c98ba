"""The broker's classes as Java has them when they are loaded: with these a broker starts in half the time."""

from __future__ import annotations

import fcntl
import tempfile
from pathlib import Path

from tests.kafka.broker import QUICK, Broker
from tests.kafka.cluster import Cluster
from tests.kafka.jars import broker_jars, class_archive


def make_class_archive() -> None:
    """Make it, once per machine, by running a broker; who comes while another makes it goes on without."""
    archive = class_archive(broker_jars())
    if archive.exists():
        return
    with archive.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        if archive.exists():
            return
        with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
            draft = Path(folder) / archive.name
            with Broker(java=(*QUICK, f"-XX:ArchiveClassesAtExit={draft}")) as broker:
                cluster = Cluster(broker.endpoints.plain)
                topic = cluster.create_topic()
                cluster.produce(topic, [b"a"])
                cluster.read(topic)
                cluster.close()
                broker.stop(timeout_s=60.0)
            draft.rename(archive)
