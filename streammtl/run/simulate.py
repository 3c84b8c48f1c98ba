"""Write the stream of a simulated world to a file, an embedded log or Kafka, as fast as it goes or at a given rate."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from pydantic import ValidationError

from streammtl.clock import Clock
from streammtl.component import members
from streammtl.config_errors import explain_error, nearest
from streammtl.config_layers import Layers, read_override
from streammtl.errors import ConfigError, SinkError
from streammtl.log.embedded import EmbeddedLog
from streammtl.run.simulate_kafka import (
    EVENTS,
    LABELS,
    SCHEME,
    Place,
    Send,
    find_place,
    is_configuration,
    is_kafka,
    sending,
)
from streammtl.worlds.base import World, WorldRecords

SUFFIXES: Final = (".jsonl", ".jsonl.gz", ".log")

_CHUNK_RECORDS: Final = 512  # written at once at most; in a log, events and labels are in order up to this many records
_CHUNK_S: Final = 0.05  # seconds of the stream written at once at most, where there is a rate
_NAP_S: Final = 0.1  # how long a stop may go unnoticed while nothing is due


@dataclass(frozen=True, slots=True)
class Written:
    """What was written."""

    n_records: int
    n_events: int  # records that are no labels
    seconds: float
    stopped: bool  # before the end of the world
    dirt: dict[str, int]  # dirty records by kind


@dataclass(frozen=True, slots=True)
class _Chunk:
    value_N: list[bytes]
    is_label_N: list[bool]
    key_N: list[str]


_Write = Callable[[_Chunk], None]


def world_settings(kind: str, overrides: Sequence[str] = (), **given: Any) -> World.Config:
    """The settings of a world: its defaults, `key=value` overrides, and those given (None: not given).

    Raises `ConfigError` for a world that does not exist, and for wrong settings.
    """
    worlds = members("worlds")
    if kind not in worlds:
        raise ConfigError(f"there is no simulator {kind!r}; {nearest(kind, worlds)}")
    model = worlds[kind].Config
    layers = Layers(model, {"kind": kind}, {})
    for override in overrides:
        layers.put(*read_override(override), f"--set {override}")
    for name, value in given.items():
        if value is not None:
            layers.put([name], value, f"--{name}")
    try:
        return cast(World.Config, model.model_validate(layers.settings))
    except ValidationError as error:
        where = f"the settings of the simulator {kind}"
        raise ConfigError(explain_error(error, model, layers.settings, where, layers.origin)) from None


def write_world(
    world: World,
    destination: Path | str,
    clock: Clock,
    *,
    rate: float | None = None,
    force: bool = False,
    partitions: int = 1,
    stop: Callable[[], bool] = lambda: False,
    observe: Callable[[int], None] = lambda n_events: None,
) -> Written:
    """Write the stream of `world` until it ends or `stop` says so.

    `destination` is a file of JSON documents (`.jsonl`, `.jsonl.gz`), or an embedded log (`.log`) or a Kafka cluster
    (`kafka://host:port`) with the topics `events` and `labels`, keyed by id, in Kafka of so many `partitions`; or a
    configuration (`.yaml`), whose source names the cluster and the topics. What is there already is replaced, in topics
    appended to, but only with `force`.
    `rate` is events per second; labels come along in their place, those after the last event at once. `observe` is
    called with the number of events so far. Raises `ConfigError` for the destination, `SinkError` where writing fails.
    """
    n_records = n_events = 0
    stopped = False
    start_s = clock.monotonic()
    chunks: Iterator[_Chunk] = map(_whole, world.records())
    if rate is not None or is_kafka(destination) or _suffix(Path(destination)) == ".log":
        chunks = _pieces(chunks, _CHUNK_RECORDS if rate is None else max(1, int(rate * _CHUNK_S)))
    with _open(destination, force, rate is not None, clock, partitions, stop) as write:
        for chunk in chunks:
            events_after = n_events + len(chunk.value_N) - sum(chunk.is_label_N)
            # Against the beginning, not the last chunk: what one write takes too long the next waits less.
            stopped = _is_stopped_before(start_s if rate is None else start_s + events_after / rate, stop, clock)
            if stopped:
                break
            write(chunk)
            n_events, n_records = events_after, n_records + len(chunk.value_N)
            observe(n_events)
    return Written(n_records, n_events, clock.monotonic() - start_s, stopped, world.dirt_counts())


def truth_path(destination: Path | str) -> Path:
    """Where the truth about the stream in `destination` is: `out.jsonl.gz` -> `out.truth.json`.

    Beside a configuration it is under its name; for the address of a Kafka cluster: `kafka.truth.json` in the current
    folder.
    """
    if is_configuration(destination):
        return Path(destination).with_suffix(".truth.json")
    if is_kafka(destination):
        return Path("kafka.truth.json")
    destination = Path(destination)
    return destination.with_name(destination.name.removesuffix(_suffix(destination)) + ".truth.json")


def write_truth(world: World, written: Written, path: Path) -> None:
    """Write what really happens in the world as JSON: its settings, its drifts, its dirt, the best possible scores.

    Simulates the whole world once more for these; of a stream that was not written to its end they are null.
    """
    truth = {
        "world": world.config.model_dump(mode="json"),
        "records": written.n_records,
        "complete": not written.stopped,
        "drifts": [asdict(drift) for drift in world.drifts()],
        "best_scores": None if written.stopped else _without_nan(world.best_scores()),
        "dirt": written.dirt,
    }
    try:
        path.write_text(json.dumps(truth, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise SinkError(f"cannot write {path}: {error.strerror}") from None


def _without_nan(scores: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float | None]]:
    """A score that the stream does not define (AUC with one class only) is null."""
    return {
        task: {name: None if math.isnan(value) else value for name, value in of_task.items()}
        for task, of_task in scores.items()
    }


def _is_stopped_before(due_s: float, stop: Callable[[], bool], clock: Clock) -> bool:
    """Wait until the moment `due_s`; True as soon as `stop` says so."""
    while not stop():
        left_s = due_s - clock.monotonic()
        if left_s <= 0.0:
            return False
        clock.sleep(min(left_s, _NAP_S))
    return True


def _suffix(destination: Path) -> str:
    found = [suffix for suffix in SUFFIXES if destination.name.endswith(suffix) and destination.name != suffix]
    if not found:
        raise ConfigError(
            f"cannot tell what to write to {destination}: its name must end with {', '.join(SUFFIXES[:-1])} (a file) "
            f"or {SUFFIXES[-1]} (an embedded log), or be {SCHEME}host:port or a configuration (.yaml)"
        )
    return found[0]


def _whole(batch: WorldRecords) -> _Chunk:
    return _Chunk(batch.value_N, batch.is_label_N, batch.key_N)


def _pieces(chunks: Iterable[_Chunk], n_events: int) -> Iterator[_Chunk]:
    """Pieces of at most `_CHUNK_RECORDS` records and `n_events` events."""
    for chunk in chunks:
        first = n = 0
        for row, is_label in enumerate(chunk.is_label_N):
            if row > first and (row - first >= _CHUNK_RECORDS or n + (not is_label) > n_events):
                yield _between(chunk, first, row)
                first, n = row, 0
            n += not is_label
        yield _between(chunk, first, len(chunk.value_N))


def _between(chunk: _Chunk, first: int, end: int) -> _Chunk:
    return _Chunk(chunk.value_N[first:end], chunk.is_label_N[first:end], chunk.key_N[first:end])


@contextmanager
def _open(
    destination: Path | str, force: bool, is_followed: bool, clock: Clock, partitions: int, stop: Callable[[], bool]
) -> Iterator[_Write]:
    if is_kafka(destination):
        _refuse([truth_path(destination)], force)
        place = find_place(str(destination))
        with sending(place, partitions, force, clock, stop) as send:
            yield _to_kafka(send, place)
        return
    destination = Path(destination)
    if _suffix(destination) == ".log":
        with EmbeddedLog(destination, clock=clock) as log:
            write = _to_log(log, destination, force, clock)
            _refuse([truth_path(destination)], force)
            yield write
        return
    _refuse([destination, truth_path(destination)], force)
    with ExitStack() as files:
        try:
            file = _open_file(destination, files)
        except OSError as error:
            raise SinkError(f"cannot write to {destination}: {error.strerror}") from None
        yield _to_file(file, destination, is_followed)


def _refuse(paths: Sequence[Path], force: bool) -> None:
    there = [path for path in paths if path.exists()]
    if there and not force:
        raise ConfigError(f"{there[0]} exists already; take another name, or replace it with --force")


def _open_file(destination: Path, files: ExitStack) -> BinaryIO:
    plain = files.enter_context(destination.open("wb"))
    if not destination.name.endswith(".gz"):
        return plain
    # Neither a name nor a time in its head: the same world gives the same file.
    return cast(BinaryIO, files.enter_context(gzip.GzipFile("", "wb", 6, plain, mtime=0)))


def _to_file(file: BinaryIO, destination: Path, is_followed: bool) -> _Write:
    def write(chunk: _Chunk) -> None:
        try:
            file.write(b"".join([value + b"\n" for value in chunk.value_N]))
            if is_followed:
                file.flush()
        except OSError as error:
            raise SinkError(f"cannot write to {destination}: {error.strerror}") from None

    return write


def _to_kafka(send: Send, place: Place) -> _Write:
    def write(chunk: _Chunk) -> None:
        if place.events == place.labels:
            return send(place.events, chunk.key_N, chunk.value_N)
        for topic in (place.events, place.labels):  # events before their labels
            rows = [i for i, is_label in enumerate(chunk.is_label_N) if is_label == (topic == place.labels)]
            if rows:
                send(topic, [chunk.key_N[i] for i in rows], [chunk.value_N[i] for i in rows])
        return None

    return write


def _to_log(log: EmbeddedLog, destination: Path, force: bool, clock: Clock) -> _Write:
    for topic in (EVENTS, LABELS):
        log.create_topic(topic)
        n_held = sum(held.end_offset for held in log.ranges(topic))
        if n_held and not force:
            raise ConfigError(
                f"topic {topic!r} of the log {destination} has had {n_held:,} records already, and a second stream may "
                "repeat their ids; take another log, or append with --force"
            )

    def write(chunk: _Chunk) -> None:
        records = list(zip(chunk.value_N, chunk.is_label_N, chunk.key_N, strict=True))
        for topic in (EVENTS, LABELS):  # events before their labels
            of_topic = [
                (key.encode() or None, value) for value, is_label, key in records if is_label == (topic == LABELS)
            ]
            if of_topic:
                log.append(topic, of_topic, timestamp_s=clock.now())

    return write
