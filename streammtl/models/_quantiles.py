"""Bins of dense values by running quantiles, as one compiled pass over the operations.

Each column keeps a sample of its past values, and from it edges that divide them into parts of about equal size. A
value's bin says between which edges it lies, or on which one: so a value that half of all rows have gets a bin of its
own. Plain Python, and the same text compiled (see `streammtl.models._kernel_build`).

Shape suffixes as in `streammtl.types`; Z columns with bins, S values of the sample, Q edges.
"""

from __future__ import annotations

import math

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
    ("column_Z", "i8[::1]"),
    ("counts", "i8[::1]"),
    ("n_Z", "i8[::1]"),
    ("sample_ZS", "f4[:, ::1]"),
    ("edge_ZQ", "f4[:, ::1]"),
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
    column_Z: Ints,
    counts: Ints,
    n_Z: Ints,
    sample_ZS: Floats32,
    edge_ZQ: Floats32,
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
            for z in range(len(column_Z)):
                value = dense_RD[row, column_Z[z]]
                if math.isfinite(value):
                    if n_Z[z] != n_known:  # most columns have had as many values
                        n_known = n_Z[z]
                        slot = slot_of(n_known, sample_ZS.shape[1])
                    if slot >= 0:
                        sample_ZS[z, slot] = value
                    n_Z[z] += 1
                    if is_due(n_Z[z]):
                        find_edges(sample_ZS, edge_ZQ, z, min(n_Z[z], sample_ZS.shape[1]), n_edges)
            last = -1
        if row != last:
            last = row
            place = n
            for d in range(n_dense):
                dense_ND[n, d] = dense_RD[row, d]
            for z in range(len(column_Z)):
                category_NB[n, n_categories + z] = bin_of(edge_ZQ, z, dense_RD[row, column_Z[z]])
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


def find_edges(sample_ZS: Floats32, edge_ZQ: Floats32, z: int, n_known: int, n_edges: int) -> None:
    """The quantiles of a column's sample."""
    values = sample_ZS[z, :n_known].copy()
    sort(values)
    for q in range(n_edges):
        edge_ZQ[z, q] = values[min(n_known - 1, (q + 1) * n_known // (n_edges + 1))]


def sort(values: Floats32) -> None:
    """In place, by Shell's method (gaps of Ciura, 2001). To compile `np.sort` takes seconds."""
    for gap in (301, 132, 57, 23, 10, 4, 1):
        for i in range(gap, len(values)):
            value = values[i]
            j = i
            while j >= gap and values[j - gap] > value:
                values[j] = values[j - gap]
                j -= gap
            values[j] = value


def bin_of(edge_ZQ: Floats32, z: int, value: float) -> int:
    """1 + the number of edges below + the number of edges not above; 0 for what is not finite."""
    if not math.isfinite(value):
        return 0
    place = 1
    for q in range(edge_ZQ.shape[1]):
        place += 1 if edge_ZQ[z, q] < value else 0
        place += 1 if edge_ZQ[z, q] <= value else 0
    return place
