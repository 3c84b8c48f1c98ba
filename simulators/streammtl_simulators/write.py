"""Write the stream of a simulated world to a file or to an embedded log, as fast as it goes or at a given rate."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path
from typing import BinaryIO, Final, cast

from streammtl.clock import Clock, SystemClock
from streammtl.errors import ConfigError, SinkError
from streammtl.log.embedded import EmbeddedLog
from streammtl.worlds.base import World, WorldRecords

#: Records written at once at most. In a log with two topics, events and labels are in order up to this many records.
CHUNK: Final = 512
#: Seconds of the stream written at once at most, where there is a rate.
_CHUNK_S: Final = 0.05

_SUFFIXES: Final = (".jsonl", ".jsonl.gz", ".log")


@dataclass(frozen=True, slots=True)
class _Chunk:
    value_N: list[bytes]
    is_label_N: list[bool]
    key_N: list[str]


def simulate(
    world: World,
    destination: Path,
    *,
    rate: float | None = None,
    events_topic: str = "events",
    labels_topic: str = "labels",
    clock: Clock | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> int:
    """Write the whole stream of `world`; returns the number of records.

    `destination` is a file of JSON documents (`.jsonl`, `.jsonl.gz`), which is replaced, or an embedded log (`.log`),
    whose topics are created, keyed by id, and must be empty; give both topics the same name for a single one. `rate` is
    events per second; labels come along in their place, and those after the last event at once. `on_progress` is called
    with the number of events so far. Raises `ConfigError` for another suffix, `SinkError` where writing fails.

    >>> import tempfile
    >>> from streammtl_simulators import FraudWorld
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "out.jsonl"
    ...     n_records = simulate(FraudWorld.Config(events=10, labels="inside").build(), file)
    ...     print(n_records, file.read_bytes().count(b"\\n"))
    10 10
    """
    clock = clock or SystemClock()
    n_records = n_events = 0
    start_s = clock.monotonic()
    with _open(destination, events_topic, labels_topic, clock) as write:
        for chunk in _chunks(world.records(), CHUNK if rate is None else max(1, int(rate * _CHUNK_S))):
            n_records += len(chunk.value_N)
            n_events += len(chunk.value_N) - sum(chunk.is_label_N)
            if rate is not None:
                # Against the beginning, not the last chunk: what one write takes too long the next waits less.
                clock.sleep(max(0.0, start_s + n_events / rate - clock.monotonic()))
            write(chunk)
            if on_progress is not None:
                on_progress(n_events)
    return n_records


def write_truth(world: World, path: Path) -> None:
    """Write what really happens in `world` as JSON: its settings, its drifts, and the best possible scores.

    Simulates the whole world once more. A score that the stream does not define (AUC with one class only) is null.
    """
    scores = {
        task: {name: None if isnan(value) else value for name, value in of_task.items()}
        for task, of_task in world.best_scores().items()
    }
    truth = {
        "world": world.config.model_dump(mode="json"),
        "drifts": [asdict(drift) for drift in world.drifts()],
        "best_scores": scores,
        "dirt": world.dirt_counts(),
    }
    path.write_text(json.dumps(truth, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def truth_path(destination: Path) -> Path:
    """Where the truth about the stream in `destination` belongs: `out.jsonl.gz` -> `out.truth.json`."""
    return destination.with_name(destination.name.removesuffix(_suffix(destination)) + ".truth.json")


def _suffix(destination: Path) -> str:
    for suffix in _SUFFIXES:
        if destination.name.endswith(suffix):
            return suffix
    raise ConfigError(f"cannot tell what to write to {str(destination)!r}: its name must end with one of {_SUFFIXES}")


def _chunks(batches: Iterable[WorldRecords], n_events: int) -> Iterator[_Chunk]:
    """Pieces of at most CHUNK records and `n_events` events."""
    for batch in batches:
        first = n = 0
        for row, is_label in enumerate(batch.is_label_N):
            if row > first and (row - first >= CHUNK or n + (not is_label) > n_events):
                yield _chunk(batch, first, row)
                first, n = row, 0
            n += not is_label
        if batch.value_N:
            yield _chunk(batch, first, len(batch.value_N))


def _chunk(batch: WorldRecords, first: int, end: int) -> _Chunk:
    return _Chunk(batch.value_N[first:end], batch.is_label_N[first:end], batch.key_N[first:end])


@contextmanager
def _open(destination: Path, events_topic: str, labels_topic: str, clock: Clock) -> Iterator[Callable[[_Chunk], None]]:
    if _suffix(destination) == ".log":
        with EmbeddedLog(destination, clock=clock) as log:
            yield _to_log(log, destination, events_topic, labels_topic, clock)
        return
    with ExitStack() as files:
        try:
            file = _open_file(destination, files)
        except OSError as error:
            raise SinkError(f"cannot write to {destination}: {error.strerror}") from error
        yield _to_file(file, destination)


def _open_file(destination: Path, files: ExitStack) -> BinaryIO:
    plain = files.enter_context(destination.open("wb"))
    if not destination.name.endswith(".gz"):
        return plain
    # Neither a name nor a time in its head: the same world gives the same file.
    return cast(BinaryIO, files.enter_context(gzip.GzipFile("", "wb", 6, plain, mtime=0)))


def _to_file(file: BinaryIO, destination: Path) -> Callable[[_Chunk], None]:
    def write(chunk: _Chunk) -> None:
        try:
            file.write(b"\n".join(chunk.value_N) + b"\n")
            file.flush()  # whoever follows the file sees it at once
        except OSError as error:
            raise SinkError(f"cannot write to {destination}: {error.strerror}") from error

    return write


def _to_log(
    log: EmbeddedLog, destination: Path, events_topic: str, labels_topic: str, clock: Clock
) -> Callable[[_Chunk], None]:
    for topic in dict.fromkeys((events_topic, labels_topic)):
        log.create_topic(topic)
        n_held = sum(held.end_offset for held in log.ranges(topic))
        if n_held:
            raise SinkError(
                f"topic {topic!r} of the log {destination} has had {n_held} records already; a second stream would "
                "repeat their ids. Take another log or topic"
            )

    def write(chunk: _Chunk) -> None:
        records = [
            (key.encode() or None, value, labels_topic if is_label else events_topic)
            for value, is_label, key in zip(chunk.value_N, chunk.is_label_N, chunk.key_N, strict=True)
        ]
        for topic in dict.fromkeys((events_topic, labels_topic)):  # events before their labels
            of_topic = [(key, value) for key, value, of in records if of == topic]
            if of_topic:
                log.append(topic, of_topic, timestamp_s=clock.now())

    return write
