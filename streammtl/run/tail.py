"""What is in an embedded log: its topics, or the records of one. For Kafka, `streammtl.run.tail_kafka` does it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from rich import box
from rich.console import Console
from rich.table import Table

from streammtl.clock import Clock
from streammtl.config_errors import nearest
from streammtl.errors import ConfigError
from streammtl.log.embedded import MAX_SEQUENCE, EmbeddedLog, LogRecords, PartitionRange

_READ_RECORDS = 5000  # at once
_LOOK_EVERY_S = 0.2  # for new records


def print_topics(console: Console, path: Path) -> None:
    """The topics of a log: their partitions, the offsets these hold, and how many records that is."""
    with EmbeddedLog(path, create=False) as log:
        n_records = print_ranges(console, {topic: list(log.ranges(topic)) for topic in log.topics()})
    size_bytes = sum(file.stat().st_size for file in (path, path.with_name(f"{path.name}-wal")) if file.exists())
    console.print(f"{n_records:,} records, {size_bytes:,} bytes", highlight=False)


def print_ranges(console: Console, topics: Mapping[str, Sequence[PartitionRange]]) -> int:
    """A table of the offsets of every partition; returns how many these are."""
    table = Table(box=box.SIMPLE_HEAD)
    for heading, justify in (("topic", "left"), ("partition", "right"), ("offsets", "right"), ("records", "right")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    n_records = 0
    for topic, ranges in topics.items():
        for partition, held in enumerate(ranges):
            n = held.end_offset - held.first_offset
            n_records += n
            offsets = f"{held.first_offset:,} to {held.end_offset - 1:,}" if n else "-"
            table.add_row(topic if partition == 0 else "", str(partition), offsets, f"{n:,}")
    console.print(table if table.rows else "no topics")
    return n_records


def tail_topic(
    path: Path,
    topic: str,
    out: BinaryIO,
    clock: Clock,
    *,
    last: int | None = None,
    follow: bool = False,
    values_only: bool = False,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Write one line per record of `topic`: `partition@offset key value`, or the value alone.

    It begins with the last `last` records (None: with the first), and with `follow` waits for new ones until `stop`.
    """
    with EmbeddedLog(path, create=False, clock=clock) as log:
        if topic not in log.topics():
            raise ConfigError(f"the log {path} has no topic {topic!r}; {nearest(topic, log.topics())}")
        until = log.end_sequence()
        after = 0 if last is None else _start_of_last(log, topic, last, until)
        while not stop():
            found = log.read([topic], after, _READ_RECORDS, MAX_SEQUENCE if follow else until)
            if len(found):
                keys = () if values_only else log.read_headers([topic], after, len(found), found.sequences[-1]).keys
                after = found.sequences[-1]
                out.write(b"".join(_lines(found, keys)))
                out.flush()
            elif follow:
                clock.sleep(_LOOK_EVERY_S)
            else:
                return


def _start_of_last(log: EmbeddedLog, topic: str, n: int, until: int) -> int:
    """The sequence after which the topic has its last `n` records up to `until`."""
    held = list(enumerate(log.ranges(topic)))
    # The last n records of the topic are among the last n of each partition.
    starts = [log.sequence_at(topic, p, max(r.first_offset, r.end_offset - n)) for p, r in held]
    after = min(starts) - 1
    newest: deque[int] = deque(maxlen=n)
    while len(found := log.read([topic], after, _READ_RECORDS, until)):
        after = found.sequences[-1]
        newest.extend(found.sequences)
    return newest[0] - 1 if newest else until


def _lines(records: LogRecords, keys: tuple[bytes | None, ...]) -> list[bytes]:
    """Without `keys`, the values alone."""
    if not keys:
        return [value + b"\n" for value in records.values]
    places = zip(records.partitions, records.offsets, keys, records.values, strict=True)
    return [line_of(*place) for place in places]


def line_of(partition: int, offset: int, key: bytes | None, value: bytes) -> bytes:
    """How a record is shown.

    >>> line_of(0, 7, None, b'{"amount": 3}')
    b'0@7 - {"amount": 3}\\n'
    """
    return b"%d@%d %s %s\n" % (partition, offset, key or b"-", value)
