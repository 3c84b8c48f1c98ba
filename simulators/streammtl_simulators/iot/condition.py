"""The hidden condition of the machines, and how the tasks depend on it: where `relatedness` and `conflict` act.

A machine has six conditions, each between 0 (just serviced) and 1 (worn out). A condition grows with the work done and
falls back to 0 when it reaches 1, since the part is then exchanged; each part has its own pace. At any moment the six
are independent of each other and evenly spread.

Shape suffixes: J conditions (the common one first, then one of each task), T tasks; ... any leading axes.
"""

from __future__ import annotations

from math import cos, pi, sin, sqrt
from typing import Final

import numpy as np

from streammtl.types import Floats

TASKS: Final = ("failure_soon", "fault_class", "energy_kwh", "remaining_life_h", "alarms_next_hour")

#: By task: the angle by which its response is turned away from the common one at conflict 1, in quarter turns, and
#: the number of half waves of the response that it turns to.
_QUARTERS_T: Final = (0, 1, 2, 1, -1)
_HALF_WAVES_T: Final = (2, 2, 2, 3, 2)


def driver(common: Floats, own: Floats, relatedness: float) -> Floats:
    """The condition that a task depends on: evenly spread over 0 to 1 whatever the relatedness.

    F(sqrt(r) common + sqrt(1 - r) own), where F is the distribution function of that sum for two independent, evenly
    spread conditions. The sums of two tasks correlate by r.
    """
    a, b = sqrt(relatedness), sqrt(1.0 - relatedness)
    if b == 0.0:
        return common
    if a == 0.0:
        return own
    total = a * common + b * own
    low, high = min(a, b), max(a, b)
    rising = total**2 / (2 * a * b)
    falling = 1.0 - (a + b - total) ** 2 / (2 * a * b)
    middle = (2 * total - low) / (2 * high)
    return np.where(total < low, rising, np.where(total > high, falling, middle))


def response(driver_: Floats, task: int, conflict: float) -> Floats:
    """What a task makes of its driver: mean 0 and variance 1 over evenly spread drivers.

    cos(a) g(s) + sin(a) w(s), with g(s) = -sqrt(2) cos(pi s), which rises from service to service and is common to all
    tasks; w(s) = sqrt(2) cos(n pi s), at right angles to it; a = conflict times the task's angle. At conflict 0 every
    response is g; at conflict 1 the responses of two tasks are opposite to each other or have nothing in common.
    """
    angle = conflict * _QUARTERS_T[task] * pi / 2
    common: Floats = -sqrt(2.0) * np.cos(pi * driver_)
    if angle == 0.0:
        return common
    own = sqrt(2.0) * np.cos(_HALF_WAVES_T[task] * pi * driver_)
    turned: Floats = cos(angle) * common + sin(angle) * own
    return turned


def responses(condition_J: Floats, relatedness: float, conflict: float) -> Floats:
    """The responses of all tasks, `(T, ...)`, to conditions `(J, ...)`."""
    return np.stack(
        [
            response(driver(condition_J[0], condition_J[1 + task], relatedness), task, conflict)
            for task in range(len(TASKS))
        ]
    )
