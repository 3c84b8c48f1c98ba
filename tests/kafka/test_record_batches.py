"""Batches of records are read and written as kafka-python does it with one record after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from kafka.partitioner.default import murmur2
from kafka.record.default_records import DefaultRecordBatchBuilder

from streammtl.kafka.murmur2 import partitions_of
from streammtl.kafka.record_batches import RecordWriter, header_block, read_records, read_spans

_HEADER_BYTES = DefaultRecordBatchBuilder.HEADER_STRUCT.size

#: Lengths on both sides of those at which a length takes another byte.
_data = st.sampled_from([0, 1, 62, 63, 64, 65, 8191, 8192, 9000]).map(lambda n: bytes(i % 251 for i in range(n)))
_headers = st.lists(st.tuples(st.sampled_from(["a", "größe", "x" * 70]), _data), max_size=3)
_records = st.lists(st.tuples(_data, _data, _headers), min_size=1, max_size=12)


def as_kafka_python_writes(records: list[tuple[Any, ...]], timestamps_ms: list[int]) -> bytes:
    builder = DefaultRecordBatchBuilder(2, 0, False, -1, -1, -1, batch_size=10**9)
    for offset, (record, timestamp_ms) in enumerate(zip(records, timestamps_ms, strict=True)):
        builder.append(offset, timestamp_ms, *record)
    return bytes(builder._buffer[_HEADER_BYTES:])


@settings(deadline=None)  # the first one compiles
@given(_records, st.integers(-(2**40), 2**40), st.integers(0, 12), st.integers(0, 20_000))
def test_a_batch_is_written_byte_for_byte_in_however_many_pieces(
    records: list[tuple[Any, ...]], delta_ms: int, n_first: int, room: int
) -> None:
    n_first = min(max(n_first, 1), len(records))
    timestamps_ms = [2**41] * n_first + [2**41 + delta_ms] * (len(records) - n_first)
    written = b""
    for start, stop, timestamp_delta in ((0, n_first, 0), (n_first, len(records), delta_ms)):
        keys, values, headers = zip(*records[start:stop], strict=True) if stop > start else ((), (), ())
        writer = RecordWriter(keys, values, [header_block(block) for block in headers])
        while writer.n_left:
            written += writer.write(stop - writer.n_left, timestamp_delta, max(room, writer.next_bytes))
    assert written == as_kafka_python_writes(records, timestamps_ms)


@settings(deadline=None)  # the first one compiles
@given(st.lists(st.tuples(st.none() | _data, st.none() | _data, _headers), min_size=1, max_size=12), st.data())
def test_a_batch_is_read_back(records: list[tuple[Any, ...]], data: st.DataObject) -> None:
    times = st.integers(0, 2**62)
    timestamps_ms = data.draw(st.lists(times, min_size=len(records), max_size=len(records)))
    columns = read_records(as_kafka_python_writes(records, timestamps_ms), len(records))
    assert columns is not None
    assert columns.values == [value for _, value, _ in records]
    assert columns.offset_delta_N.tolist() == list(range(len(records)))
    assert (timestamps_ms[0] + columns.timestamp_delta_N).tolist() == timestamps_ms


@settings(deadline=None)  # the first one compiles
@given(st.binary(max_size=60), st.integers(1, 5))
@example(b"\xff" * 30, 1)
@example(bytes([20, 0, 6, 2, 2, 107, 6, 97, 98, 99]), 1)  # the last byte is missing
@example(bytes([20, 0, 6, 2, 2, 107, 6, 97, 98, 99, 0, 0]), 1)  # a byte too many
def test_whatever_the_bytes_are_none_beside_them_is_read(data: bytes, n: int) -> None:
    columns = np.zeros((4, n), np.int64)
    is_batch = read_spans(np.frombuffer(data, np.uint8), *columns)  # not compiled: an index beyond the end is an error
    assert (read_records(data, n) is not None) == is_batch


def test_a_batch_that_is_cut_off_is_none() -> None:
    whole = as_kafka_python_writes([(b"k", b"value", [("name", b"header")])] * 3, [0, 0, 0])
    assert all(read_records(whole[:length], 3) is None for length in range(len(whole)))
    assert read_records(whole, 2) is None
    assert read_records(whole, 4) is None


@settings(deadline=None)  # the first one compiles
@given(st.lists(st.binary(max_size=30), max_size=30), st.integers(1, 100))
def test_a_key_has_the_partition_that_kafka_python_gives_it(keys: list[bytes], n_partitions: int) -> None:
    assert partitions_of(keys, n_partitions).tolist() == [(murmur2(k) & 0x7FFFFFFF) % n_partitions for k in keys]
