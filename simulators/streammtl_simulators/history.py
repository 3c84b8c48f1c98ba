"""What is known of a card or a user before each of its events, and of the day after it. Exact: integers only.

Events have a key (the card, the user) and an amount (cents, clicks). Everything that a sliding window needs is a
running sum over one sorted list per batch: each event adds one and its amount when it happens, and takes them off again
when it leaves the window. The moment at which an event leaves the 24-hour window is also the moment at which the sum of
its next day is known.

Shape suffixes: E events of the batch, S entries of the sorted list (events, then what leaves), G keys in the list,
C keys, W the running sums (count and amount of 24 hours, count and amount of 7 days, amount since the beginning).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

from streammtl.types import Ints

DAY_MS: Final = 86_400_000
WEEK_MS: Final = 7 * DAY_MS
_ORIGIN_MS: Final = 365 * DAY_MS  # a year of events before the start: makes every time in a sorting key positive
_TIME_BITS: Final = 44  # milliseconds times two: 278 years
_NEVER: Final = np.iinfo(np.int64).min // 2


@dataclass(frozen=True, slots=True)
class Known:
    """The key's history before each event of a batch."""

    count_24h_E: Ints
    amount_24h_E: Ints
    count_7d_E: Ints
    amount_7d_E: Ints
    since_last_ms_E: Ints  # -1: the first event of the key


@dataclass(frozen=True, slots=True)
class NextDay:
    """The sums of the 24 hours after earlier events, in the order in which they became known."""

    number: Ints
    amount: Ints
    known_ms: Ints


@dataclass(frozen=True, slots=True)
class _Leaving:
    """Events on their way out of a window."""

    number: Ints
    key: Ints
    ms: Ints  # when they leave
    amount: Ints
    total: Ints  # of the key from the beginning up to and with the event

    def part(self, rows: slice) -> _Leaving:
        return _Leaving(self.number[rows], self.key[rows], self.ms[rows], self.amount[rows], self.total[rows])


class History:
    """The windows of every key. Events must come in the order of their times."""

    def __init__(self, n_keys: int) -> None:
        self._sums_WC = np.zeros((5, n_keys), dtype=np.int64)
        self._last_ms_C = np.full(n_keys, _NEVER, dtype=np.int64)
        self._day = _Queue()
        self._week = _Queue()

    def advance(self, number_E: Ints, key_E: Ints, ms_E: Ints, amount_E: Ints) -> tuple[Known, NextDay]:
        """Take in a batch; returns what was known before each event, and the next-day sums known by its end."""
        n, until_ms = len(key_E), int(ms_E[-1])
        # What leaves comes from earlier batches and, where a batch is longer than the window, from this one.
        old_day, old_week = self._day.take(until_ms), self._week.take(until_ms)
        n_day = int(np.searchsorted(ms_E, until_ms - DAY_MS))
        n_week = int(np.searchsorted(ms_E, until_ms - WEEK_MS))
        day_ms = np.concatenate([old_day.ms, ms_E[:n_day] + DAY_MS])
        day_amount = np.concatenate([old_day.amount, amount_E[:n_day]])
        week_ms = np.concatenate([old_week.ms, ms_E[:n_week] + WEEK_MS])
        week_amount = np.concatenate([old_week.amount, amount_E[:n_week]])
        end_day = n + len(day_ms)

        key_S = np.concatenate([key_E, old_day.key, key_E[:n_day], old_week.key, key_E[:n_week]])
        # An event sorts before a leaving of the same millisecond: windows are [t - 24 h, t) and (t, t + 24 h].
        moment_S = np.concatenate([ms_E * 2, day_ms * 2 + 1, week_ms * 2 + 1]) + 2 * _ORIGIN_MS
        delta_WS = np.zeros((5, len(key_S)), dtype=np.int64)
        delta_WS[0::2, :n] = 1
        delta_WS[1::2, :n] = amount_E
        delta_WS[4, :n] = amount_E
        delta_WS[0, n:end_day] = -1
        delta_WS[1, n:end_day] = -day_amount
        delta_WS[2, end_day:] = -1
        delta_WS[3, end_day:] = -week_amount

        order_S = np.argsort((key_S << _TIME_BITS) | moment_S, kind="stable")
        sums_WS = np.empty_like(delta_WS)
        sums_WS[:, order_S] = self._running(key_S[order_S], delta_WS[:, order_S])
        before_WE = sums_WS[:, :n] - delta_WS[:, :n]
        since_E = self._since_last(key_E, ms_E)

        total_E = sums_WS[4, :n]
        total_then = np.concatenate([old_day.total, total_E[:n_day]])
        next_day = NextDay(
            number=np.concatenate([old_day.number, number_E[:n_day]]),
            amount=sums_WS[4, n:end_day] - total_then,
            known_ms=day_ms,
        )
        self._day.put(_Leaving(number_E, key_E, ms_E + DAY_MS, amount_E, total_E).part(slice(n_day, None)))
        self._week.put(_Leaving(number_E, key_E, ms_E + WEEK_MS, amount_E, total_E).part(slice(n_week, None)))
        return Known(before_WE[0], before_WE[1], before_WE[2], before_WE[3], since_E), next_day

    def _running(self, key_S: Ints, delta_WS: Ints) -> Ints:
        """Running sums within each key of a list sorted by key; carries them over to the next call."""
        first_G = np.flatnonzero(np.concatenate([[True], key_S[1:] != key_S[:-1]]))
        key_G = key_S[first_G]
        sums_WS = np.cumsum(delta_WS, axis=1)
        offset_WG = self._sums_WC[:, key_G] - (sums_WS[:, first_G] - delta_WS[:, first_G])
        length_G = np.diff(np.concatenate([first_G, [len(key_S)]]))
        sums_WS += np.repeat(offset_WG, length_G, axis=1)
        self._sums_WC[:, key_G] = sums_WS[:, first_G + length_G - 1]
        return sums_WS

    def _since_last(self, key_E: Ints, ms_E: Ints) -> Ints:
        """Milliseconds since the key's previous event; -1 where there is none."""
        order_E = np.argsort(key_E, kind="stable")
        key, ms = key_E[order_E], ms_E[order_E]
        is_first = np.concatenate([[True], key[1:] != key[:-1]])
        previous_ms = np.concatenate([[_NEVER], ms[:-1]])
        previous_ms[is_first] = self._last_ms_C[key[is_first]]
        since_E = np.empty_like(ms)
        since_E[order_E] = np.where(previous_ms == _NEVER, -1, ms - previous_ms)
        is_last = np.concatenate([is_first[1:], [True]])
        self._last_ms_C[key[is_last]] = ms[is_last]
        return since_E


class _Queue:
    """Leavings in the order of their times, in pieces."""

    def __init__(self) -> None:
        self._pieces: deque[_Leaving] = deque()

    def put(self, piece: _Leaving) -> None:
        if len(piece.ms):
            self._pieces.append(piece)

    def take(self, until_ms: int) -> _Leaving:
        """Everything that leaves before `until_ms`."""
        taken = [_EMPTY]
        while self._pieces and self._pieces[0].ms[0] < until_ms:
            piece = self._pieces.popleft()
            n = int(np.searchsorted(piece.ms, until_ms))
            taken.append(piece.part(slice(None, n)))
            if n < len(piece.ms):
                self._pieces.appendleft(piece.part(slice(n, None)))
                break
        return _Leaving(
            number=np.concatenate([piece.number for piece in taken]),
            key=np.concatenate([piece.key for piece in taken]),
            ms=np.concatenate([piece.ms for piece in taken]),
            amount=np.concatenate([piece.amount for piece in taken]),
            total=np.concatenate([piece.total for piece in taken]),
        )


_NOTHING: Final = np.zeros(0, dtype=np.int64)
_EMPTY: Final = _Leaving(_NOTHING, _NOTHING, _NOTHING, _NOTHING, _NOTHING)
