"""Bins of dense values by running quantiles, as one compiled pass over the operations.

Each column keeps a sample of its past values, and from it edges that divide them into parts of about equal size. A
value's bin says between which edges it lies, or on which one: so a value that half of all rows have gets a bin of its
own. Plain Python, and the same text compiled (see `streammtl.models._kernel_build`).

Shape suffixes as in `streammtl.types`; S values of the sample, Q edges.
"""

from __future__ import annotations

import math

import numpy as np

from streammtl.types import Bools, Floats32, Ints, Ints32

#: Values that a column keeps.
SAMPLE_SIZE = 512
#: Values of a column after which its first edges are found, as `is_due` says.
FIRST_EDGES = 32
#: Edges lie in rows of a multiple of this, the rest infinite: whole vectors are compared several times as fast.
EDGE_ALIGNMENT = 16

BIN_ARGUMENTS: tuple[tuple[str, str], ...] = (
    ("is_learn_N", "b1[::1]"),
    ("row_N", "i8[::1]"),
    ("dense_RD", "f4[:, ::1]"),
    ("category_RC", "i4[:, ::1]"),
    ("counts", "i8[::1]"),
    ("n_D", "i8[::1]"),
    ("sample_DS", "f4[:, ::1]"),
    ("edge_DQ", "f4[:, ::1]"),
    ("n_edges", "i8"),
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
    n_edges: int,
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
            n_known, slot = -1, -1
            for d in range(n_dense):
                if math.isfinite(dense_RD[row, d]):
                    if n_D[d] != n_known:  # most columns have had as many values
                        n_known = n_D[d]
                        slot = slot_of(n_known, sample_DS.shape[1])
                    if slot >= 0:
                        sample_DS[d, slot] = dense_RD[row, d]
                    n_D[d] += 1
                    if is_due(n_D[d]):
                        find_edges(sample_DS, edge_DQ, d, min(n_D[d], sample_DS.shape[1]), n_edges)
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


def find_edges(sample_DS: Floats32, edge_DQ: Floats32, d: int, n_known: int, n_edges: int) -> None:
    """The quantiles of a column's sample."""
    values = np.sort(sample_DS[d, :n_known])
    for q in range(n_edges):
        edge_DQ[d, q] = values[min(n_known - 1, (q + 1) * n_known // (n_edges + 1))]


def bin_of(edge_DQ: Floats32, d: int, value: float) -> int:
    """1 + the number of edges below + the number of edges not above; 0 for what is not finite."""
    if not math.isfinite(value):
        return 0
    place = 1
    for q in range(edge_DQ.shape[1]):
        place += 1 if edge_DQ[d, q] < value else 0
        place += 1 if edge_DQ[d, q] <= value else 0
    return place
