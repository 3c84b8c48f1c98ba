"""Stops of machines: how long until the next one, and what can be expected of it. Exact.

Stops of one kind are a Poisson process whose rate is constant from each report of a machine to its next, with at most
one stop in between: after it the machine rests until it reports. A stop is repaired as it was before (minimal repair;
Barlow, Hunter, Optimum Preventive Maintenance Policies, Operations Research, 1960): it changes no condition. So, with
D the length of an interval and q_i = 1 - exp(-rate_i D) the chance of a stop in the i-th interval from now on,

    P(stop within n intervals) = 1 - prod_i (1 - q_i),
    E[time; stop within n intervals] = sum_i prod_(j<i) (1 - q_j) (i D q_i + E[time in the interval; stop in it]).

Shape suffixes: S steps, A steps with those ahead, M machines.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from streammtl.types import Floats


@dataclass(frozen=True, slots=True)
class Ahead:
    """What lies ahead of each report, within a number of intervals."""

    hours_SM: Floats  # until the next stop; infinite: none within these intervals
    probability_SM: Floats  # of a stop within these intervals
    mean_hours_SM: Floats  # expected time until the next stop, given that it comes within these intervals


def draw_stops(rate: Floats, uniform: Floats, interval_h: float) -> Floats:
    """Hours after each report at which a stop of that interval comes; infinite: none comes."""
    is_stop = uniform < -np.expm1(-rate * interval_h)
    return np.where(is_stop, -np.log1p(-np.where(is_stop, uniform, 0.0)) / rate, np.inf)


def look_ahead(rate_AM: Floats, stop_h_AM: Floats, interval_h: float, n_ahead: int) -> Ahead:
    """What lies ahead of the reports of all but the last `n_ahead` steps."""
    n = len(rate_AM) - n_ahead
    exponent_AM = rate_AM * interval_h
    chance_AM = -np.expm1(-exponent_AM)
    # E[time; stop within the interval] = q / rate - D (1 - q), for a constant rate.
    partial_AM = chance_AM / rate_AM - interval_h * (1.0 - chance_AM)
    survival_SM = np.ones((n, rate_AM.shape[1]))
    expected_SM = np.zeros_like(survival_SM)
    hours_SM = np.full_like(survival_SM, np.inf)
    for i in range(n_ahead):
        rows = slice(i, i + n)
        expected_SM += survival_SM * (i * interval_h * chance_AM[rows] + partial_AM[rows])
        survival_SM *= 1.0 - chance_AM[rows]
        hours_SM = np.minimum(hours_SM, i * interval_h + stop_h_AM[rows])
    probability_SM = 1.0 - survival_SM
    return Ahead(hours_SM, probability_SM, expected_SM / probability_SM)
