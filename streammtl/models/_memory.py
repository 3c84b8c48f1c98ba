"""The expert that looks at no feature: a decayed mean of the labels, as one compiled pass over the operations.

Plain Python, and the same text compiled (see `streammtl.models._kernel_build`).

Shape suffixes as in `streammtl.types`; K raw outputs of all tasks.
"""

from __future__ import annotations

import math

from streammtl.models._kernel_math import mixing_loss, standardised, take_count, take_label
from streammtl.types import Bools, Floats, Ints

MEMORY_ARGUMENTS: tuple[tuple[str, str], ...] = (
    ("is_learn_N", "b1[::1]"),
    ("labels_NT", "f8[:, ::1]"),
    ("column_T", "i8[::1]"),
    ("code_T", "i8[::1]"),
    ("is_scaled_T", "b1[::1]"),
    ("first_raw_T", "i8[::1]"),
    ("settings", "f8[::1]"),
    ("loss_T3", "f8[:, ::1]"),
    ("sum_K", "f8[::1]"),
    ("total_T", "f8[::1]"),
    ("scale_6T", "f8[:, ::1]"),
    ("unit_3T", "f8[:, ::1]"),
    ("seen_K", "b1[::1]"),
    ("raw_K", "f8[::1]"),
    ("raw_PK", "f8[:, ::1]"),
    ("mixing_LT", "f8[:, ::1]"),
)


def remember(
    is_learn_N: Bools,
    labels_NT: Floats,
    column_T: Ints,
    code_T: Ints,
    is_scaled_T: Bools,
    first_raw_T: Ints,
    settings: Floats,
    loss_T3: Floats,
    sum_K: Floats,
    total_T: Floats,
    scale_6T: Floats,
    unit_3T: Floats,
    seen_K: Bools,
    raw_K: Floats,
    raw_PK: Floats,
    mixing_LT: Floats,
) -> None:
    """Write the raw outputs of each PREDICT, and of each LEARN the losses that weigh this expert.

    `settings` are the decay, and the rows after which the scales of the labels forget, `loss_T3` what the losses of the
    tasks read. `sum_K` are decayed sums of the
    labels (of a class: of its occurrences), `total_T` the decayed number of labels. Losses are measured in the units
    in which the heads of networks work, so that they can be compared.
    """
    predicted = learned = 0
    for n in range(len(is_learn_N)):
        for t in range(len(code_T)):
            k0, k1 = first_raw_T[t], first_raw_T[t + 1]
            recall(code_T[t], sum_K, total_T[t], raw_K, k0, k1)
            if not is_learn_N[n]:
                for k in range(k0, k1):
                    raw_PK[predicted, k] = raw_K[k] if seen_K[k] else -math.inf
                continue
            label = labels_NT[n, column_T[t]]
            if not math.isfinite(label) or (code_T[t] == 1 and not 0.0 <= label < k1 - k0):
                continue
            if code_T[t] == 6:
                label = take_count(scale_6T, t, label, settings[1])
            target = label
            if code_T[t] == 1:
                seen_K[k0 + int(label)] = True
            elif is_scaled_T[t]:
                ratio, _ = take_label(scale_6T, unit_3T, t, label, settings[1])
                mean, scale = unit_3T[0, t], unit_3T[1, t]
                if ratio == 0.0:  # the labels so far were in units so far off that they say nothing
                    sum_K[k0] = raw_K[k0] = mean
                    total_T[t] = 1.0
                target = standardised(unit_3T, t, label)
                raw_K[k0] = (raw_K[k0] - mean) / scale if total_T[t] > 0.0 and unit_3T[2, t] > 0.0 else 0.0
            mixing_LT[learned, t] = mixing_loss(code_T[t], target, raw_K, seen_K, k0, k1, loss_T3[t])
            for k in range(k0, k1):
                sum_K[k] *= settings[0]
            total_T[t] = settings[0] * total_T[t] + 1.0
            if code_T[t] == 1:
                sum_K[k0 + int(label)] += 1.0
            else:
                sum_K[k0] += label
        if is_learn_N[n]:
            learned += 1
        else:
            predicted += 1


def recall(code: int, sum_K: Floats, total: float, raw_K: Floats, k0: int, k1: int) -> None:
    """Write the raw outputs of a task. Frequencies as if each side had occurred a hundredth of a time before."""
    for k in range(k0, k1):
        if code == 0:
            raw_K[k] = math.log((sum_K[k] + 0.01) / (max(total - sum_K[k], 0.0) + 0.01))
        elif code == 1:
            raw_K[k] = math.log(sum_K[k] + 0.01)
        elif code == 6:
            raw_K[k] = math.log((sum_K[k] / total if total > 0.0 else 0.0) + 0.01)
        else:
            raw_K[k] = sum_K[k] / total if total > 0.0 else 0.0
