"""Histories of cards against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from streammtl_simulators.history import DAY_MS, WEEK_MS, History

from streammtl.types import Ints

# 400 purchases by 7 cards in 40 days, many at the same millisecond, some exactly a day or a week apart.
RNG = np.random.default_rng(0)
MS = np.sort(RNG.integers(0, 160, 400)) * (DAY_MS // 4)
CARD = RNG.integers(0, 7, 400)
CENTS = RNG.integers(50, 10_000, 400)
NUMBER = np.arange(400)


def run(sizes: list[int]) -> tuple[Ints, dict[int, tuple[int, int]]]:
    """What was known before each purchase (5 rows), and the next day's cents and time by number."""
    history, known, spends, first = History(7), [], {}, 0
    for size in sizes:
        rows = slice(first, first + size)
        before, next_day = history.advance(NUMBER[rows], CARD[rows], MS[rows], CENTS[rows])
        known.append([before.count_24h_E, before.amount_24h_E, before.count_7d_E, before.amount_7d_E])
        known[-1].append(before.since_last_ms_E)
        columns = (next_day.number.tolist(), next_day.amount.tolist(), next_day.known_ms.tolist())
        for number, cents, known_ms in zip(*columns, strict=True):
            assert number not in spends
            spends[number] = (cents, known_ms)
        first += size
    return np.concatenate([np.stack(part) for part in known], axis=1), spends


def expected(row: int) -> list[int]:
    earlier = np.arange(row)
    earlier = earlier[CARD[:row] == CARD[row]]
    day, week = (earlier[MS[earlier] >= MS[row] - window] for window in (DAY_MS, WEEK_MS))
    since = MS[row] - MS[earlier[-1]] if len(earlier) else -1
    return [len(day), CENTS[day].sum(), len(week), CENTS[week].sum(), since]


@pytest.mark.parametrize("size", [1, 3, 50, 400])
def test_windows_are_those_of_brute_force(size: int) -> None:
    sizes = [size] * (400 // size) + ([400 % size] if 400 % size else [])
    known, _ = run(sizes)
    np.testing.assert_array_equal(known.T, [expected(row) for row in range(400)])


@pytest.mark.parametrize("size", [1, 50, 400])
def test_next_days_are_those_of_brute_force(size: int) -> None:
    _, spends = run([size] * (400 // size))
    assert set(spends) == {row for row in range(400) if MS[row] + DAY_MS < MS[-1]}
    for number, (cents, known_ms) in spends.items():
        # Later in the stream, of the same card, not more than a day later.
        card, end_ms = CARD[number], MS[number] + DAY_MS
        spent = [CENTS[row] for row in range(number + 1, 400) if CARD[row] == card and MS[row] <= end_ms]
        assert cents == sum(spent)
        assert known_ms == MS[number] + DAY_MS
