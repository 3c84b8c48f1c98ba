"""Several processes on one log, and processes that are killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from streammtl.log.embedded import EmbeddedLog

WRITER = """
import sys
from pathlib import Path
from streammtl.log.embedded import EmbeddedLog

path, name, n_appends = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
with EmbeddedLog(path) as log:
    log.create_topic("all", partitions=2)
    for i in range(n_appends):
        log.append("all", [(None, f"{name} {i} {part}".encode()) for part in range(10)], timestamp_s=0.0)
        print(i, flush=True)
"""


def start(path: Path, name: str, n_appends: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), name, str(n_appends)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def read_all(log: EmbeddedLog) -> list[str]:
    found = log.read(["all"], after_sequence=0, limit=1_000_000)
    assert found.sequences == tuple(range(1, len(found) + 1))
    for p, held in enumerate(log.ranges("all")):
        offsets = [offset for partition, offset in zip(found.partitions, found.offsets, strict=True) if partition == p]
        assert offsets == list(range(held.end_offset))
    return [value.decode() for value in found.values]


def test_processes_that_start_on_a_new_log_together_all_append(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    writers = [start(path, f"w{w}", n_appends=30) for w in range(3)]
    for writer in writers:
        writer.communicate()
        assert writer.returncode == 0
    with EmbeddedLog(path) as log:
        read = read_all(log)
    assert len(read) == 3 * 30 * 10
    for name in ("w0", "w1", "w2"):
        expected = [f"{name} {i} {part}" for i in range(30) for part in range(10)]
        assert [value for value in read if value.startswith(name)] == expected


def test_a_killed_writer_leaves_whole_appends(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    n_acknowledged = 0
    for round_number in range(3):
        writer = start(path, f"r{round_number}", n_appends=1_000_000)
        assert writer.stdout is not None
        for _ in range(20):
            writer.stdout.readline()
        writer.kill()
        n_acknowledged += 20 + len(writer.stdout.read().splitlines())
        writer.stdout.close()
        writer.wait()
    with EmbeddedLog(path) as log:
        read = read_all(log)
    assert len(read) % 10 == 0
    assert n_acknowledged <= len(read) // 10 <= n_acknowledged + 3  # at most one a round was not acknowledged yet


def test_a_reader_sees_what_another_process_appends_while_it_does(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with EmbeddedLog(path) as log:
        log.create_topic("all", partitions=2)
        writer = start(path, "w", n_appends=200)
        read: list[str] = []
        after = 0
        while len(read) < 2000:
            found = log.read(["all"], after_sequence=after, limit=70)
            read += [value.decode() for value in found.values]
            after = found.sequences[-1] if len(found) else after
            assert len(found) or writer.poll() in (None, 0)
        writer.communicate()
    assert read == [f"w {i} {part}" for i in range(200) for part in range(10)]
