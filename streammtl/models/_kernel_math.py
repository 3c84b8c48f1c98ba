"""The kernel's scalar functions: running scales, losses and their derivatives, in float64.

Plain Python, and the same text compiled: the source of these functions becomes part of every kernel (see
`streammtl.models._kernel_source`), so they use nothing but `math`, `np` and each other, and allocate nothing.

A running scale is a column of `scale_6C`: how many values, their mean, their sum of squared deviations, then the same
three of the block of values that is going on. Shape suffixes: C columns, D dense columns, K raw outputs of a task.
"""

from __future__ import annotations

import math

import numpy as np

from streammtl.tasks.base import LossCode
from streammtl.types import Bools, Floats, Floats32


def softplus(z: float) -> float:
    """`log(1 + e^z)`."""
    return max(z, 0.0) + math.log1p(math.exp(-abs(z)))


def sigmoid(z: float) -> float:
    """`1 / (1 + e^-z)`, exact at both ends."""
    small = math.exp(-abs(z))
    upper = 1.0 / (1.0 + small)
    return upper if z >= 0.0 else small * upper


def spread(n: float, mean: float, squares: float) -> float:
    """The standard deviation; 0 where there is none: no value yet, or a constant up to rounding."""
    value = math.sqrt(squares / max(n, 1.0))
    # Rounding of float64 beside the mean, and what would leave float64 as a divisor, are no deviations.
    return value if value > max(1e-12 * abs(mean), 1e-60) else 0.0


def deviation(scale_6C: Floats, column: int) -> float:
    """The running standard deviation; 0 where there is none."""
    return spread(scale_6C[0, column], scale_6C[1, column], scale_6C[2, column])


def take_value(scale_6C: Floats, column: int, value: float, memory_rows: float) -> bool:
    """Take a finite value into a running scale (Welford, Note on a Method, Technometrics, 1962), which forgets.

    A value counts as at most 100 deviations from the mean: among n it then multiplies the variance by at most
    1 + 10,000 / n, while a lasting change of units is followed within some hundred rows. The other way, a scale that
    is far too wide (a wild first value, units that shrank) would forget as slowly as `memory_rows` says: so where a
    block of values has a deviation, and it is less than a hundredth of the running one, the scale starts anew from the
    block. Blocks are of 16 values, then half as many as all before, at most 1,000. Until there are 1,000 a tenth is
    enough: what a wild value among so few widens, thousands of others mend too slowly. Returns whether it started anew.
    """
    is_full = scale_6C[3, column] + 1.0 >= min(max(16.0, 0.5 * scale_6C[0, column]), 1000.0)
    mean = scale_6C[1, column]
    reach = 100.0 * deviation(scale_6C, column)
    if reach > 0.0:
        value = min(max(value, mean - reach), mean + reach)
    n = scale_6C[0, column] + 1.0
    distance = value - mean
    mean += distance / n
    squares = scale_6C[2, column] + distance * (value - mean)
    if n > memory_rows:
        squares *= memory_rows / n
        n = memory_rows
    scale_6C[0, column] = n
    scale_6C[1, column] = mean
    scale_6C[2, column] = squares
    n = scale_6C[3, column] + 1.0
    mean = scale_6C[4, column]
    distance = value - mean
    mean += distance / n
    squares = scale_6C[5, column] + distance * (value - mean)
    is_anew = False
    if is_full:
        recent = spread(n, mean, squares)
        too_wide = 10.0 if scale_6C[0, column] < 1000.0 else 100.0
        is_anew = 0.0 < too_wide * recent < deviation(scale_6C, column)
        if is_anew:
            scale_6C[0, column] = n
            scale_6C[1, column] = mean
            scale_6C[2, column] = squares
        n = mean = squares = 0.0
    scale_6C[3, column] = n
    scale_6C[4, column] = mean
    scale_6C[5, column] = squares
    return is_anew


def take_inputs(
    dense_RD: Floats32, row: int, is_scaled_D: Bools, scale_6D: Floats, inverse_D: Floats, memory_rows: float
) -> None:
    """Take a row into the running scales of the standardised columns; what is not finite is absent.

    The same as `take_value` of each, with few divisions: columns mostly have the same count.
    """
    n = n_block = -1.0
    share = share_block = 0.0
    for d in range(len(is_scaled_D)):
        value = float(dense_RD[row, d])
        if not is_scaled_D[d] or not math.isfinite(value):
            continue
        distance = value - scale_6D[1, d]
        is_full = scale_6D[3, d] + 1.0 >= min(max(16.0, 0.5 * scale_6D[0, d]), 1000.0)
        if is_full or abs(distance) * inverse_D[d] > 99.0:  # the end of a block, or a wild value
            take_value(scale_6D, d, value, memory_rows)
            known = deviation(scale_6D, d)
            inverse_D[d] = 1.0 / known if known > 0.0 else 1.0
            continue
        if scale_6D[0, d] + 1.0 != n:
            n = scale_6D[0, d] + 1.0
            share = 1.0 / n
        if scale_6D[3, d] + 1.0 != n_block:
            n_block = scale_6D[3, d] + 1.0
            share_block = 1.0 / n_block
        mean = scale_6D[1, d] + distance * share
        squares = scale_6D[2, d] + distance * (value - mean)
        scale_6D[0, d] = n
        if n > memory_rows:
            squares *= memory_rows * share
            scale_6D[0, d] = memory_rows
        scale_6D[1, d] = mean
        scale_6D[2, d] = squares
        known = math.sqrt(squares * share if n <= memory_rows else squares / memory_rows)
        inverse_D[d] = 1.0 / known if known > max(1e-12 * abs(mean), 1e-60) else 1.0
        distance = value - scale_6D[4, d]
        mean = scale_6D[4, d] + distance * share_block
        scale_6D[3, d] = n_block
        scale_6D[5, d] += distance * (value - mean)
        scale_6D[4, d] = mean


def take_label(scale_6T: Floats, unit_3T: Floats, t: int, label: float, memory_rows: float) -> tuple[float, float]:
    """Take a label into its running scale, and let the units in which the head works follow.

    The units are columns of `unit_3T`: mean, scale, and 1 once there was a deviation to make a scale of. They follow
    in jumps, when mean or deviation has moved by a fiftieth of the scale: the correction of the head, which touches a
    row per category, is then due a few hundred times in the life of a stream and not with every label. Returns
    `(ratio, shift)`: a raw output r of the old units is `r ratio + shift` in the new ones. Where the scale started
    anew, the ratio is 0: what the head learned in units so far off is nothing. As long as all labels are alike they
    count as 16 at most.
    """
    if unit_3T[2, t] == 0.0 and scale_6T[0, t] > 16.0:
        # Labels alike, however many, say little of how others will vary. If each of them counted, the first others
        # would be dozens of deviations, and AdaGrad would long remember their gradients. If they counted as one, the
        # first other one would move the mean halfway to it: far, where most labels are zero.
        scale_6T[2, t] *= 16.0 / scale_6T[0, t]
        scale_6T[0, t] = 16.0
    is_anew = take_value(scale_6T, t, label, memory_rows)
    mean, scale = scale_6T[1, t], deviation(scale_6T, t)
    if unit_3T[2, t] == 0.0:
        unit_3T[0, t] = mean
        if scale > 0.0:
            unit_3T[1, t] = scale
            unit_3T[2, t] = 1.0
        return 1.0, 0.0  # there were no units yet, and so nothing to convert: the output starts at the mean
    old_mean, old_scale = unit_3T[0, t], unit_3T[1, t]
    moved = abs(mean - old_mean) > 0.02 * old_scale or scale > 1.02 * old_scale or old_scale > 1.02 * scale
    if not moved or scale == 0.0:
        return 1.0, 0.0
    unit_3T[0, t] = mean
    unit_3T[1, t] = scale
    return (0.0, 0.0) if is_anew else (old_scale / scale, (old_mean - mean) / scale)


def standardised(unit_3T: Floats, t: int, label: float) -> float:
    """A label in the units of its head, clipped so that the loss of a wild label stays finite.

    0 as long as all labels have been alike: what is left of them beside their mean is rounding.
    """
    value: float = (label - unit_3T[0, t]) / unit_3T[1, t] if unit_3T[2, t] > 0.0 else 0.0
    return min(max(value, -50.0), 50.0)


def take_count(scale_6T: Floats, t: int, label: float, memory_rows: float) -> float:
    """Take a label of a count task into its running scale; the label as it counts in the loss.

    A label counts as at most 50 deviations above the mean of those before it, a deviation below 1 as 1. The slope of
    the loss is the rate less the label: without the bound one wild label is a gradient that AdaGrad never forgets, and
    a rate that thousands of steps must bring down. The scale takes in 100 deviations, by the same rule: so it follows
    where counts are of another size from then on.
    """
    mean, scale = scale_6T[1, t], max(deviation(scale_6T, t), 1.0)
    take_value(scale_6T, t, min(label, mean + 100.0 * scale), memory_rows)
    return float(min(label, mean + 50.0 * scale))


def corrected(weight: float, ratio: float, shift: float) -> float:
    """A parameter in new units; bounded, since a scale may shrink by more than float32 can follow."""
    return min(max(weight * ratio + shift, -1e12), 1e12)


def published(raw: float) -> float:
    """A raw output within the bounds of publishing: what is not finite becomes 0, the output that says nothing.

    Beyond 100 it says no more than at 100: labels count as at most 50 deviations, and e^-100 is as good as nothing. In
    a mixture it would be heard, however small its share.
    """
    return min(max(raw, -100.0), 100.0) if math.isfinite(raw) else 0.0


# Losses: value and derivative by the raw output. Their formulas are documented with the tasks.


def binary_loss(z: float, label: float, class_weight: float, smoothing: float, gamma: float) -> tuple[float, float]:
    """Cross-entropy of a logit."""
    target = label * (1.0 - smoothing) + 0.5 * smoothing
    loss = softplus(z) - z * target
    slope = sigmoid(z) - target
    if gamma > 0.0:
        side = 2.0 * label - 1.0
        focus = math.exp(-gamma * softplus(side * z))
        slope = focus * (slope - gamma * side * sigmoid(side * z) * loss)
        loss *= focus
    factor = 1.0 + (class_weight - 1.0) * label
    return factor * loss, factor * slope


def squared_loss(z: float, label: float) -> tuple[float, float]:
    """Half the square of the residual."""
    residual = label - z
    return 0.5 * residual * residual, -residual


def huber_loss(z: float, label: float, delta: float) -> tuple[float, float]:
    """Squared inside, linear outside."""
    residual = label - z
    inner = min(max(residual, -delta), delta)
    return inner * (residual - 0.5 * inner), -inner


def absolute_loss(z: float, label: float) -> tuple[float, float]:
    """The size of the residual."""
    residual = label - z
    slope = -1.0 if residual > 0.0 else (1.0 if residual < 0.0 else 0.0)
    return abs(residual), slope


def quantile_loss(z: float, label: float, quantile: float) -> tuple[float, float]:
    """The pinball loss."""
    residual = label - z
    slope = -quantile if residual > 0.0 else 1.0 - quantile
    return quantile * residual + max(-residual, 0.0), slope


def count_loss(z: float, label: float) -> tuple[float, float]:
    """Half the Poisson deviance of a log rate."""
    scale = max(label, 1.0)
    excess = z - math.log(scale)
    inner = min(excess, 30.0)
    rate = math.exp(inner)
    growth = rate * (excess - inner)
    if label >= 1.0:
        loss, slope = scale * (math.expm1(inner) - excess + growth), scale * (rate - 1.0)
    else:
        constant = label * math.log(label) if label > 0.0 else 0.0
        loss, slope = rate + growth - label * excess + constant - label, rate - label
    # Rounding may leave a perfect prediction a little below zero.
    return (0.0, 0.0) if loss < 0.0 else (loss, slope)


def multiclass_loss(
    raw_K: Floats, slope_K: Floats, seen_K: Bools, k0: int, k1: int, label: int, smoothing: float, weight: float
) -> float:
    """Cross-entropy of a softmax over the seen classes of `k0` to before `k1`; writes the slopes, 0 for the others."""
    top = -math.inf
    for k in range(k0, k1):
        if seen_K[k]:
            top = max(top, raw_K[k])
    total = 0.0
    logits = 0.0
    n_seen = 0
    for k in range(k0, k1):
        slope_K[k] = math.exp(raw_K[k] - top) if seen_K[k] else 0.0
        total += slope_K[k]
        if seen_K[k]:
            logits += raw_K[k]
            n_seen += 1
    norm = top + math.log(total)
    loss = (1.0 - smoothing) * (norm - raw_K[k0 + label]) + smoothing * (norm - logits / n_seen)
    for k in range(k0, k1):
        if seen_K[k]:
            slope_K[k] = weight * (slope_K[k] / total - smoothing / n_seen)
    slope_K[k0 + label] -= weight * (1.0 - smoothing)
    loss *= weight
    return float(loss)


def task_loss(
    code: int,
    label: float,
    raw_K: Floats,
    slope_K: Floats,
    seen_K: Bools,
    k0: int,
    k1: int,
    parameter_3: Floats,
    class_weight_K: Floats,
) -> float:
    """The loss of one task's raw outputs, `k0` to before `k1`, by its number in `LOSS_CODES`; writes the slopes.

    NaN where a raw output is not finite.
    """
    for k in range(k0, k1):
        if not math.isfinite(raw_K[k]):
            return np.nan
    z = raw_K[k0]
    if code == 1:
        k = int(label)
        return multiclass_loss(raw_K, slope_K, seen_K, k0, k1, k, parameter_3[0], class_weight_K[k0 + k])
    if code == 0:
        loss, slope_K[k0] = binary_loss(z, label, parameter_3[0], parameter_3[1], parameter_3[2])
    elif code == 2:
        loss, slope_K[k0] = squared_loss(z, label)
    elif code == 3:
        loss, slope_K[k0] = huber_loss(z, label, parameter_3[0])
    elif code == 4:
        loss, slope_K[k0] = absolute_loss(z, label)
    elif code == 5:
        loss, slope_K[k0] = quantile_loss(z, label, parameter_3[0])
    else:
        loss, slope_K[k0] = count_loss(z, label)
    return loss


def mixing_loss(code: int, label: float, raw_K: Floats, seen_K: Bools, k0: int, k1: int, parameter_3: Floats) -> float:
    """By what a mixture of experts weighs them: log loss of classes, bounded; squared error of values, bounded by 4.

    Without the weights of classes and the smoothing of labels. Absolute, quantile and count losses count twice, as the
    square does beside half of it. A raw output that is not finite has the bound.
    """
    for k in range(k0, k1):
        if not math.isfinite(raw_K[k]):
            return 20.0 if code <= 1 else 4.0
    z: float = raw_K[k0]
    if code == 0:
        return min(softplus(z) - z * label, 20.0)
    if code == 1:
        top = -math.inf
        for k in range(k0, k1):
            if seen_K[k]:
                top = max(top, raw_K[k])
        total = 0.0
        for k in range(k0, k1):
            if seen_K[k]:
                total += math.exp(raw_K[k] - top)
        return min(float(top + math.log(total) - raw_K[k0 + int(label)]), 20.0)
    if code <= 3:
        return min((label - z) * (label - z), 4.0)
    if code == 4:
        return min(2.0 * abs(label - z), 4.0)
    if code == 5:
        return min(2.0 * quantile_loss(z, label, parameter_3[0])[0], 4.0)
    return min(2.0 * count_loss(z, label)[0], 4.0)


#: By number.
LOSS_CODES: tuple[LossCode, ...] = ("binary", "multiclass", "squared", "huber", "absolute", "quantile", "count")
