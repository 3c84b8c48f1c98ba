"""The expert that looks at no feature: a decayed mean of the labels, as one compiled pass over the operations.

Plain Python, and the same text compiled (see `streammtl.models._kernel_build`).

Shape suffixes as in `streammtl.types`; K raw outputs of all tasks.
"""

from __future__ import annotations

import math

from streammtl.types import Bools, Floats, Ints

MEMORY_ARGUMENTS: tuple[tuple[str, str], ...] = (
    ("is_learn_N", "b1[::1]"),
    ("labels_NT", "f8[:, ::1]"),
    ("column_T", "i8[::1]"),
    ("code_T", "i8[::1]"),
    ("first_raw_T", "i8[::1]"),
    ("decay", "f8"),
    ("sum_K", "f8[::1]"),
    ("total_4T", "f8[:, ::1]"),
    ("seen_K", "b1[::1]"),
    ("raw_PK", "f8[:, ::1]"),
    ("mixing_LT", "f8[:, ::1]"),
)


def remember(
    is_learn_N: Bools,
    labels_NT: Floats,
    column_T: Ints,
    code_T: Ints,
    first_raw_T: Ints,
    decay: float,
    sum_K: Floats,
    total_4T: Floats,
    seen_K: Bools,
    raw_PK: Floats,
    mixing_LT: Floats,
) -> None:
    """Write the raw outputs of each PREDICT, and of each LEARN the losses that weigh this expert.

    `sum_K` are decayed sums of the labels (of a class: of its occurrences), `total_4T` the decayed number of labels,
    then count, mean and squares of all labels so far, in whose deviations the losses of values are measured.
    """
    predicted = learned = 0
    for n in range(len(is_learn_N)):
        for t in range(len(code_T)):
            k0, k1 = first_raw_T[t], first_raw_T[t + 1]
            code, total = code_T[t], total_4T[0, t]
            mean = sum_K[k0] / total if total > 0.0 else 0.0
            if not is_learn_N[n]:
                for k in range(k0, k1):
                    if code == 0:
                        raw_PK[predicted, k] = math.log((sum_K[k] + 0.01) / (total - sum_K[k] + 0.01))
                    elif code == 1:
                        raw_PK[predicted, k] = math.log(sum_K[k] + 0.01) if seen_K[k] else -math.inf
                    elif code == 6:
                        raw_PK[predicted, k] = math.log(mean + 0.01)
                    else:
                        raw_PK[predicted, k] = mean
                continue
            label = labels_NT[n, column_T[t]]
            if not math.isfinite(label) or (code == 1 and not 0.0 <= label < k1 - k0):
                continue
            if code == 1:
                k = k0 + int(label)
                seen_K[k] = True
                n_seen = 0
                for other in range(k0, k1):
                    n_seen += 1 if seen_K[other] else 0
                mixing_LT[learned, t] = min(math.log((total + 0.01 * n_seen) / (sum_K[k] + 0.01)), 20.0)
            elif code == 0:
                part = sum_K[k0] if label > 0.5 else total - sum_K[k0]
                mixing_LT[learned, t] = min(math.log((total + 0.02) / (max(part, 0.0) + 0.01)), 20.0)
            else:
                variance = total_4T[3, t] / max(total_4T[1, t], 1.0)
                off = (label - mean) * (label - mean)
                mixing_LT[learned, t] = min(off / variance, 4.0) if variance > 0.0 else 0.0
            for k in range(k0, k1):
                sum_K[k] *= decay
            total_4T[0, t] = decay * total + 1.0
            if code == 1:
                sum_K[k0 + int(label)] += 1.0
            else:
                sum_K[k0] += label
            total_4T[1, t] += 1.0
            distance = label - total_4T[2, t]
            total_4T[2, t] += distance / total_4T[1, t]
            total_4T[3, t] += distance * (label - total_4T[2, t])
        if is_learn_N[n]:
            learned += 1
        else:
            predicted += 1
