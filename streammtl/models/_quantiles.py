"""Tails and bins of dense values by running quantiles, as one compiled pass over the operations.

Each column keeps a sample of its past values, and from it edges that divide them into parts of about equal size. A
value's bin says between which edges it lies, or on which one: so a value that half of all rows have gets a bin of its
own. A value's tail says how far it lies beyond the least or the largest 64th of the sample, on a logarithmic scale in
units of how far those lie on average; of the values between it is 0. Plain Python, and the same text compiled (see
`streammtl.models._kernel_build`).

Shape suffixes as in `streammtl.types`; Z columns with quantiles, S values of the sample, Q edges, X dense columns and
behind them tails, B categories and behind them bins.
"""

from __future__ import annotations

import math

import numpy as np

from streammtl.types import Bools, Floats, Floats32, Ints, Ints32

#: Values that a column keeps.
SAMPLE_SIZE = 512
#: Values of a column after which its first edges are found, as `is_due` says.
FIRST_EDGES = 32
#: Edges lie in rows of a multiple of this, the rest infinite: whole vectors are compared several times as fast.
EDGE_ALIGNMENT = 16
#: Of this many values one lies beyond either edge.
TAIL_PART = 64

QUANTILE_ARGUMENTS: tuple[tuple[str, str], ...] = (
    ("is_learn_N", "b1[::1]"),
    ("row_N", "i8[::1]"),
    ("dense_RD", "f4[:, ::1]"),
    ("category_RC", "i4[:, ::1]"),
    ("column_Z", "i8[::1]"),
    ("counts", "i8[::1]"),
    ("n_Z", "i8[::1]"),
    ("sample_ZS", "f4[:, ::1]"),
    ("edge_ZQ", "f4[:, ::1]"),
    ("tail_4Z", "f8[:, ::1]"),
    ("n_edges", "i8"),
    ("place_N", "i8[::1]"),
    ("dense_NX", "f4[:, ::1]"),
    ("category_NB", "i4[:, ::1]"),
)


def place_among_quantiles(
    is_learn_N: Bools,
    row_N: Ints,
    dense_RD: Floats32,
    category_RC: Ints32,
    column_Z: Ints,
    counts: Ints,
    n_Z: Ints,
    sample_ZS: Floats32,
    edge_ZQ: Floats32,
    tail_4Z: Floats,
    n_edges: int,
    place_N: Ints,
    dense_NX: Floats32,
    category_NB: Ints32,
) -> int:
    """Write each operation's row anew, with tails and bins behind as far as there is room, by the edges as of then.

    `place_N` says where: one row serves operations on the same event that follow each other. Rows enter the samples as
    they enter the running scales. Returns -1, or the first operation whose row does not exist.
    """
    n_categories = category_RC.shape[1]
    n_dense = dense_RD.shape[1]
    beyond_Z = np.empty(len(column_Z), dtype=np.int64)
    last = -1
    place = -1
    for n in range(len(row_N)):
        row = row_N[n]
        if row < 0 or row >= len(dense_RD):
            return n
        counts[1 if is_learn_N[n] else 0] += 1
        if not is_learn_N[n] or counts[1] > counts[0]:
            n_known, slot, finds = -1, -1, False
            for z in range(len(column_Z)):
                value = dense_RD[row, column_Z[z]]
                if math.isfinite(value):
                    if n_Z[z] != n_known:  # most columns have had as many values
                        n_known = n_Z[z]
                        slot, finds = slot_of(n_known, sample_ZS.shape[1]), is_due(n_known + 1)
                    if slot >= 0:
                        sample_ZS[z, slot] = value
                    n_Z[z] += 1
                    if finds:
                        find_edges(sample_ZS, edge_ZQ, tail_4Z, z, min(n_Z[z], sample_ZS.shape[1]), n_edges)
            last = -1
        if row != last:
            last = row
            place += 1
            for d in range(n_dense):
                dense_NX[place, d] = dense_RD[row, d]
            if dense_NX.shape[1] > n_dense:
                n_beyond = 0  # few are, and which is found out without a branch
                for z in range(len(column_Z)):
                    value = dense_RD[row, column_Z[z]]
                    dense_NX[place, n_dense + z] = 0.0
                    beyond_Z[n_beyond] = z
                    n_beyond += 1 if (value < tail_4Z[0, z]) | (value > tail_4Z[2, z]) else 0
                for i in range(n_beyond):
                    z = beyond_Z[i]
                    dense_NX[place, n_dense + z] = tail_of(tail_4Z, z, dense_RD[row, column_Z[z]])
            if category_NB.shape[1] > n_categories:
                for z in range(len(column_Z)):
                    category_NB[place, n_categories + z] = bin_of(edge_ZQ, z, dense_RD[row, column_Z[z]])
            for c in range(n_categories):
                category_NB[place, c] = category_RC[row, c]
        place_N[n] = place
    return -1


def slot_of(n: int, size: int) -> int:
    """Where value number n of a column goes in its sample; -1: nowhere."""
    if n < size:
        return n
    # By the value's number alone, scrambled (Knuth's multiplicative hashing, twice).
    scrambled = ((n + 1) * 2654435761) & 0xFFFFFFFF
    scrambled = ((scrambled ^ (scrambled >> 15)) * 2246822519) & 0xFFFFFFFF
    slot = (scrambled ^ (scrambled >> 13)) % min(n, 16_384)
    return slot if slot < size else -1


def is_due(n: int) -> bool:
    """Whether edges are found anew after n values: when they have doubled, later now and then."""
    return n >= 32 and ((n & (n - 1)) == 0 if n < 4096 else n % 2048 == 0)


def find_edges(sample_ZS: Floats32, edge_ZQ: Floats32, tail_4Z: Floats, z: int, n_known: int, n_edges: int) -> None:
    """The quantiles of a column's sample, and its tails."""
    values = sample_ZS[z, :n_known].copy()
    sort(values)
    for q in range(n_edges):
        edge_ZQ[z, q] = values[min(n_known - 1, (q + 1) * n_known // (n_edges + 1))]
    n_beyond = n_known // TAIL_PART
    tail_4Z[0, z], tail_4Z[1, z] = tail_beyond(values, n_beyond, 0, 1)
    tail_4Z[2, z], tail_4Z[3, z] = tail_beyond(values, n_beyond, n_known - 1, -1)


def tail_beyond(values: Floats32, n_beyond: int, first: int, step: int) -> tuple[float, float]:
    """Where a tail of sorted values begins, seen from its end, and 1 / the mean length of those that lie in it."""
    edge = float(values[first + step * n_beyond])
    n, length = 0, 0.0
    for i in range(n_beyond):
        distance = abs(float(values[first + step * i]) - edge)
        n += 1 if distance > 0.0 else 0
        length += distance
    # What no value has shown to be long enough has no length to measure by.
    return edge, n / length if length > max(1e-12 * abs(edge), 1e-30) else 0.0


def sort(values: Floats32) -> None:
    """In place, byte by byte of what the numbers are made of. To compile `np.sort` takes seconds."""
    n = len(values)
    bits, key, other = values.view(np.int32), np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    for i in range(n):
        # As numbers that count up from the least: of negative ones the rest of the bits counts down.
        key[i] = int(bits[i]) + 0x80000000 if bits[i] >= 0 else -1 - int(bits[i])
    start = np.empty(257, dtype=np.int64)
    for shift in (0, 8, 16, 24):
        start[:] = 0
        for i in range(n):
            start[((key[i] >> shift) & 255) + 1] += 1
        for digit in range(256):
            start[digit + 1] += start[digit]
        for i in range(n):
            digit = (key[i] >> shift) & 255
            other[start[digit]] = key[i]
            start[digit] += 1
        key, other = other, key
    for i in range(n):
        bits[i] = key[i] - 0x80000000 if key[i] >= 0x80000000 else -1 - key[i]


def tail_of(tail_4Z: Floats, z: int, value: float) -> float:
    """`log(1 + l)`, l how far beyond the edges of its column; less than 0 on the lower side.

    0 between the edges, and for what is not finite.
    """
    length = 0.0
    if value < tail_4Z[0, z]:
        length = -math.log1p((tail_4Z[0, z] - value) * tail_4Z[1, z]) if math.isfinite(value) else 0.0
    elif value > tail_4Z[2, z]:
        length = math.log1p((value - tail_4Z[2, z]) * tail_4Z[3, z]) if math.isfinite(value) else 0.0
    return length


def bin_of(edge_ZQ: Floats32, z: int, value: float) -> int:
    """1 + the number of edges below + the number of edges not above; 0 for what is not finite."""
    if not math.isfinite(value):
        return 0
    place = 1
    for q in range(edge_ZQ.shape[1]):
        place += 1 if edge_ZQ[z, q] < value else 0
        place += 1 if edge_ZQ[z, q] <= value else 0
    return place
