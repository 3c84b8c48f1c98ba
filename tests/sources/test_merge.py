"""The order across partitions: by timestamp, then partition, then offset, and always by offset within a partition."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streammtl.errors import SourceError
from streammtl.journal import Runs
from streammtl.sources._merge import Merge, Ordered
from streammtl.types import Records

Taken = list[tuple[int, int]]  # partition, offset

#: Timestamps by partition; few different ones, so that many are equal, and not sorted.
TIMESTAMPS = st.lists(st.lists(st.integers(0, 5), max_size=12), min_size=1, max_size=4)


def by_heap(timestamps: Sequence[Sequence[int]]) -> Taken:
    """Plainly: again and again the oldest of the partitions' next records."""
    heads = [(of_p[0], p, 0) for p, of_p in enumerate(timestamps) if of_p]
    heapq.heapify(heads)
    taken = []
    while heads:
        _, p, offset = heapq.heappop(heads)
        taken.append((p, offset))
        if offset + 1 < len(timestamps[p]):
            heapq.heappush(heads, (timestamps[p][offset + 1], p, offset + 1))
    return taken


def add(merge: Merge, p: int, first: int, timestamps: Sequence[int]) -> None:
    offset_N = np.arange(first, first + len(timestamps))
    values = [f"{p}@{offset}".encode() for offset in offset_N]
    if values:
        merge.add(p, offset_N, np.array(timestamps, np.int64), values)


def names(n: int) -> list[str]:
    return [f"t:{p}" for p in range(n)]


def taken_of(ordered: Ordered) -> Taken:
    found = list(zip(ordered.partition_N.tolist(), ordered.offset_N.tolist(), strict=True))
    assert ordered.values == [f"{p}@{offset}".encode() for p, offset in found]
    return found


@settings(deadline=None)
@given(TIMESTAMPS)
def test_all_at_once_they_come_as_from_a_heap(timestamps: list[list[int]]) -> None:
    merge = Merge(names(len(timestamps)))
    for p, of_p in enumerate(timestamps):
        add(merge, p, 0, of_p)
    assert taken_of(merge.take(np.zeros(len(timestamps), np.bool_))) == by_heap(timestamps)


@settings(deadline=None)
@given(TIMESTAMPS, st.data())
def test_the_order_does_not_depend_on_how_they_arrive_in_pieces(
    timestamps: list[list[int]], data: st.DataObject
) -> None:
    merge = Merge(names(len(timestamps)))
    come = [0] * len(timestamps)
    taken: Taken = []
    while any(n < len(of_p) for n, of_p in zip(come, timestamps, strict=True)):
        p = data.draw(st.sampled_from([p for p, of_p in enumerate(timestamps) if come[p] < len(of_p)]))
        n = data.draw(st.integers(1, len(timestamps[p]) - come[p]))
        add(merge, p, come[p], timestamps[p][come[p] : come[p] + n])
        come[p] += n
        is_due = [come[p] < len(of_p) for p, of_p in enumerate(timestamps)]
        taken += taken_of(merge.take(np.array(is_due)))
    taken += taken_of(merge.take(np.zeros(len(timestamps), np.bool_)))
    assert taken == by_heap(timestamps)


@settings(deadline=None)
@given(TIMESTAMPS, st.integers(0, 48))
def test_the_order_goes_on_the_same_from_any_position(timestamps: list[list[int]], n_read: int) -> None:
    whole = by_heap(timestamps)
    merge = Merge(names(len(timestamps)))
    for p, of_p in enumerate(timestamps):
        start = sum(partition == p for partition, _ in whole[:n_read])
        add(merge, p, start, of_p[start:])
    assert taken_of(merge.take(np.zeros(len(timestamps), np.bool_))) == whole[n_read:]


def test_a_partition_that_is_due_and_has_nothing_holds_all_others_back() -> None:
    merge = Merge(names(2))
    add(merge, 0, 0, [1, 2])
    assert len(merge.take(np.array([True, True]))) == 0
    assert merge.n_waiting(0) == 2


@settings(deadline=None)
@given(TIMESTAMPS, st.permutations(range(48)), st.data())
def test_any_order_can_be_followed(timestamps: list[list[int]], shuffle: list[int], data: st.DataObject) -> None:
    dealt = [p for p, of_p in enumerate(timestamps) for _ in of_p]
    partitions = [dealt[i] for i in shuffle if i < len(dealt)]
    seen = [0] * len(timestamps)
    wanted: Taken = []
    for p in partitions:
        wanted.append((p, seen[p]))
        seen[p] += 1
    runs = runs_of(wanted, len(timestamps))
    merge = Merge(names(len(timestamps)))
    come = [0] * len(timestamps)
    followed: Taken = []
    while len(runs):
        p = data.draw(st.sampled_from([p for p, of_p in enumerate(timestamps) if come[p] < len(of_p)]))
        n = data.draw(st.integers(1, len(timestamps[p]) - come[p]))
        add(merge, p, come[p], timestamps[p][come[p] : come[p] + n])
        come[p] += n
        ordered, runs = merge.follow(runs, np.arange(len(timestamps), dtype=np.int32))
        followed += taken_of(ordered)
    assert followed == wanted


def test_a_record_that_is_gone_cannot_be_followed() -> None:
    merge = Merge(names(1))
    merge.add(0, np.array([0, 2]), np.array([1, 2]), [b"a", b"c"])
    runs = Runs(("t:0",), np.array([0], np.int32), np.array([0]), np.array([2]))
    with pytest.raises(SourceError, match="offset 1 of t:0 comes next, but the partition goes on with 2"):
        merge.follow(runs, np.array([0], np.int32))


def runs_of(taken: Taken, n_partitions: int) -> Runs:
    partition_N = np.array([p for p, _ in taken], np.int32)
    offset_N = np.array([offset for _, offset in taken], np.int64)
    return Runs.of(Records([b""] * len(taken), tuple(names(n_partitions)), partition_N, offset_N))
