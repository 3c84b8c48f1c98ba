"""Reading partitions of Kafka through one consumer, in one order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from streammtl.clock import Clock
from streammtl.errors import SourceUnavailableError
from streammtl.journal import Runs
from streammtl.kafka.consumer import Batch, Consumer, ConsumerFailedError, TopicPartition
from streammtl.sources._merge import Merge, Ordered
from streammtl.types import Bools, Ints32, Role

_SILENT_S = 30.0  # how long a consumer may give nothing of a partition that has more
_MANY = 500  # records beside which a question to the broker costs nothing
_LOOK_EVERY_S = 10.0  # whether there is more of a partition of which nothing comes
_MAX_POLLS_AHEAD = 8  # how many polls' worth of records one partition may be ahead of the others
_END_WAIT_S = 0.05  # where a topic ends with marks of transactions, the end is met without a record that tells of it
_RUNS_AT_ONCE = 50_000  # of the journal: bounds what one step of following costs


@dataclass(frozen=True, slots=True)
class Ahead:
    """The runs of the journal that are to be followed, and whether the stream ends with them."""

    runs: Runs
    end: bool


@final
class KafkaReader:
    """Takes what a consumer gives, and puts it in order.

    Labels go past a partition without a record that may hold their events only when the broker, asked after they had
    come, says that it ends there: an event that was written before its label is never passed over, however late it
    comes. (An answer from before is not enough: of records that a broker was given while we could not reach it, those
    of one partition come long before those of another.) So do many records at once, whatever they are; for a few, the
    answer would take longer than all else.

    `starts` are the offsets to begin with, in the order of the partitions that ties are broken by; `until`, where
    given, the offsets to stop before.
    """

    def __init__(
        self,
        consumer: Consumer,
        clock: Clock,
        starts: Mapping[TopicPartition, int],
        roles: Sequence[Role],
        until: Mapping[TopicPartition, int] | None,
        merge_wait_s: float,
        max_poll_records: int,
    ) -> None:
        self._consumer, self._clock = consumer, clock
        self.partitions = tuple(starts)
        self.names = tuple(str(partition) for partition in starts)
        self.starts = tuple(starts.values())
        self._roles = tuple(roles)
        self._index = {partition: p for p, partition in enumerate(self.partitions)}
        self._until = until
        self._merge_wait_s = merge_wait_s
        self._max_poll_records = max_poll_records
        self._merge = Merge(self.names)
        self._next = list(self.starts)  # after what has come, by partition
        now_s = clock.monotonic()
        self._empty_since_s: list[float | None] = [now_s] * len(self.partitions)
        self._looked_s = now_s
        self._n_came = 0  # how often records have come
        self._silent_since_s: dict[int, float] = {}  # of partitions that have more and give nothing
        self._n_came_at_end = [-1] * len(self.partitions)  # what it was when the end of a partition was last asked for
        self._paused: set[int] = set()
        self._ahead: Ahead | None = None
        self._run = 0  # the first run of the journal that is not in `_piece`
        self._piece = Runs.none()
        self._lane_P: Ints32 = np.zeros(0, np.int32)  # our partition by the journal's
        consumer.assign(starts)

    def follow(self, ahead: Ahead) -> None:
        """Give these first."""
        self._ahead = ahead
        self._lane_P = np.array(
            [self.names.index(n) if n in self.names else -1 for n in ahead.runs.partitions], np.int32
        )
        self._run, self._piece = 0, Runs.none()

    @property
    def has_ended(self) -> bool:
        """Whether nothing can come any more."""
        if self._ahead is not None and (self._ahead.end or self._is_following()):
            return not self._is_following()
        if self._until is None:
            return False
        return all(self._is_finished(p) and self._merge.n_waiting(p) == 0 for p in range(len(self.partitions)))

    def read(self, wait_s: float) -> Ordered:
        """The records whose place in the order is known now, waiting up to `wait_s` for some."""
        wait_s = min(wait_s, self._longest_wait_s())
        if self._until is not None:
            wait_s = min(wait_s, _END_WAIT_S)
        for batch in self._consumer.poll(wait_s, self._max_poll_records):
            self._add(batch)
        self._look_now_and_then()
        ordered = self._order()
        self._balance()
        return ordered

    def _add(self, batch: Batch) -> None:
        p = self._index[batch.partition]
        end = None if self._until is None else self._until[batch.partition]
        n = len(batch.values)
        self._next[p] = int(batch.offset_N[-1]) + 1
        if end is not None and self._next[p] >= end:
            self._next[p] = end
            n = int(np.searchsorted(batch.offset_N, end))
        if n:
            self._n_came += 1
            self._silent_since_s.pop(p, None)
            self._merge.add(p, batch.offset_N[:n], batch.timestamp_ms_N[:n], batch.values[:n])
            self._empty_since_s[p] = None

    def _order(self) -> Ordered:
        if self._is_following():
            ordered, self._piece = self._merge.follow(self._piece, self._lane_P)
        else:
            ordered = self._merge.take(self._due_P())
        now_s = self._clock.monotonic()
        for p in range(len(self.partitions)):
            if self._empty_since_s[p] is None and self._merge.n_waiting(p) == 0:
                self._empty_since_s[p] = now_s
        return ordered

    def _is_following(self) -> bool:
        if len(self._piece) == 0 and self._ahead is not None and self._run < len(self._ahead.runs):
            runs, part = self._ahead.runs, slice(self._run, self._run + _RUNS_AT_ONCE)
            self._piece = Runs(runs.partitions, runs.partition_R[part], runs.first_R[part], runs.n_R[part])
            self._run += len(self._piece)
        return len(self._piece) > 0

    def _due_P(self) -> Bools:
        """Of which partitions more is to be waited for."""
        is_due_P = np.array([not self._is_finished(p) for p in range(len(self.partitions))], np.bool_)
        if self._until is not None or all(since_s is not None for since_s in self._empty_since_s):
            return is_due_P  # the ends are known, or there is nothing that could be taken
        now_s = self._clock.monotonic()
        tired = [
            p
            for p, since_s in enumerate(self._empty_since_s)
            if is_due_P[p] and since_s is not None and now_s - since_s >= self._merge_wait_s
        ]
        asking = self._that_matter(tired) if tired else []
        self._look_for_ends([p for p in asking if self._n_came_at_end[p] < self._n_came], now_s)
        is_due_P[tired] = False
        is_due_P[[p for p in asking if self._n_came_at_end[p] < self._n_came]] = True
        return is_due_P

    def _that_matter(self, numbers: list[int]) -> list[int]:
        """Of partitions without a record, those that must not be passed over for what may have been written to them."""
        waiting = self._n_waiting()
        if sum(waiting) >= _MANY:
            return numbers
        is_label_waiting = any(n and role != Role.EVENTS for n, role in zip(waiting, self._roles, strict=True))
        return [p for p in numbers if is_label_waiting and self._roles[p] != Role.LABELS]

    def _n_waiting(self) -> list[int]:
        return [self._merge.n_waiting(p) for p in range(len(self.partitions))]

    def _look_now_and_then(self) -> None:
        """A consumer may have died inside: then nothing comes of a partition, as if nothing were written to it."""
        now_s = self._clock.monotonic()
        if self._until is None and now_s - self._looked_s >= _LOOK_EVERY_S:
            self._looked_s = now_s
            quiet = [
                p
                for p, since_s in enumerate(self._empty_since_s)
                if since_s is not None and now_s - since_s >= _LOOK_EVERY_S
            ]
            self._look_for_ends(quiet, now_s)

    def _look_for_ends(self, numbers: list[int], now_s: float) -> None:
        """Ask where partitions without a record end."""
        if not numbers:
            return
        try:
            self._consumer.require_reachable()
            ends = self._consumer.ask_ends([self.partitions[p] for p in numbers])
        except SourceUnavailableError:
            self._silent_since_s.clear()  # while no broker answers, none is silent
            raise
        for p in numbers:
            partition = self.partitions[p]
            if self._next[p] >= ends[partition] or self._consumer.reached(partition) >= ends[partition]:
                self._n_came_at_end[p] = self._n_came
                self._silent_since_s.pop(p, None)
                continue
            since_s = self._silent_since_s.setdefault(p, now_s)
            if now_s - since_s >= _SILENT_S:
                raise ConsumerFailedError(
                    f"{partition} has records from {self._next[p]} to before {ends[partition]}, and none of them has "
                    f"come for {now_s - since_s:.0f} s"
                )

    def _is_finished(self, p: int) -> bool:
        if self._until is None:
            return False
        partition = self.partitions[p]
        end = self._until[partition]
        return self._next[p] >= end or self._consumer.reached(partition) >= end

    def _longest_wait_s(self) -> float:
        """Until a partition that others wait for is to be asked for its end, for the first time or again."""
        if len(self.partitions) == 1 or all(since_s is not None for since_s in self._empty_since_s):
            return float("inf")
        now_s = self._clock.monotonic()
        waits = [
            since_s + self._merge_wait_s - now_s
            for p, since_s in enumerate(self._empty_since_s)
            if since_s is not None and not self._is_finished(p)
        ]
        return min((wait_s if wait_s > 0.0 else _END_WAIT_S for wait_s in waits), default=0.0)

    def _balance(self) -> None:
        """Read no more of partitions that are far ahead of the others."""
        limit = _MAX_POLLS_AHEAD * self._max_poll_records
        full = {p for p, n in enumerate(self._n_waiting()) if n > (limit // 2 if p in self._paused else limit)}
        if full != self._paused:
            if full - self._paused:
                self._consumer.pause([self.partitions[p] for p in sorted(full - self._paused)])
            if self._paused - full:
                self._consumer.resume([self.partitions[p] for p in sorted(self._paused - full)])
            self._paused = full


def nothing() -> Ordered:
    """No record."""
    return Ordered(np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0, np.int64), [])
