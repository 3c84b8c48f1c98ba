"""Bins of dense values by running quantiles, as one compiled pass over the operations.

Each column keeps a sample of its past values, and from it edges that divide them into parts of about equal size. A
value's bin says between which edges it lies, or on which one: so a value that half of all rows have gets a bin of its
own. Plain Python, and the same text compiled (see `streammtl.models._kernel_build`).

Shape suffixes as in `streammtl.types`; S values of the sample, Q edges.
"""

from __future__ import annotations

import math

import numpy as np

from streammtl.types import Bools, Floats, Floats32, Ints, Ints32

#: Values that a column keeps.
SAMPLE_SIZE = 1024

BIN_ARGUMENTS: tuple[tuple[str, str], ...] = (
    ("is_learn_N", "b1[::1]"),
    ("row_N", "i8[::1]"),
    ("dense_RD", "f4[:, ::1]"),
    ("category_RC", "i4[:, ::1]"),
    ("counts", "i8[::1]"),
    ("n_D", "i8[::1]"),
    ("sample_DS", "f4[:, ::1]"),
    ("edge_DQ", "f4[:, ::1]"),
    ("place_N", "i8[::1]"),
    ("dense_ND", "f4[:, ::1]"),
    ("category_NB", "i4[:, ::1]"),
)


def place_in_bins(
    is_learn_N: Bools,
    row_N: Ints,
    dense_RD: Floats32,
    category_RC: Ints32,
    counts: Ints,
    n_D: Ints,
    sample_DS: Floats32,
    edge_DQ: Floats32,
    place_N: Ints,
    dense_ND: Floats32,
    category_NB: Ints32,
) -> int:
    """Write each operation's row anew, the bins behind its categories, by the edges as they are then.

    Rows enter the samples as they enter the running scales. Returns -1, or the first operation whose row does not
    exist.
    """
    n_categories = category_RC.shape[1]
    n_dense = dense_RD.shape[1]
    last = -1
    place = -1
    for n in range(len(row_N)):
        row = row_N[n]
        if row < 0 or row >= len(dense_RD):
            return n
        counts[1 if is_learn_N[n] else 0] += 1
        if not is_learn_N[n] or counts[1] > counts[0]:
            for d in range(n_dense):
                if math.isfinite(dense_RD[row, d]):
                    take_in_sample(n_D, sample_DS, edge_DQ, d, dense_RD[row, d])
            last = -1
        if row != last:
            last = row
            place = n
            for d in range(n_dense):
                dense_ND[n, d] = dense_RD[row, d]
                category_NB[n, n_categories + d] = bin_of(edge_DQ, d, dense_RD[row, d])
            for c in range(n_categories):
                category_NB[n, c] = category_RC[row, c]
        place_N[n] = place
    return -1


def take_in_sample(n_D: Ints, sample_DS: Floats32, edge_DQ: Floats32, d: int, value: float) -> None:
    """Keep a value in the sample, perhaps; find the edges anew when the sample has doubled, later now and then."""
    size = sample_DS.shape[1]
    n = n_D[d]
    n_D[d] = n + 1
    if n < size:
        sample_DS[d, n] = value
    else:
        # A place by the value's number alone, scrambled (Knuth's multiplicative hashing, twice).
        scrambled = ((n + 1) * 2654435761 + d * 40503) & 0xFFFFFFFF
        scrambled = ((scrambled ^ (scrambled >> 15)) * 2246822519) & 0xFFFFFFFF
        slot = (scrambled ^ (scrambled >> 13)) % min(n, 16_384)
        if slot < size:
            sample_DS[d, slot] = value
    n += 1
    is_due = (n & (n - 1)) == 0 if n < 4096 else n % 2048 == 0
    if is_due and n >= 32:
        known = min(n, size)
        values = np.sort(sample_DS[d, :known])
        n_edges = edge_DQ.shape[1]
        for q in range(n_edges):
            edge_DQ[d, q] = values[min(known - 1, (q + 1) * known // (n_edges + 1))]


def bin_of(edge_DQ: Floats32, d: int, value: float) -> int:
    """1 + the number of edges below + the number of edges not above; 0 for what is not finite."""
    if not math.isfinite(value):
        return 0
    place = 1
    for q in range(edge_DQ.shape[1]):
        place += 1 if edge_DQ[d, q] < value else 0
        place += 1 if edge_DQ[d, q] <= value else 0
    return place
