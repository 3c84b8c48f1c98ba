"""Records of kafka-python, read a batch at a time by a compiled loop: one by one they are most of what it costs.

Written for kafka-python 3.0, whose reader of what was fetched (`Fetcher.PartitionRecords`) still does the rest:
checksums, positions, marks of transactions and what was aborted. A whole batch passes through it as one record.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError
from kafka.record.default_records import DefaultRecord, DefaultRecordBatch

from streammtl.kafka.record_batches import read_records

#: Offset, timestamp in milliseconds (-1: none), value.
Record: TypeAlias = tuple[int, int, bytes | None]


class PartitionRecords(Fetcher.PartitionRecords):  # type: ignore[misc]
    """What was fetched of a partition and was not taken yet."""

    _left: Sequence[Record] = ()  # of the batch that is going on
    _n_taken = 0  # of these

    def take(self, n: int | None = None) -> list[Record]:
        """The next records, at most `n` and not beyond the end of their batch; none: there are no more."""
        if self._n_taken == len(self._left):
            found = super().take(1)
            if not found:
                return []
            self._left, self._n_taken = self._records_in(found[0]), 0
        taken = list(self._left[self._n_taken :][:n])
        self._n_taken += len(taken)
        self.next_fetch_offset = taken[-1][0] + 1
        return taken

    def _records_in(self, found: Any) -> list[Record]:
        """Those of a batch from where it was fetched; a record of an older format comes by itself."""
        if not isinstance(found.value, list):
            return [(found.offset, found.timestamp, found.value)]
        return [record for record in found.value if record[0] >= self.fetch_offset]

    def _unpack_records(self, tp: Any, records: Any, *deserializers: Any) -> Any:
        return super()._unpack_records(tp, _Wholes(records), *deserializers)


class _Wholes:
    """Gives batches of the present format as `_Whole`, others as they are."""

    def __init__(self, records: Any) -> None:
        self._records = records

    def next_batch(self) -> Any:
        batch = self._records.next_batch()
        if not isinstance(batch, DefaultRecordBatch) or batch.is_control_batch:
            return batch
        return _Whole(batch)


class _Whole:
    """A batch whose only record has the list of its records for a value, and the offset of the last of them."""

    def __init__(self, batch: DefaultRecordBatch) -> None:
        self._batch = batch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[DefaultRecord]:
        batch = iter(self._batch)  # not compressed from here on
        n = batch.records_count
        columns = read_records(bytes(memoryview(batch._buffer)[batch._pos :]), n)
        if columns is None:
            raise CorruptRecordError(f"the batch of records at offset {batch.base_offset} is damaged")
        if n == 0:
            return
        offsets = (batch.base_offset + columns.offset_delta_N).tolist()
        if batch.timestamp_type == batch.LOG_APPEND_TIME:
            timestamps = [batch.max_timestamp] * n
        else:
            timestamps = (batch.first_timestamp + columns.timestamp_delta_N).tolist()
        records = list(zip(offsets, timestamps, columns.values, strict=True))
        yield DefaultRecord(batch.size_in_bytes, offsets[-1], timestamps[-1], batch.timestamp_type, None, records, [])
