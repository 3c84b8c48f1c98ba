"""What is known of a card before each purchase, and what it spends in the day after it. Exact: integers only.

Everything that a sliding window needs is a running sum over one sorted list per batch: each purchase adds its count
and amount when it happens, and takes them off again when it leaves the window. The moment at which a purchase leaves
the 24-hour window is also the moment at which the spend of its next day is known.

Shape suffixes: E purchases of the batch, S entries of the sorted list (purchases, then what leaves), G cards in the
list, C cards, W the running sums (count and cents of 24 hours, count and cents of 7 days, cents since the beginning).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

from streammtl.types import Ints
from streammtl_simulators.fraud.calendar import WARM_UP_DAYS

DAY_MS: Final = 86_400_000
WEEK_MS: Final = 7 * DAY_MS
_ORIGIN_MS: Final = (WARM_UP_DAYS + 1) * DAY_MS  # makes every time in a sorting key positive
_TIME_BITS: Final = 44  # milliseconds times two: 278 years
_NEVER: Final = np.iinfo(np.int64).min // 2


@dataclass(frozen=True, slots=True)
class Known:
    """The card's history before each purchase of a batch."""

    count_24h_E: Ints
    cents_24h_E: Ints
    count_7d_E: Ints
    cents_7d_E: Ints
    since_last_ms_E: Ints  # -1: the first purchase of the card


@dataclass(frozen=True, slots=True)
class NextDay:
    """What was spent in the 24 hours after earlier purchases, in the order in which it became known."""

    number: Ints
    cents: Ints
    known_ms: Ints


@dataclass(frozen=True, slots=True)
class _Leaving:
    """Purchases on their way out of a window."""

    number: Ints
    card: Ints
    ms: Ints  # when they leave
    cents: Ints
    spent: Ints  # by the card from the beginning up to and with the purchase

    def part(self, rows: slice) -> _Leaving:
        return _Leaving(self.number[rows], self.card[rows], self.ms[rows], self.cents[rows], self.spent[rows])


class History:
    """The windows of every card. Purchases must come in the order of their times."""

    def __init__(self, n_cards: int) -> None:
        self._sums_WC = np.zeros((5, n_cards), dtype=np.int64)
        self._last_ms_C = np.full(n_cards, _NEVER, dtype=np.int64)
        self._day = _Queue()
        self._week = _Queue()

    def advance(self, number_E: Ints, card_E: Ints, ms_E: Ints, cents_E: Ints) -> tuple[Known, NextDay]:
        """Take in a batch; returns what was known before each purchase, and the next-day spends known by its end."""
        n, until_ms = len(card_E), int(ms_E[-1])
        # What leaves comes from earlier batches and, where a batch is longer than the window, from this one.
        old_day, old_week = self._day.take(until_ms), self._week.take(until_ms)
        n_day = int(np.searchsorted(ms_E, until_ms - DAY_MS))
        n_week = int(np.searchsorted(ms_E, until_ms - WEEK_MS))
        day_ms = np.concatenate([old_day.ms, ms_E[:n_day] + DAY_MS])
        day_cents = np.concatenate([old_day.cents, cents_E[:n_day]])
        week_ms = np.concatenate([old_week.ms, ms_E[:n_week] + WEEK_MS])
        week_cents = np.concatenate([old_week.cents, cents_E[:n_week]])
        end_day = n + len(day_ms)

        card_S = np.concatenate([card_E, old_day.card, card_E[:n_day], old_week.card, card_E[:n_week]])
        # A purchase sorts before a leaving of the same millisecond: windows are [t - 24 h, t) and (t, t + 24 h].
        moment_S = np.concatenate([ms_E * 2, day_ms * 2 + 1, week_ms * 2 + 1]) + 2 * _ORIGIN_MS
        delta_WS = np.zeros((5, len(card_S)), dtype=np.int64)
        delta_WS[0::2, :n] = 1
        delta_WS[1::2, :n] = cents_E
        delta_WS[4, :n] = cents_E
        delta_WS[0, n:end_day] = -1
        delta_WS[1, n:end_day] = -day_cents
        delta_WS[2, end_day:] = -1
        delta_WS[3, end_day:] = -week_cents

        order_S = np.argsort((card_S << _TIME_BITS) | moment_S, kind="stable")
        sums_WS = np.empty_like(delta_WS)
        sums_WS[:, order_S] = self._running(card_S[order_S], delta_WS[:, order_S])
        before_WE = sums_WS[:, :n] - delta_WS[:, :n]
        since_E = self._since_last(card_E, ms_E)

        spent_E = sums_WS[4, :n]
        spent_then = np.concatenate([old_day.spent, spent_E[:n_day]])
        next_day = NextDay(
            number=np.concatenate([old_day.number, number_E[:n_day]]),
            cents=sums_WS[4, n:end_day] - spent_then,
            known_ms=day_ms,
        )
        self._day.put(_Leaving(number_E, card_E, ms_E + DAY_MS, cents_E, spent_E).part(slice(n_day, None)))
        self._week.put(_Leaving(number_E, card_E, ms_E + WEEK_MS, cents_E, spent_E).part(slice(n_week, None)))
        return Known(before_WE[0], before_WE[1], before_WE[2], before_WE[3], since_E), next_day

    def _running(self, card_S: Ints, delta_WS: Ints) -> Ints:
        """Running sums within each card of a list sorted by card; carries them over to the next call."""
        first_G = np.flatnonzero(np.concatenate([[True], card_S[1:] != card_S[:-1]]))
        card_G = card_S[first_G]
        sums_WS = np.cumsum(delta_WS, axis=1)
        offset_WG = self._sums_WC[:, card_G] - (sums_WS[:, first_G] - delta_WS[:, first_G])
        length_G = np.diff(np.concatenate([first_G, [len(card_S)]]))
        sums_WS += np.repeat(offset_WG, length_G, axis=1)
        self._sums_WC[:, card_G] = sums_WS[:, first_G + length_G - 1]
        return sums_WS

    def _since_last(self, card_E: Ints, ms_E: Ints) -> Ints:
        """Milliseconds since the card's previous purchase; -1 where there is none."""
        order_E = np.argsort(card_E, kind="stable")
        card, ms = card_E[order_E], ms_E[order_E]
        is_first = np.concatenate([[True], card[1:] != card[:-1]])
        previous_ms = np.concatenate([[_NEVER], ms[:-1]])
        previous_ms[is_first] = self._last_ms_C[card[is_first]]
        since_E = np.empty_like(ms)
        since_E[order_E] = np.where(previous_ms == _NEVER, -1, ms - previous_ms)
        is_last = np.concatenate([is_first[1:], [True]])
        self._last_ms_C[card[is_last]] = ms[is_last]
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
            card=np.concatenate([piece.card for piece in taken]),
            ms=np.concatenate([piece.ms for piece in taken]),
            cents=np.concatenate([piece.cents for piece in taken]),
            spent=np.concatenate([piece.spent for piece in taken]),
        )


_NOTHING: Final = np.zeros(0, dtype=np.int64)
_EMPTY: Final = _Leaving(_NOTHING, _NOTHING, _NOTHING, _NOTHING, _NOTHING)
