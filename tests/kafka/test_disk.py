"""A disk that is really full, a folder that is gone or cannot be written: learning goes on, and nothing is damaged."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kafka.cluster import Cluster
from tests.kafka.daemon import Daemon, expected, predictions, settings_of, write
from tests.kafka.watched import SERVED, messages, metrics, url_of
from tests.ops.programs import COMPLETE
from tests.ops.scraping import key

pytestmark = pytest.mark.slow

N = 3000
DISK_BYTES = 8 * 1024 * 1024


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none"]
    mounted = subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        message = f"needs to mount a tmpfs, which is root's to do: {mounted.stderr.strip()}"
        if os.environ.get(COMPLETE):
            pytest.fail(message)
        pytest.skip(message)
    yield folder
    Daemon.end_all()
    subprocess.run(["umount", str(folder)], check=True)


def fill(ballast: Path) -> None:
    """Take all that is left of the disk."""
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as error:
            assert error.errno == errno.ENOSPC  # noqa: PT017  it is what the file is for


def checkpoint_failures(url: str) -> float:
    return metrics(url)[key("streammtl_checkpoint_failures_total")]


@pytest.mark.parametrize("is_killed", [False, True], ids=["makes up for it", "is killed meanwhile"])
def test_on_a_full_disk_it_learns_on_and_the_older_checkpoints_stay(
    tmp_path: Path, cluster: Cluster, prefix: str, disk: Path, is_killed: bool
) -> None:
    checkpoint = {"path": str(disk / "checkpoints")}
    settings = settings_of(tmp_path, cluster.servers, prefix, checkpoint=checkpoint, monitoring=SERVED)
    daemon = Daemon(tmp_path, settings)
    daemon.start()
    url = url_of(daemon)
    write(cluster, prefix, 0, N)
    daemon.wait_for(lambda: daemon.n_records() == 2 * N, "it has saved everything")
    before = {path.name for path in (disk / "checkpoints").glob("checkpoint-*")}
    ballast = disk / "ballast"
    fill(ballast)
    write(cluster, prefix, N, 2 * N)
    daemon.wait_for(lambda: checkpoint_failures(url) > 0, "a checkpoint fails")
    daemon.wait_for(lambda: metrics(url)[key("streammtl_stream_records")] == 4 * N, "it learns on")
    assert len(predictions(cluster, prefix)[0]) == 2 * N
    assert {path.name for path in (disk / "checkpoints").glob("checkpoint-*")} == before
    assert daemon.counted() == expected(N)
    assert not [path for path in (disk / "checkpoints").iterdir() if path.name.startswith(".")]
    errors = messages(daemon, "error")
    assert [line for line in errors if "No space left on device; learning goes on without it (failure 1)" in line]
    if is_killed:
        daemon.kill()
    ballast.unlink()
    if is_killed:
        daemon.start()
        url = url_of(daemon, 2)
    write(cluster, prefix, 2 * N, 3 * N)
    daemon.wait_for(lambda: daemon.n_records() == 6 * N, "it saves again")
    assert daemon.stop() == 0
    assert daemon.counted() == expected(3 * N)
    times, _ = predictions(cluster, prefix)  # a repeated one has its first value
    assert len(times) == 3 * N
    assert (max(times.values()) > 1) == is_killed


def test_on_a_full_disk_it_can_be_stopped_and_started_again(
    tmp_path: Path, cluster: Cluster, prefix: str, disk: Path
) -> None:
    checkpoint = {"path": str(disk / "checkpoints")}
    daemon = Daemon(tmp_path, settings_of(tmp_path, cluster.servers, prefix, checkpoint=checkpoint))
    daemon.start()
    write(cluster, prefix, 0, N)
    daemon.wait_for(lambda: daemon.n_records() == 2 * N, "it has saved everything")
    fill(disk / "ballast")
    write(cluster, prefix, N, 2 * N)
    daemon.wait_for(lambda: "learning goes on without it" in daemon.log(), "a checkpoint fails")
    assert daemon.stop() == 1
    assert "No space left on device" in daemon.log()
    assert "Traceback" not in daemon.log()
    (disk / "ballast").unlink()
    daemon.start()
    daemon.wait_for(lambda: daemon.n_records() == 4 * N, "it has taken everything")
    assert daemon.stop() == 0
    assert daemon.counted() == expected(2 * N)


def test_a_disk_that_is_read_only_is_told_at_the_start(
    tmp_path: Path, cluster: Cluster, prefix: str, disk: Path
) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    checkpoint = {"path": str(disk / "checkpoints")}
    daemon = Daemon(tmp_path, settings_of(tmp_path, cluster.servers, prefix, checkpoint=checkpoint))
    daemon.start()
    assert daemon.process.wait(60) == 1
    assert "cannot open the checkpoint folder" in daemon.log()
    assert "Read-only file system" in daemon.log()


def test_a_folder_that_is_removed_stops_no_learning(tmp_path: Path, cluster: Cluster, prefix: str) -> None:
    settings = settings_of(tmp_path, cluster.servers, prefix, monitoring=SERVED)
    daemon = Daemon(tmp_path, settings)
    daemon.start()
    url = url_of(daemon)
    write(cluster, prefix, 0, N)
    daemon.wait_for(lambda: daemon.n_records() == 2 * N, "it has saved everything")
    (tmp_path / "checkpoints").rename(tmp_path / "removed")  # at once: the daemon may be removing files in it
    write(cluster, prefix, N, 2 * N)
    daemon.wait_for(lambda: checkpoint_failures(url) > 0, "a checkpoint fails")
    daemon.wait_for(lambda: metrics(url)[key("streammtl_stream_records")] == 4 * N, "it learns on")
    assert len(predictions(cluster, prefix)[0]) == 2 * N
    assert [line for line in messages(daemon, "error") if "No such file or directory" in line]
    assert daemon.stop() == 1
    assert "Traceback" not in daemon.log()


def test_a_folder_that_cannot_be_made_is_told_at_the_start(tmp_path: Path, cluster: Cluster, prefix: str) -> None:
    (tmp_path / "file").write_text("")
    checkpoint = {"path": str(tmp_path / "file" / "checkpoints")}
    daemon = Daemon(tmp_path, settings_of(tmp_path, cluster.servers, prefix, checkpoint=checkpoint))
    daemon.start()
    assert daemon.process.wait(60) == 1
    assert "cannot open the checkpoint folder" in daemon.log()
    assert "Not a directory" in daemon.log()
