"""A topic of the embedded log."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Literal, final

from pydantic import Field

from streammtl.clock import Clock
from streammtl.errors import SinkError, SourceError
from streammtl.log.embedded import EmbeddedLog, partition_of
from streammtl.sinks._documents import encode_each
from streammtl.sinks.base import Documents, Sink, number_in
from streammtl.types import State


@final
class LogSink(Sink):
    """Appends each document as JSON under its key to a topic, which is created when it is missing.

    Every `publish` is one append: readers see it at once, and it is on the disk. The position is the end offset of
    each partition. On resume the records beyond it are those of the documents that will be published again: as many
    are left out, each compared by its key. This sink must be the only writer of its topic.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "log.db"
    ...     sink = LogSink.Config(path=path, topic="predictions").build()
    ...     sink.open(None)
    ...     sink.publish(Documents(["a"], [{"id": "a"}]))
    ...     position = sink.flush()
    ...     sink.close()
    ...     with EmbeddedLog(path) as log:
    ...         print(position, log.read(["predictions"], after_sequence=0, limit=10).values)
    {'0': 1} (b'{"id":"a"}',)
    """

    class Config(Sink.Config):
        """Settings of the embedded log as a sink."""

        kind: Literal["log"] = "log"
        path: Path = Field(description="The log's file. A relative path starts at the current folder.")
        topic: str = Field(min_length=1, description="The topic. No other writer may append to it.")
        partitions: int = Field(
            default=1, ge=1, le=1024, description="Partitions of the topic; a document's key decides which is its."
        )

    def __init__(self, config: LogSink.Config, base: Path, clock: Clock) -> None:
        self._config = config
        self._path = base / config.path
        self._clock = clock
        self._log: EmbeddedLog | None = None
        self._held: list[deque[bytes | None]] = []  # by partition: keys of the documents that will come again

    def open(self, position: State | None) -> None:
        """Find or create the topic, and what it holds beyond the position."""
        self.close()
        log = EmbeddedLog(self._path, clock=self._clock)
        try:
            log.create_topic(self._config.topic, self._config.partitions)
            self._held = [self._keys_beyond(log, position, p) for p in range(self._config.partitions)]
        except SourceError as problem:
            log.close()
            raise SinkError(str(problem)) from problem
        except BaseException:
            log.close()
            raise
        self._log = log

    def publish(self, documents: Documents) -> None:
        """Append the documents that the topic does not hold yet."""
        assert self._log is not None, "open the sink first"
        encoded = encode_each(documents)
        records = [(key.encode(), value) for key, value in zip(documents.keys, encoded, strict=True)]
        if any(self._held):
            records = [record for record in records if not self._is_held(record[0])]
        if records:
            self._log.append(self._config.topic, records, self._clock.now())

    def flush(self) -> State:
        """The next offset of each partition; appends are on the disk already."""
        assert self._log is not None, "open the sink first"
        ranges = self._log.ranges(self._config.topic)
        return {str(p): held.end_offset - len(self._held[p]) for p, held in enumerate(ranges)}

    def close(self) -> None:
        """Let go of the log."""
        if self._log is not None:
            self._log.close()
            self._log = None

    def _keys_beyond(self, log: EmbeddedLog, position: State | None, partition: int) -> deque[bytes | None]:
        if position is None:
            return deque()
        name = f"{self._config.topic}:{partition} of the log {self._path}"
        offset = number_in(position, str(partition), name)
        held = log.ranges(self._config.topic)[partition]
        if not held.first_offset <= offset <= held.end_offset:
            raise SinkError(
                f"{name} holds the offsets {held.first_offset} up to {held.end_offset} (not included), but the "
                f"checkpoint to resume from is at {offset}; restore the log, or start without the checkpoint"
            )
        return deque(log.keys_from(self._config.topic, partition, offset))

    def _is_held(self, key: bytes) -> bool:
        partition = partition_of(key, self._config.partitions)
        held = self._held[partition]
        if not held:
            return False
        found = held.popleft()
        if found != key:
            raise SinkError(
                f"{self._config.topic}:{partition} of the log {self._path} holds {found!r} beyond the checkpoint where "
                f"{key!r} was expected: another writer has appended to it. Give this sink a topic of its own"
            )
        return True
