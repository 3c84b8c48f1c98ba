"""The embedded log: topics, partitions and offsets in one SQLite file.

Several processes append and read at once without a broker. Every record has a *sequence* number, given out under the
write lock: the order over all topics and partitions is total and never changes, so readers of several topics read in
sequence order and need no journal of how they merged them. Appends are durable when they return; why and at what
price, `streammtl.log.database` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, final

import xxhash

from streammtl.clock import Clock, SystemClock
from streammtl.errors import SinkError, SourceError
from streammtl.log.database import Database, LogFailure

MAX_SEQUENCE = 2**63 - 1  # the largest integer of SQLite

_TABLES = (
    "CREATE TABLE head (next_sequence INTEGER NOT NULL)",
    "INSERT INTO head VALUES (1)",
    "CREATE TABLE topics (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, n_partitions INTEGER NOT NULL)",
    "CREATE TABLE partitions (topic INTEGER, partition INTEGER, first_offset INTEGER NOT NULL, "
    "end_offset INTEGER NOT NULL, PRIMARY KEY (topic, partition)) WITHOUT ROWID",
)


@dataclass(frozen=True, slots=True)
class PartitionRange:
    """The offsets that a partition holds: from `first_offset` up to, not including, `end_offset`."""

    first_offset: int
    end_offset: int


@dataclass(frozen=True, slots=True)
class LogRecords:
    """Columns of the records that a read returned, in sequence order."""

    sequences: tuple[int, ...] = ()
    partitions: tuple[int, ...] = ()  # counted over the partitions of all topics asked for, topic after topic
    offsets: tuple[int, ...] = ()
    values: tuple[bytes, ...] = ()

    def __len__(self) -> int:
        """Number of records."""
        return len(self.sequences)


@dataclass(frozen=True, slots=True)
class LogHeaders:
    """What a learner does not need of a record, in sequence order."""

    keys: tuple[bytes | None, ...] = ()
    timestamps_s: tuple[float, ...] = ()


def partition_of(key: bytes, n_partitions: int) -> int:
    """The partition of a key: its XXH3 hash modulo the number of partitions, the same in every process."""
    return xxhash.xxh3_64_intdigest(key) % n_partitions


@final
class EmbeddedLog:
    """One file of topics. Reading raises `SourceError`, writing `SinkError`; opening, by `create`, one or the other.

    A log belongs to the thread that opened it and must not be carried across a fork; open it again instead.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, EmbeddedLog(Path(folder) / "log.db") as log:
    ...     log.create_topic("events", partitions=2)
    ...     last = log.append("events", [(b"anna", b"1"), (b"bert", b"2")], timestamp_s=0.0)
    ...     print(last, log.read(["events"], after_sequence=0, limit=10).values)
    2 (b'1', b'2')
    """

    def __init__(
        self, path: Path, *, create: bool = True, busy_timeout_s: float = 30.0, clock: Clock | None = None
    ) -> None:
        self._database = Database(path, _TABLES, create, busy_timeout_s, clock or SystemClock())
        self._connection = self._database.connection
        self._explaining = self._database.explaining
        self._topics: dict[str, tuple[int, int]] = {}  # name -> id, number of partitions; neither ever changes

    def create_topic(self, name: str, partitions: int = 1) -> None:
        """Create a topic; nothing happens when it is there with as many partitions."""
        if not name or partitions < 1:
            raise SinkError(f"a topic needs a name and at least one partition, not {name!r} and {partitions}")
        with self._explaining(SinkError, f"create topic {name!r}"), self._database.transaction("IMMEDIATE"):
            known = self._find(name)
            if known is None:
                self._insert_topic(name, partitions)
            elif known[1] != partitions:
                raise SinkError(
                    f"topic {name!r} of the log {self._database.path} has {known[1]} partitions, not {partitions}; "
                    "ask for as many as it has, or take another name"
                )

    def topics(self) -> dict[str, int]:
        """Number of partitions by topic, in alphabetical order."""
        with self._explaining(SourceError, "list the topics"):
            return dict(self._connection.execute("SELECT name, n_partitions FROM topics ORDER BY name").fetchall())

    def append(
        self,
        topic: str,
        records: Sequence[tuple[bytes | None, bytes]],
        timestamp_s: float,
        partition: int | None = None,
    ) -> int:
        """Append (key, value) records, all or none, durably; the sequence of the log's last record after it.

        Without a `partition`, a key's hash decides, and records without a key go round robin by their sequence.
        """
        with self._explaining(SinkError, f"append to topic {topic!r}"), self._database.transaction("IMMEDIATE"):
            topic_id, n_partitions = self._require(topic, partition or 0, SinkError)
            (sequence,) = self._connection.execute("SELECT next_sequence FROM head").fetchone()
            ends = [held.end_offset for held in self._ranges(topic_id)]
            p_N = _assign([key for key, _ in records], sequence, n_partitions, partition)
            rows = []
            for s, (p, (key, value)) in enumerate(zip(p_N, records, strict=True), sequence):
                rows.append((s, p, ends[p], timestamp_s, key, value))
                ends[p] += 1
            self._connection.executemany(f"INSERT INTO records_{topic_id} VALUES (?, ?, ?, ?, ?, ?)", rows)
            self._connection.executemany(
                "UPDATE partitions SET end_offset = ? WHERE topic = ? AND partition = ?",
                [(end, topic_id, p) for p, end in enumerate(ends)],
            )
            self._connection.execute("UPDATE head SET next_sequence = ?", (sequence + len(rows),))
        return int(sequence) + len(rows) - 1

    def read(
        self, topics: Sequence[str], after_sequence: int, limit: int, until_sequence: int = MAX_SEQUENCE
    ) -> LogRecords:
        """At most `limit` records of these topics with `after_sequence < sequence <= until_sequence`, in order.

        Trimmed records are not there and leave a gap in the offsets; `sequence_at` refuses to start at one.
        """
        rows = self._select(
            "sequence, partition + {first}, offset, value", topics, after_sequence, limit, until_sequence
        )
        return LogRecords(*zip(*rows, strict=True)) if rows else LogRecords()

    def read_headers(
        self, topics: Sequence[str], after_sequence: int, limit: int, until_sequence: int = MAX_SEQUENCE
    ) -> LogHeaders:
        """Keys and times of the records that `read` gives for the same range; apart from it because they cost time."""
        rows = self._select("key, timestamp_s, sequence", topics, after_sequence, limit, until_sequence)
        keys, timestamps_s, _ = zip(*rows, strict=True) if rows else ((), (), ())
        return LogHeaders(keys, timestamps_s)

    def ranges(self, topic: str) -> list[PartitionRange]:
        """What each partition of a topic holds, in the order of the partitions."""
        with self._explaining(SourceError, f"read topic {topic!r}"):
            return self._ranges(self._require(topic, 0, SourceError)[0])

    def end_sequence(self) -> int:
        """The sequence of the last record of the log; 0 when it has none."""
        with self._explaining(SourceError, "read its end"):
            (next_sequence,) = self._connection.execute("SELECT next_sequence FROM head").fetchone()
        return int(next_sequence) - 1

    def sequence_at(self, topic: str, partition: int, offset: int) -> int:
        """The sequence of the record at `offset`; for the end offset, that of the log's next record.

        Raises `SourceError` when the record was trimmed, or when the partition does not reach that far.
        """
        with self._explaining(SourceError, f"read topic {topic!r}"), self._database.transaction("DEFERRED"):
            topic_id, _ = self._require(topic, partition, SourceError)
            held = self._ranges(topic_id)[partition]
            where = f"{topic}:{partition} of the log {self._database.path}"
            if offset < held.first_offset:
                raise SourceError(
                    f"offset {offset} of {where} was trimmed; it holds the offsets {held.first_offset} up to "
                    f"{held.end_offset} (not included). To go on with those, start without the old position"
                )
            if offset > held.end_offset:
                raise SourceError(
                    f"offset {offset} of {where} is beyond its end, {held.end_offset}: this is not the log from which "
                    "the position was taken, or it was made anew"
                )
            if offset == held.end_offset:
                return self.end_sequence() + 1
            (sequence,) = self._connection.execute(
                f"SELECT sequence FROM records_{topic_id} WHERE partition = ? AND offset = ?", (partition, offset)
            ).fetchone()
        return int(sequence)

    def keys_from(self, topic: str, partition: int, offset: int) -> list[bytes | None]:
        """The keys of all records of a partition from `offset` on: what a writer asks that wants to go on."""
        with self._explaining(SourceError, f"read topic {topic!r}"):
            topic_id, _ = self._require(topic, partition, SourceError)
            rows = self._connection.execute(
                f"SELECT key FROM records_{topic_id} WHERE partition = ? AND offset >= ? ORDER BY offset",
                (partition, offset),
            )
            return [key for (key,) in rows]

    def trim(self, topic: str, partition: int, before_offset: int) -> int:
        """Delete the records of a partition below `before_offset`; how many. The file keeps its size for new ones."""
        with self._explaining(SinkError, f"trim topic {topic!r}"), self._database.transaction("IMMEDIATE"):
            topic_id, _ = self._require(topic, partition, SinkError)
            held = self._ranges(topic_id)[partition]
            if before_offset > held.end_offset:
                raise SinkError(
                    f"cannot trim {topic}:{partition} of the log {self._database.path} before offset {before_offset}: "
                    f"it ends at {held.end_offset}"
                )
            if before_offset <= held.first_offset:
                return 0
            self._connection.execute(
                f"DELETE FROM records_{topic_id} WHERE partition = ? AND offset < ?", (partition, before_offset)
            )
            self._connection.execute(
                "UPDATE partitions SET first_offset = ? WHERE topic = ? AND partition = ?",
                (before_offset, topic_id, partition),
            )
        return before_offset - held.first_offset

    def close(self) -> None:
        """Let go of the file. May be called twice."""
        self._connection.close()

    def __enter__(self) -> Self:
        """The log itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def _select(
        self, columns: str, topics: Sequence[str], after_sequence: int, limit: int, until_sequence: int
    ) -> list[tuple[Any, ...]]:
        selects = []
        first_partition = 0
        with self._explaining(SourceError, f"read {', '.join(topics)}"):
            for topic in topics:
                topic_id, n_partitions = self._require(topic, 0, SourceError)
                selects.append(
                    f"SELECT {columns.format(first=first_partition)} FROM records_{topic_id} "
                    "WHERE sequence > :after AND sequence <= :until"
                )
                first_partition += n_partitions
            return self._connection.execute(
                " UNION ALL ".join(selects) + " ORDER BY sequence LIMIT :limit",
                {"after": after_sequence, "until": until_sequence, "limit": limit},
            ).fetchall()

    def _insert_topic(self, name: str, n_partitions: int) -> None:
        """One table per topic, so that reading events does not pass over predictions."""
        self._connection.execute("INSERT INTO topics (name, n_partitions) VALUES (?, ?)", (name, n_partitions))
        (topic_id,) = self._connection.execute("SELECT id FROM topics WHERE name = ?", (name,)).fetchone()
        self._connection.executemany(
            "INSERT INTO partitions VALUES (?, ?, 0, 0)", [(topic_id, p) for p in range(n_partitions)]
        )
        self._connection.execute(
            f"CREATE TABLE records_{topic_id} (sequence INTEGER PRIMARY KEY, partition INTEGER NOT NULL, "
            "offset INTEGER NOT NULL, timestamp_s REAL NOT NULL, key BLOB, value BLOB NOT NULL)"
        )
        self._connection.execute(f"CREATE UNIQUE INDEX offsets_{topic_id} ON records_{topic_id} (partition, offset)")

    def _ranges(self, topic_id: int) -> list[PartitionRange]:
        rows = self._connection.execute(
            "SELECT first_offset, end_offset FROM partitions WHERE topic = ? ORDER BY partition", (topic_id,)
        )
        return [PartitionRange(first, end) for first, end in rows]

    def _require(self, topic: str, partition: int, failure: LogFailure) -> tuple[int, int]:
        known = self._find(topic)
        if known is None:
            there = ", ".join(self.topics()) or "none"
            raise failure(f"there is no topic {topic!r} in the log {self._database.path}; its topics: {there}")
        if not 0 <= partition < known[1]:
            raise failure(f"topic {topic!r} has the partitions 0 to {known[1] - 1}, there is no {partition}")
        return known

    def _find(self, topic: str) -> tuple[int, int] | None:
        if topic not in self._topics:
            query = "SELECT id, n_partitions FROM topics WHERE name = ?"
            row: tuple[int, int] | None = self._connection.execute(query, (topic,)).fetchone()
            if row is None:
                return None
            self._topics[topic] = row
        return self._topics[topic]


def _assign(keys: list[bytes | None], sequence: int, n_partitions: int, partition: int | None) -> list[int]:
    if partition is not None or n_partitions == 1:
        return [partition or 0] * len(keys)
    return [
        s % n_partitions if key is None else partition_of(key, n_partitions) for s, key in enumerate(keys, sequence)
    ]
