"""One order for records of several partitions.

The order is by timestamp, then by partition, then by offset; but within a partition always by offset, whatever the
timestamps say. It is that of taking, again and again, the oldest of the partitions' next records, which depends on
those next records alone, and so neither on the sizes of polls nor on what was taken before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from streammtl.errors import SourceError
from streammtl.journal import Runs
from streammtl.types import Bools, Ints, Ints32

Value = bytes | None


@dataclass(frozen=True, slots=True)
class Ordered:
    """Records in their order, as columns. N records."""

    partition_N: Ints32
    offset_N: Ints
    timestamp_ms_N: Ints
    values: list[Value]

    def __len__(self) -> int:
        """Number of records."""
        return len(self.values)


@final
class Merge:
    """Records of several partitions that have come and were not taken yet.

    >>> merge = Merge(("a:0", "a:1"))
    >>> merge.add(0, np.array([5, 6]), np.array([100, 300]), [b"1", b"3"])
    >>> merge.add(1, np.array([0]), np.array([200]), [b"2"])
    >>> merge.take(np.array([True, True])).values  # what comes next of a:1 may be older than 300
    [b'1', b'2']
    >>> merge.take(np.array([True, False])).values
    [b'3']
    """

    def __init__(self, partitions: Sequence[str]) -> None:
        self._partitions = tuple(partitions)
        self._lanes = [_Lane() for _ in partitions]

    def add(self, partition: int, offset_N: Ints, timestamp_ms_N: Ints, values: Sequence[Value]) -> None:
        """Take in what came of a partition, after what came before."""
        self._lanes[partition].add(offset_N, timestamp_ms_N, values)

    def n_waiting(self, partition: int) -> int:
        """How many records of a partition were not taken yet."""
        return len(self._lanes[partition].values)

    def take(self, is_due_P: Bools) -> Ordered:
        """The records whose place in the order is known, which is up to where a partition has no more.

        `is_due_P` says of which partitions more is to be waited for; of the others nothing will come that matters.
        """
        counts = [len(lane.values) for lane in self._lanes]
        due = np.flatnonzero(is_due_P).tolist()
        if any(counts[p] == 0 for p in due):
            return self._gather([0] * len(counts), np.zeros(0, np.int64))
        fullest = counts.index(max(counts))
        if counts[fullest] == sum(counts):  # all are of one partition, mostly because few have come
            return self._lanes[fullest].take_all(fullest)
        keys = [np.maximum.accumulate(lane.timestamp_ms_N) for lane in self._lanes]
        if due:  # nothing beyond the last record of the partition that ends first can go: do not sort it
            last = min(int(keys[p][-1]) for p in due)
            counts = [int(np.searchsorted(key, last, "right")) for key in keys]
        partition_N = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        key_N = np.concatenate([key[:n] for key, n in zip(keys, counts, strict=True)])
        order_N = np.lexsort((partition_N, key_N))  # stable: by offset within a partition
        if due:
            ordered_N = partition_N[order_N]
            ends = [int(np.flatnonzero(ordered_N == p)[-1]) + 1 for p in due if counts[p] == self.n_waiting(p)]
            order_N = order_N[: min(ends)]
        return self._gather(counts, order_N)

    def follow(self, runs: Runs, partition_P: Ints32) -> tuple[Ordered, Runs]:
        """The records that `runs` names, as far as they have come, and the rest of the runs.

        `partition_P` says which of ours each partition of the runs is. Raises `SourceError` when a partition gives
        another offset than the runs say.
        """
        lane_R = partition_P[runs.partition_R]
        counts = [len(lane.values) for lane in self._lanes]
        before_R = np.zeros(len(runs), np.int64)  # how many records of the same partition the runs before it have
        for p in range(len(counts)):
            of_p = np.flatnonzero(lane_R == p)
            before_R[of_p] = np.cumsum(runs.n_R[of_p]) - runs.n_R[of_p]
        there_R = np.clip(np.array(counts, np.int64)[lane_R] - before_R, 0, runs.n_R)
        short = np.flatnonzero(there_R < runs.n_R)
        n_runs = int(short[0]) + 1 if len(short) else len(runs)
        there_R = there_R[:n_runs]
        base_P = np.concatenate(([0], np.cumsum(counts)[:-1])).astype(np.int64)
        start_R = base_P[lane_R[:n_runs]] + before_R[:n_runs]
        within_N = np.arange(there_R.sum()) - np.repeat(np.cumsum(there_R) - there_R, there_R)
        ordered = self._gather(counts, np.repeat(start_R, there_R) + within_N, drop=False)
        expected_N = np.repeat(runs.first_R[:n_runs], there_R) + within_N
        wrong = np.flatnonzero(ordered.offset_N != expected_N)
        if len(wrong):
            i = int(wrong[0])
            raise SourceError(
                f"the journal says that offset {expected_N[i]} of {self._partitions[ordered.partition_N[i]]} comes "
                f"next, but the partition goes on with {ordered.offset_N[i]}: records that were learned from are gone. "
                "To go on from the checkpoint in a new order, remove the journal"
            )
        for p, n in enumerate(np.bincount(ordered.partition_N, minlength=len(counts)).tolist()):
            self._lanes[p].drop(n)
        return ordered, runs.between(len(ordered), runs.n_records)

    def _gather(self, counts: Sequence[int], row_N: Ints, drop: bool = True) -> Ordered:
        """Rows of the lanes' first `counts` records, put one below the other."""
        lanes = list(zip(self._lanes, counts, strict=True))
        partition_N = np.repeat(np.arange(len(counts), dtype=np.int32), counts)[row_N]
        offset_N = np.concatenate([lane.offset_N[:n] for lane, n in lanes])[row_N]
        timestamp_ms_N = np.concatenate([lane.timestamp_ms_N[:n] for lane, n in lanes])[row_N]
        values = np.empty(sum(counts), np.object_)
        start = 0
        for lane, n in lanes:
            values[start : start + n] = lane.values[:n]
            start += n
        if drop:
            for lane, n in zip(self._lanes, np.bincount(partition_N, minlength=len(counts)).tolist(), strict=True):
                lane.drop(n)
        return Ordered(partition_N, offset_N, timestamp_ms_N, values[row_N].tolist())


@final
class _Lane:
    """What waits of one partition."""

    def __init__(self) -> None:
        self.offset_N: Ints = np.zeros(0, np.int64)
        self.timestamp_ms_N: Ints = np.zeros(0, np.int64)
        self.values: list[Value] = []

    def add(self, offset_N: Ints, timestamp_ms_N: Ints, values: Sequence[Value]) -> None:
        if not self.values:
            self.offset_N, self.timestamp_ms_N, self.values = offset_N, timestamp_ms_N, list(values)
            return
        self.offset_N = np.concatenate((self.offset_N, offset_N))
        self.timestamp_ms_N = np.concatenate((self.timestamp_ms_N, timestamp_ms_N))
        self.values += values

    def drop(self, n: int) -> None:
        if n:
            self.offset_N, self.timestamp_ms_N = self.offset_N[n:], self.timestamp_ms_N[n:]
            self.values = self.values[n:]

    def take_all(self, partition: int) -> Ordered:
        taken = Ordered(np.full(len(self.values), partition, np.int32), self.offset_N, self.timestamp_ms_N, self.values)
        self.offset_N, self.timestamp_ms_N, self.values = self.offset_N[:0], self.timestamp_ms_N[:0], []
        return taken
