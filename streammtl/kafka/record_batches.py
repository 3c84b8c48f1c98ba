"""Kafka's record batches to columns: compiled, because a record has seven lengths of one to ten bytes each.

The format is that of Kafka's protocol guide (kafka.apache.org, Record Batch; magic 2). Headers and keys are stepped
over. Shape suffixes: B bytes, N records.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from streammtl.compiling import compiled
from streammtl.types import Ints

_Bytes = npt.NDArray[np.uint8]


class Columns(NamedTuple):
    """The records of a batch, in their order. N records."""

    offset_delta_N: Ints  # from the first offset of the batch
    timestamp_delta_N: Ints  # from its first timestamp
    values: list[bytes | None]


def read_records(data: bytes, n: int) -> Columns | None:
    """The `n` records of a batch, without its header and not compressed; None where `data` is not that.

    >>> read_records(bytes([20, 0, 6, 2, 2, 107, 6, 97, 98, 99, 0]), 1)
    Columns(offset_delta_N=array([1]), timestamp_delta_N=array([3]), values=[b'abc'])
    >>> read_records(b"not that", 1) is None
    True
    """
    offset_delta_N, timestamp_delta_N, first_N, end_N = np.empty((4, n), np.int64)
    if not _compiled().read(np.frombuffer(data, np.uint8), offset_delta_N, timestamp_delta_N, first_N, end_N):
        return None
    spans = zip(first_N.tolist(), end_N.tolist(), strict=True)
    return Columns(offset_delta_N, timestamp_delta_N, [data[a:b] if b >= 0 else None for a, b in spans])


class Parts(NamedTuple):
    """Bytes of N records laid end to end, and where those of each end."""

    data_B: _Bytes
    end_N: Ints

    @classmethod
    def of(cls, parts: Sequence[bytes]) -> Parts:
        """Lay them."""
        ends = np.cumsum(np.fromiter(map(len, parts), np.int64, len(parts)))
        return cls(np.frombuffer(b"".join(parts), np.uint8), ends)


class RecordWriter:
    """The records of one partition, as they stand in batches. `headers` are blocks of `header_block`.

    >>> writer = RecordWriter([b"k"], [b"abc"], [header_block([])])
    >>> list(writer.write(first_offset_delta=1, timestamp_delta=3, room=100))
    [20, 0, 6, 2, 2, 107, 6, 97, 98, 99, 0]
    >>> writer.n_left
    0
    """

    def __init__(self, keys: Sequence[bytes], values: Sequence[bytes], headers: Sequence[bytes]) -> None:
        assert len(keys) == len(values) == len(headers)  # the compiled loop does not look
        self._columns = tuple(Parts.of(parts) for parts in (keys, values, headers))
        self._at = 0

    @property
    def n_left(self) -> int:
        """Records that were not written yet."""
        return len(self._columns[0].end_N) - self._at

    @property
    def next_bytes(self) -> int:
        """What the next record takes, at most."""
        return self._most_bytes(1)

    def write(self, first_offset_delta: int, timestamp_delta: int, room: int) -> memoryview:
        """The next records, as many as there is room for, in bytes. The first has this offset, all have this time."""
        out_B = np.empty(min(room, self._most_bytes(self.n_left)), np.uint8)
        columns = [array for parts in self._columns for array in parts]
        self._at, n_bytes = _compiled().write(*columns, self._at, first_offset_delta, timestamp_delta, out_B)
        return out_B[:n_bytes].data

    def _most_bytes(self, n: int) -> int:
        """What the next `n` records take, at most."""
        start, stop = self._at - 1, self._at + n - 1
        ends = (end_N for _, end_N in self._columns)
        return n * _MAX_OVERHEAD + sum(int(end_N[stop]) - (int(end_N[start]) if start >= 0 else 0) for end_N in ends)


def header_block(headers: Sequence[tuple[str, str | bytes | None]]) -> bytes:
    """The headers of a record, as they stand in it.

    >>> header_block([("a", b"xy"), ("b", None)])
    b'\\x04\\x02a\\x04xy\\x02b\\x01'
    """
    block = [_varint(len(headers))]
    for name, value in headers:
        encoded = name.encode()
        block += (_varint(len(encoded)), encoded)
        if value is None:
            block.append(b"\x01")
        else:
            data = value.encode() if isinstance(value, str) else value
            block += (_varint(len(data)), data)
    return b"".join(block)


def _varint(size: int) -> bytes:
    """A length."""
    if size < 64:
        return _SHORT[size]
    number, found = size << 1, bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


_SHORT = [bytes([2 * size]) for size in range(64)]

#: Bytes of a record beside its key, value and headers, at most: five lengths of five bytes, attributes, a timestamp.
_MAX_OVERHEAD = 5 * 5 + 1 + 10


class _Compiled(NamedTuple):
    read: Callable[..., bool]
    write: Callable[..., tuple[int, int]]


@cache
def _compiled() -> _Compiled:
    return _Compiled(*compiled("the reader and writer of Kafka's record batches", read_spans, write_spans))


def read_spans(data_B: _Bytes, offset_delta_N: Ints, timestamp_delta_N: Ints, first_N: Ints, end_N: Ints) -> bool:
    """Fill in the columns of records, and where the value of each begins and ends (-1: it is null).

    False: the bytes are not that many records, each as long as it says.
    """
    at = 0
    for n in range(len(first_N)):
        end = len(data_B)
        # The length of the record, its attributes, the deltas of timestamp and offset, the lengths of key and value.
        for field in range(6):
            number = shift = 0
            is_going_on = True
            while is_going_on:
                if at >= end or shift > 63:
                    return False
                byte = int(data_B[at])
                at += 1
                number |= (byte & 127) << shift
                shift += 7
                is_going_on = byte > 127
            number = ((number >> 1) & 0x7FFF_FFFF_FFFF_FFFF) ^ -(number & 1)
            if field == 0:
                if not 0 <= number <= end - at:
                    return False
                end = at + number
            elif field == 2:
                timestamp_delta_N[n] = number
            elif field == 3:
                offset_delta_N[n] = number
            elif field >= 4:  # of key and value; -1: null
                if number > end - at:
                    return False
                first_N[n] = at
                at += max(number, 0)
                end_N[n] = at if number >= 0 else -1
        at = end  # past the headers
    return at == len(data_B)


def write_spans(
    key_B: _Bytes,
    key_end_N: Ints,
    value_B: _Bytes,
    value_end_N: Ints,
    header_B: _Bytes,
    header_end_N: Ints,
    first: int,
    first_offset_delta: int,
    timestamp_delta: int,
    out_B: _Bytes,
) -> tuple[int, int]:
    """Write records from the `first` on, as many as there is room for: which one is next, and how many bytes these are.

    Offsets count up from the first; all have the same timestamp.
    """
    at = 0
    for n in range(first, len(key_end_N)):
        key, key_end = key_end_N[n - 1] if n > 0 else 0, key_end_N[n]
        value, value_end = value_end_N[n - 1] if n > 0 else 0, value_end_N[n]
        header, header_end = header_end_N[n - 1] if n > 0 else 0, header_end_N[n]
        numbers = (timestamp_delta, first_offset_delta + n - first, key_end - key, value_end - value)
        size = 1 + key_end - key + value_end - value + header_end - header
        for number in numbers:
            left = (number << 1) ^ (number >> 63)
            size += 1
            while left > 127:
                left >>= 7
                size += 1
        left = size << 1
        n_bytes = size + 1
        while left > 127:
            left >>= 7
            n_bytes += 1
        if at + n_bytes > len(out_B):
            return n, at
        for field in range(5):
            number = size if field == 0 else numbers[field - 1]
            left = (number << 1) ^ (number >> 63)
            while left > 127:
                out_B[at] = left & 127 | 128
                at += 1
                left >>= 7
            out_B[at] = left
            at += 1
            if field == 0:
                out_B[at] = 0  # no attributes
                at += 1
            elif field == 3:
                out_B[at : at + key_end - key] = key_B[key:key_end]
                at += key_end - key
            elif field == 4:
                out_B[at : at + value_end - value] = value_B[value:value_end]
                at += value_end - value
        out_B[at : at + header_end - header] = header_B[header:header_end]
        at += header_end - header
    return len(key_end_N), at
