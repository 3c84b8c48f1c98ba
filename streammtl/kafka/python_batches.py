"""Records for kafka-python, handed over a batch at a time: one by one they are most of what producing costs.

Written for kafka-python 3.0. Records are encoded by a compiled loop and put into the client's batches, as its
`RecordAccumulator.append` does with one. Sequence numbers, compression, checksums, transactions, trying again and
splitting what is too large remain the client's business.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Any, final

from kafka.errors import IllegalStateError, KafkaError
from kafka.producer.producer_batch import ProducerBatch
from kafka.record.memory_records import MemoryRecordsBuilder

from streammtl.kafka.record_batches import RecordWriter


@final
class Fate:
    """What becomes of the `n` records of one batch from number `first` on. The client's thread tells it.

    To the client it is the future of each of them: where it splits a batch that is too large, it moves them one by one
    to the smaller ones (`rebind`), and never ends the batch that was.
    """

    def __init__(self, batch: ProducerBatch, first: int, n: int) -> None:
        self.exception: BaseException | None = None  # of the first record that was refused
        self.culprit = 0  # which of the records that was, as long as the client did not split their batch
        self._n_left = n
        self._numbers: defaultdict[Any, list[int]] = defaultdict(list)  # in their batch, by the future of that
        batch._record_futures += [self] * n
        self._follow(batch.produce_future, range(first, first + n))

    @property
    def is_done(self) -> bool:
        """Whether the broker has them all, or has refused some of them."""
        return self._n_left == 0

    def failed(self) -> bool:
        """Whether some of them were refused."""
        return self.is_done and self.exception is not None

    def rebind(self, future: Any, number: int) -> None:
        """One of the records is in another batch now."""
        self._follow(future, [number])

    def _follow(self, future: Any, numbers: Sequence[int]) -> None:
        is_new = future not in self._numbers
        self._numbers[future] += numbers
        if is_new:
            future._add_cb_eb(partial(self._hear, future), partial(self._fail, future))

    def _hear(self, future: Any, result: tuple[int, int, Any]) -> None:
        _, _, exception_of = result
        numbers = self._numbers.pop(future)
        if exception_of is not None and self.exception is None:
            exceptions = [exception_of(number) for number in numbers]
            # A plain error says no more than that another record of the batch was at fault.
            self.culprit = next((i for i, error in enumerate(exceptions) if type(error) is not KafkaError), 0)
            self.exception = exceptions[self.culprit]
        self._n_left -= len(numbers)

    def _fail(self, future: Any, error: BaseException) -> None:
        self._hear(future, (-1, -1, lambda number: error))


def hand_over(client: Any, partition: Any, records: RecordWriter, timestamp_ms: int) -> list[tuple[Fate, int]]:
    """Give all records to the client, for one partition; what becomes of them, and of how many each says it.

    The client must know the partition's topic, and within a transaction that the partition takes part.
    """
    accumulator = client._accumulator
    fates = []
    accumulator._appends_in_progress.increment()
    try:
        with accumulator._tp_lock(partition):
            if accumulator._closed:
                raise IllegalStateError("the producer is closed")
            batches = accumulator._batches[partition]
            while records.n_left:
                if not batches or not _has_room(batches[-1], records.next_bytes):
                    batches.append(_new_batch(accumulator, partition))
                    accumulator._incomplete.add(batches[-1])
                fates.append(_fill(batches[-1], records, timestamp_ms))
    finally:
        accumulator._appends_in_progress.decrement()
    client._sender.wakeup()
    return fates


def _new_batch(accumulator: Any, partition: Any) -> ProducerBatch:
    names = ("message_version", "compression_attrs", "batch_size")
    return ProducerBatch(partition, MemoryRecordsBuilder(*(accumulator.config[name] for name in names)))


def _has_room(batch: ProducerBatch, n_bytes: int) -> bool:
    builder = batch.records
    return not builder._closed and builder.size_in_bytes() + n_bytes <= builder._batch_size


def _fill(batch: ProducerBatch, records: RecordWriter, timestamp_ms: int) -> tuple[Fate, int]:
    """Put in as many records as there is room for; into an empty batch one at least, however large it is."""
    builder, inner = batch.records, batch.records._builder
    first, n_left = builder._next_offset, records.n_left
    if first == 0:
        inner._first_timestamp = inner._max_timestamp = timestamp_ms
    room = max(builder._batch_size - inner.size(), records.next_bytes)
    inner._buffer += records.write(first, timestamp_ms - inner._first_timestamp, room)
    n = n_left - records.n_left
    builder._next_offset = first + n
    inner._last_offset = first + n - 1
    inner._num_records += n
    inner._max_timestamp = max(inner._max_timestamp, timestamp_ms)
    return Fate(batch, first, n), n
