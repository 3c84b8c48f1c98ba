"""What the journal is made of: runs of records, and how they are written.

A frame is two little-endian integers, the length of its payload and the payload's CRC-32, and the payload: its first
byte says what it is, the names of the partitions (`N`, JSON) or the runs of one poll (`R`, see `pack`).
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from streammtl.types import Ints, Ints32, Position, Records

FRAME = struct.Struct("<II")
_HEAD = struct.Struct("<QII")  # of a payload of runs: number of the first record, how many partitions, how many runs
_ONLY = struct.Struct("<Iq")  # the only partition, and its first offset
_WIDTHS = (np.dtype("<u1"), np.dtype("<u2"), np.dtype("<u4"), np.dtype("<u8"))
_ALL_ZERO = 255  # in the place of a width: the column is left out


@dataclass(frozen=True, slots=True)
class Runs:
    """Stretches of one partition each with consecutive offsets, in the order in which they were taken. R runs.

    >>> runs = Runs(("a:0", "a:1"), np.array([0, 1], np.int32), np.array([7, 0]), np.array([2, 3]))
    >>> len(runs), runs.n_records, runs.between(1, 4).starts()
    (2, 5, {'a:0': 8, 'a:1': 0})
    """

    partitions: tuple[str, ...]
    partition_R: Ints32
    first_R: Ints  # offset of the first record
    n_R: Ints  # how many records

    @classmethod
    def none(cls) -> Runs:
        """No record at all."""
        return cls((), np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0, np.int64))

    @classmethod
    def of(cls, records: Records) -> Runs:
        """The runs of what a poll returned."""
        partition_N, offset_N = records.partition_N, records.offset_N
        if len(offset_N) == 0:
            return cls.none()
        if offset_N[-1] - offset_N[0] == len(offset_N) - 1 and (partition_N == partition_N[0]).all():  # one run
            return cls(records.partitions, partition_N[:1], offset_N[:1], np.array([len(offset_N)]))
        goes_on_N = (partition_N[1:] == partition_N[:-1]) & (offset_N[1:] == offset_N[:-1] + 1)
        start_R = np.concatenate(([0], np.flatnonzero(~goes_on_N) + 1))
        n_R = np.diff(start_R, append=len(offset_N))
        return cls(records.partitions, partition_N[start_R], offset_N[start_R], n_R)

    def __len__(self) -> int:
        """Number of runs."""
        return len(self.n_R)

    @property
    def n_records(self) -> int:
        """Number of records."""
        return int(self.n_R.sum())

    def between(self, start: int, stop: int) -> Runs:
        """The runs of the records from number `start` to before number `stop`."""
        end_R = np.cumsum(self.n_R)
        begin_R = end_R - self.n_R
        kept_R = (end_R > start) & (begin_R < stop)
        cut_R = np.maximum(start - begin_R, 0)[kept_R]
        n_R = np.minimum(end_R, stop)[kept_R] - np.maximum(begin_R, start)[kept_R]
        return Runs(self.partitions, self.partition_R[kept_R], self.first_R[kept_R] + cut_R, n_R)

    def starts(self) -> Position:
        """The first offset of each partition that occurs."""
        found, first_P = np.unique(self.partition_R, return_index=True)
        return {self.partitions[p]: int(self.first_R[r]) for p, r in zip(found.tolist(), first_P.tolist(), strict=True)}

    def __eq__(self, other: object) -> bool:
        """Whether these are the same records in the same order."""
        if not isinstance(other, Runs):
            return NotImplemented
        mine, theirs = joined([self, other])
        return all(
            np.array_equal(a, b)
            for a, b in (
                (mine.partition_R, theirs.partition_R),
                (mine.first_R, theirs.first_R),
                (mine.n_R, theirs.n_R),
            )
        )

    __hash__ = None  # type: ignore[assignment]  # its arrays have none


def names_frame(partitions: tuple[str, ...]) -> bytes:
    """The frame that names the partitions of the runs after it."""
    return _frame(b"N" + json.dumps(partitions).encode())


def runs_frame(number: int, runs: Runs) -> bytes:
    """The frame of a poll whose first record has this number."""
    return _frame(b"R" + _pack(number, runs))


def read_frames(content: bytes) -> Iterator[tuple[int, Runs]]:
    """Number of the first record and runs of each poll, up to the first frame that is not whole."""
    names: tuple[str, ...] = ()
    for payload, _ in _frames(content):
        if payload[:1] == b"N":
            names = tuple(json.loads(payload[1:]))
        else:
            yield _unpack(payload[1:], names)


def whole_bytes(content: bytes) -> int:
    """How many bytes the frames have up to the first that is not whole."""
    return max((end for _, end in _frames(content)), default=0)


def _frames(content: bytes) -> Iterator[tuple[bytes, int]]:
    """Payloads, each with where its frame ends, up to the first that is not whole."""
    start = 0
    while start + FRAME.size <= len(content):
        length, crc = FRAME.unpack_from(content, start)
        payload = content[start + FRAME.size : start + FRAME.size + length]
        if length == 0 or len(payload) < length or zlib.crc32(payload) != crc:
            return
        start += FRAME.size + length
        yield payload, start


def _frame(payload: bytes) -> bytes:
    return FRAME.pack(len(payload), zlib.crc32(payload)) + payload


def _pack(number: int, runs: Runs) -> bytes:
    """The runs of one poll, in two bytes per run where nothing was skipped.

    First the partitions that occur with their first offsets; then by run: which of these, how many offsets it lies
    beyond the end of the run before it in its partition, and how many records it has, each column in as few bytes as
    its largest value needs, none where all are zero.
    """
    if len(runs) == 1:
        n = int(runs.n_R[0])
        width = next(width for width in _WIDTHS if n <= np.iinfo(width).max)
        place = bytes([_ALL_ZERO, _ALL_ZERO, _WIDTHS.index(width)])
        start = _ONLY.pack(int(runs.partition_R[0]), int(runs.first_R[0]))
        return _HEAD.pack(number, 1, 1) + start + place + n.to_bytes(width.itemsize, "little")
    found_P, where_R = np.unique(runs.partition_R, return_inverse=True)
    # Runs of a partition side by side, in their order: what each should begin with is the end of the one before.
    order_R = np.argsort(where_R, kind="stable")
    first_R, end_R = runs.first_R[order_R], (runs.first_R + runs.n_R)[order_R]
    is_first_R = np.ones(len(runs), np.bool_)
    is_first_R[1:] = where_R[order_R][1:] != where_R[order_R][:-1]
    skipped_R = np.zeros(len(runs), np.int64)
    skipped_R[order_R] = np.where(is_first_R, 0, first_R - np.concatenate(([0], end_R[:-1])))
    parts = [_HEAD.pack(number, len(found_P), len(runs)), found_P.astype("<u4").tobytes()]
    parts.append(first_R[is_first_R].astype("<i8").tobytes())
    assert skipped_R.min() >= 0, "offsets of a partition go up"
    for column_R in (where_R, skipped_R, runs.n_R):
        if not column_R.any():
            parts.append(bytes([_ALL_ZERO]))
            continue
        width = next(width for width in _WIDTHS if column_R.max() <= np.iinfo(width).max)
        parts += [bytes([_WIDTHS.index(width)]), column_R.astype(width).tobytes()]
    return b"".join(parts)


def _unpack(payload: bytes, names: tuple[str, ...]) -> tuple[int, Runs]:
    number, n_partitions, n_runs = _HEAD.unpack_from(payload)
    at = _HEAD.size
    found_P = np.frombuffer(payload, "<u4", n_partitions, at).astype(np.int32)
    at += 4 * n_partitions
    start_P = np.frombuffer(payload, "<i8", n_partitions, at)
    at += 8 * n_partitions
    columns = []
    for _ in range(3):
        if payload[at] == _ALL_ZERO:
            columns.append(np.zeros(n_runs, np.int64))
            at += 1
            continue
        width = _WIDTHS[payload[at]]
        columns.append(np.frombuffer(payload, width, n_runs, at + 1).astype(np.int64))
        at += 1 + width.itemsize * n_runs
    where_R, skipped_R, n_R = columns
    first_R = np.empty(n_runs, np.int64)
    for p in range(n_partitions):
        of_p = np.flatnonzero(where_R == p)
        before_R = np.cumsum(n_R[of_p]) - n_R[of_p]
        first_R[of_p] = start_P[p] + before_R + np.cumsum(skipped_R[of_p])
    return number, Runs(names, found_P[where_R], first_R, n_R)


def joined(several: list[Runs]) -> list[Runs]:
    """The same under one table of partitions, each with runs that cannot be made longer."""
    names: dict[str, int] = {}
    for runs in several:
        for name in runs.partitions:
            names.setdefault(name, len(names))
    found = []
    for runs in several:
        to = np.array([names[name] for name in runs.partitions], np.int32)
        partition_R = to[runs.partition_R] if len(runs) else runs.partition_R
        goes_on_R = (partition_R[1:] == partition_R[:-1]) & (runs.first_R[1:] == (runs.first_R + runs.n_R)[:-1])
        start_R = np.concatenate(([0], np.flatnonzero(~goes_on_R) + 1)) if len(runs) else np.zeros(0, np.int64)
        n_R = np.add.reduceat(runs.n_R, start_R) if len(runs) else runs.n_R
        found.append(Runs(tuple(names), partition_R[start_R], runs.first_R[start_R], n_R))
    return found
