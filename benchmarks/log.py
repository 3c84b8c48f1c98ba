"""How fast the embedded log and the file sources are: `python -m benchmarks.log`."""

from __future__ import annotations

import functools
import gzip
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from streammtl.log.embedded import EmbeddedLog
from streammtl.sinks.base import Documents, Sink
from streammtl.sinks.csv import CsvSink
from streammtl.sinks.jsonl import JsonlSink
from streammtl.sinks.log import LogSink
from streammtl.sources.base import Source
from streammtl.sources.csv import CsvSource
from streammtl.sources.jsonl import JsonlSource
from streammtl.sources.log import LogSource

N_RECORDS = 200_000
BATCH = 5000
N_COLUMNS = 20


def main() -> None:
    """Print records per second, each the best of three."""
    document = (
        b'{"id":"e000000","ts":1700000000.5,' + b",".join(b'"f%02d":0.123456' % i for i in range(N_COLUMNS)) + b"}"
    )
    row = b"e000000," + b",".join(b"0.123456" for _ in range(N_COLUMNS))
    header = b"id," + b",".join(b"f%02d" % i for i in range(N_COLUMNS))
    print(f"{N_RECORDS:,} records of {len(document)} bytes (JSON) and {len(row)} bytes (CSV), {BATCH:,} at once\n")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = (document + b"\n") * N_RECORDS
        rows = header + b"\n" + (row + b"\n") * N_RECORDS
        quoted = header + b"\n" + (b'"' + row.replace(b",", b'","') + b'"\n') * N_RECORDS
        (folder / "a.jsonl").write_bytes(lines)
        (folder / "b.jsonl.gz").write_bytes(gzip.compress(lines, compresslevel=1))
        (folder / "c.csv").write_bytes(rows)
        (folder / "d.csv").write_bytes(quoted)

        for n_partitions in (4, 1):
            report(f"log append, {n_partitions} partitions", functools.partial(append, folder, document, n_partitions))
        report("log read", lambda: read(folder / "log.db"))
        report("source log", lambda: drain(LogSource.Config(path=folder / "log.db", topic="a", follow=False).build()))
        report("source jsonl", lambda: drain(JsonlSource.Config(path=folder / "a.jsonl").build()))
        report("source jsonl.gz", lambda: drain(JsonlSource.Config(path=folder / "b.jsonl.gz").build()))
        report("source csv", lambda: drain(CsvSource.Config(path=folder / "c.csv").build()))
        report("source csv, quoted", lambda: drain(CsvSource.Config(path=folder / "d.csv").build()))
        report("sink jsonl", lambda: fill(JsonlSink.Config(path=folder / "out.jsonl").build()))
        report("sink csv", lambda: fill(CsvSink.Config(path=folder / "out.csv").build()))
        report("sink log", lambda: fill(LogSink.Config(path=folder / "out.db", topic="out").build()))


def report(what: str, work: Callable[[], object]) -> None:
    """Print the best rate of three, by the clock and by the processor's time (which other programs do not take)."""
    seconds = []
    for _ in range(3):
        start = time.perf_counter(), time.process_time()
        work()
        seconds.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    clock_s, processor_s = (min(column) for column in zip(*seconds, strict=True))
    print(f"{what:28} {N_RECORDS / clock_s:12,.0f} records/s {N_RECORDS / processor_s:12,.0f} per s of the processor")


def append(folder: Path, document: bytes, n_partitions: int) -> None:
    """A new log with all records."""
    for path in folder.glob("log.db*"):
        path.unlink()
    records = [(b"%d" % i, document) for i in range(BATCH)]
    with EmbeddedLog(folder / "log.db") as log:
        log.create_topic("a", n_partitions)
        for _ in range(N_RECORDS // BATCH):
            log.append("a", records, timestamp_s=0.0)


def read(path: Path) -> None:
    """All records of the log."""
    after = 0
    with EmbeddedLog(path, create=False) as log:
        while len(found := log.read(["a"], after, BATCH)):
            after = found.sequences[-1]


def drain(source: Source) -> None:
    """All records of a source."""
    source.open({})
    while source.poll(timeout_s=0.0) is not None:
        pass
    source.close()


def fill(sink: Sink) -> None:
    """As many predictions as there are records."""
    keys = [f"e{i}" for i in range(BATCH)]
    documents = [
        {"id": key, "time": 1.7e9, "partition": "a:0", "offset": i, "predictions": {"fraud": {"probability": 0.123}}}
        for i, key in enumerate(keys)
    ]
    sink.open(None)
    for _ in range(N_RECORDS // BATCH):
        sink.publish(Documents(keys, documents))
    sink.close()


if __name__ == "__main__":
    main()
