"""Messages on their way: sent when something is decided, delivered when it becomes known.

Shape suffixes: L messages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

import numpy as np

from streammtl.types import Bools, Floats, Ints

_BUCKET_MS: Final = 21_600_000  # six hours
_MIN_DELAY_S: Final = 60.0
_MAX_DELAY_S: Final = 10 * 365 * 86_400.0


class Messages(Protocol):
    """Columns of messages, of which one is the time at which each arrives."""

    @property
    def ms_L(self) -> Ints:
        """Milliseconds since the start of the stream."""

    def __len__(self) -> int:
        """How many there are."""

    def rows(self: _Messages, chosen: Bools | Ints | slice, /) -> _Messages:
        """Some of the messages."""


_Messages = TypeVar("_Messages", bound=Messages)


class Pending(Generic[_Messages]):
    """Messages on their way, in buckets of six hours so that a batch touches only those that are due.

    `concatenate` makes one of several parts, and an empty one of none.
    """

    def __init__(self, concatenate: Callable[[list[_Messages]], _Messages]) -> None:
        self._concatenate = concatenate
        self._buckets: dict[int, list[_Messages]] = {}

    def put(self, messages: _Messages) -> None:
        """Send messages off."""
        # In the order of their times, so that a bucket's share is a slice.
        messages = messages.rows(np.argsort(messages.ms_L, kind="stable"))
        buckets, first = np.unique(messages.ms_L // _BUCKET_MS, return_index=True)
        ends = [*first.tolist(), len(messages)][1:]
        for bucket, start, end in zip(buckets.tolist(), first.tolist(), ends, strict=True):
            self._buckets.setdefault(bucket, []).append(messages.rows(slice(start, end)))

    def take(self, until_ms: int) -> list[_Messages]:
        """The messages that arrive before `until_ms`."""
        arrived: list[_Messages] = []
        last = until_ms // _BUCKET_MS
        for bucket in sorted(bucket for bucket in self._buckets if bucket <= last):
            messages = self._concatenate(self._buckets.pop(bucket))
            if bucket == last:
                is_due = messages.ms_L < until_ms
                self._buckets[bucket] = [messages.rows(~is_due)]
                messages = messages.rows(is_due)
            arrived.append(messages)
        return arrived

    def rest(self) -> list[_Messages]:
        """All that remain."""
        arrived = [self._concatenate(self._buckets[bucket]) for bucket in sorted(self._buckets)]
        self._buckets.clear()
        return arrived


def lognormal_s(median_s: float, sigma: float, normal_E: Floats) -> Floats:
    """Lognormal delays in seconds from standard normal draws; a minute at least."""
    return np.maximum(median_s * np.exp(sigma * normal_E), _MIN_DELAY_S)


def milliseconds(delay_s_E: Floats) -> Ints:
    """Delays in whole milliseconds, rounded up."""
    # A decade bounds what extreme settings can draw; times stay within the sorting keys.
    return np.ceil(np.minimum(delay_s_E, _MAX_DELAY_S) * 1000.0).astype(np.int64)
