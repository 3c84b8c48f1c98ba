"""The inputs of all networks of the `mlp` model, standardised as of each operation, in one compiled pass.

Plain Python, and the same text compiled (see `streammtl.models._kernel_build`). Shape suffixes as in `streammtl.types`.
"""

from __future__ import annotations

import math

from streammtl.models._kernel_math import take_inputs
from streammtl.types import Bools, Floats, Floats32, Ints

INTAKE_ARGUMENTS: tuple[tuple[str, str], ...] = (
    ("is_learn_N", "b1[::1]"),
    ("row_N", "i8[::1]"),
    ("dense_RD", "f4[:, ::1]"),
    ("is_scaled_D", "b1[::1]"),
    ("limits", "f8[::1]"),
    ("counts", "i8[::1]"),
    ("scale_6D", "f8[:, ::1]"),
    ("inverse_D", "f8[::1]"),
    ("place_N", "i8[::1]"),
    ("x_ND", "f8[:, ::1]"),
)


def take_in(
    is_learn_N: Bools,
    row_N: Ints,
    dense_RD: Floats32,
    is_scaled_D: Bools,
    limits: Floats,
    counts: Ints,
    scale_6D: Floats,
    inverse_D: Floats,
    place_N: Ints,
    x_ND: Floats,
) -> int:
    """Write the dense values of each operation, standardised by the scales as they are then and clipped, to `x_ND`.

    Missing ones are NaN. `place_N` says where: one row serves operations on the same event that follow each other. A
    row enters the scales when it is predicted; rows learned beyond those predicted came without, and enter then.
    `limits` are the largest size of a value, and the rows after which scales forget. Returns -1, or the first
    operation whose row does not exist.
    """
    last = place = -1
    for n in range(len(row_N)):
        row = row_N[n]
        if row < 0 or row >= len(dense_RD):
            return n
        counts[1 if is_learn_N[n] else 0] += 1
        if not is_learn_N[n] or counts[1] > counts[0]:
            take_inputs(dense_RD, row, is_scaled_D, scale_6D, inverse_D, limits[1])
            last = -1
        if row != last:
            last = row
            place += 1
            for d in range(len(is_scaled_D)):
                x = float(dense_RD[row, d])
                value = (x - scale_6D[1, d]) * inverse_D[d]
                x_ND[place, d] = min(max(value, -limits[0]), limits[0]) if math.isfinite(x) else math.nan
        place_N[n] = place
    return -1
