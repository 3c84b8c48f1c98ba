"""The mixture of experts, as one compiled pass over the operations.

Plain Python, and the same text compiled (see `streammtl.models._kernel_build`).

Shape suffixes as in `streammtl.types`; E experts, K raw outputs of all tasks, F = E + 1.
"""

from __future__ import annotations

import math

from streammtl.types import Bools, Floats, Ints

MIX_ARGUMENTS: tuple[tuple[str, str], ...] = (
    ("is_learn_N", "b1[::1]"),
    ("raw_EPK", "f8[:, :, ::1]"),
    ("mixing_ELT", "f8[:, :, ::1]"),
    ("code_T", "i8[::1]"),
    ("first_raw_T", "i8[::1]"),
    ("settings", "f8[::1]"),
    ("loss_TF", "f8[:, ::1]"),
    ("share_E", "f8[::1]"),
    ("out_PK", "f8[:, ::1]"),
)


def mix(
    is_learn_N: Bools,
    raw_EPK: Floats,
    mixing_ELT: Floats,
    code_T: Ints,
    first_raw_T: Ints,
    settings: Floats,
    loss_TF: Floats,
    share_E: Floats,
    out_PK: Floats,
) -> None:
    """Mix each PREDICT by the losses so far; take the losses of each LEARN into them.

    `settings` are decay and sharpness. `loss_TF` holds, by task, each expert's discounted sum of losses, and last the
    discounted number of labels.
    """
    n_experts = len(share_E)
    predicted = learned = 0
    for n in range(len(is_learn_N)):
        if is_learn_N[n]:
            for t in range(len(code_T)):
                if not math.isnan(mixing_ELT[0, learned, t]):
                    for e in range(n_experts):
                        loss_TF[t, e] = settings[0] * loss_TF[t, e] + mixing_ELT[e, learned, t]
                    loss_TF[t, n_experts] = settings[0] * loss_TF[t, n_experts] + 1.0
            learned += 1
        else:
            for t in range(len(code_T)):
                take_shares(loss_TF, t, settings[1], share_E)
                mix_task(raw_EPK, predicted, code_T[t], first_raw_T[t], first_raw_T[t + 1], share_E, out_PK)
            predicted += 1


def take_shares(loss_TF: Floats, t: int, sharpness: float, share_E: Floats) -> None:
    """`share_e ~ exp(-sharpness loss_e)`, in sum 1."""
    least = math.inf
    for e in range(len(share_E)):
        least = min(least, loss_TF[t, e])
    total = 0.0
    for e in range(len(share_E)):
        share_E[e] = math.exp(-sharpness * (loss_TF[t, e] - least))
        total += share_E[e]
    for e in range(len(share_E)):
        share_E[e] /= total


def mix_task(raw_EPK: Floats, predicted: int, code: int, k0: int, k1: int, share_E: Floats, out_PK: Floats) -> None:
    """The raw outputs of a task: of probabilities and rates their mean, of values the mean value."""
    n_experts = len(share_E)
    for k in range(k0, k1):
        out_PK[predicted, k] = 0.0
    if code == 0:
        yes = 0.0
        no = 0.0
        for e in range(n_experts):
            z = raw_EPK[e, predicted, k0]
            small = math.exp(-abs(z))
            upper = 1.0 / (1.0 + small)
            yes += share_E[e] * (upper if z >= 0.0 else small * upper)
            no += share_E[e] * (small * upper if z >= 0.0 else upper)
        out_PK[predicted, k0] = math.log(max(yes, 1e-300)) - math.log(max(no, 1e-300))
    elif code == 1:
        for e in range(n_experts):
            top = -math.inf
            for k in range(k0, k1):
                top = max(top, raw_EPK[e, predicted, k])
            total = 0.0
            for k in range(k0, k1):
                total += math.exp(raw_EPK[e, predicted, k] - top) if top > -math.inf else 1.0
            for k in range(k0, k1):
                part = math.exp(raw_EPK[e, predicted, k] - top) if top > -math.inf else 1.0
                out_PK[predicted, k] += share_E[e] * part / total
        for k in range(k0, k1):
            is_seen = raw_EPK[0, predicted, k] > -math.inf
            out_PK[predicted, k] = math.log(max(out_PK[predicted, k], 1e-300)) if is_seen else -math.inf
    elif code == 6:
        # Within the bounds of publishing: beyond them a wild expert would be all of the mean, however small its share.
        total = 0.0
        for e in range(n_experts):
            total += share_E[e] * math.exp(min(max(raw_EPK[e, predicted, k0], -30.0), 30.0))
        out_PK[predicted, k0] = math.log(total)
    else:
        for k in range(k0, k1):
            for e in range(n_experts):
                out_PK[predicted, k] += share_E[e] * raw_EPK[e, predicted, k]
