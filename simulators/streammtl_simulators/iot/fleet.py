"""The machines: types, sites, and what is peculiar to each. Drawn once; nothing of it changes.

Shape suffixes: M machines, J conditions (the common one first, then one of each task), C channels of sensors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from streammtl.seeds import named_rng
from streammtl.types import Bools, Floats, Ints

TYPES: Final = ("press", "lathe", "mill", "pump", "robot")
NEW_TYPE_INDEX: Final = 4  # robots come late
SITES: Final = ("north", "south", "east", "west", "harbour", "hill")
N_CONDITIONS: Final = 6
N_BANDS: Final = 8
N_CHANNELS: Final = N_BANDS + 4  # bands of the vibration spectrum, temperature, current, pressure, sound

#: One machine in six is of the new type.
_LATE_SHARE: Final = 1 / 6
#: Mean hours at full load from one service of a part to the next: about eight days of the usual plan.
_SERVICE_LOAD_H: Final = 115.0
_PACE_SPREAD: Final = 0.25  # of the log of how fast a part wears
_DUTY_SPREAD: Final = 0.06  # of the log of how much a machine works
_RECALIBRATED_SHARE: Final = 0.6
_WEAK_SENSOR_SHARE: Final = 0.6


@dataclass(frozen=True, slots=True)
class Fleet:
    """All machines, numbered by the moment of the interval at which they report."""

    type_M: Ints
    site_M: Ints
    is_late_M: Bools  # of the new type
    shift_h_M: Ints  # by how much the shifts of its site are moved
    duty_M: Floats  # its load relative to the plan of its site
    pace_MJ: Floats  # share of a service interval that an hour at full load takes
    phase_MJ: Floats  # share of a service interval that had passed at the start
    is_recalibrated_M: Bools
    dies_at_M: Floats  # the share of dead weak sensors at which its temperature sensor dies; 2: never
    mixing_CJ: Floats  # how the conditions show in the channels; columns of length 1, at right angles
    new_mixing_CJ: Floats  # the same for the new type


def draw_fleet(seed: int, n_machines: int) -> Fleet:
    """The fleet of a seed."""
    rng = named_rng(seed, "iot", "fleet")
    n_late = max(1, round(n_machines * _LATE_SHARE))
    is_late_M = rng.permutation(n_machines) < n_late
    site_M = rng.integers(0, len(SITES), n_machines)
    weak_M = rng.random(n_machines) < _WEAK_SENSOR_SHARE
    return Fleet(
        type_M=np.where(is_late_M, NEW_TYPE_INDEX, rng.integers(0, NEW_TYPE_INDEX, n_machines)),
        site_M=site_M,
        is_late_M=is_late_M,
        shift_h_M=rng.integers(0, 4, len(SITES))[site_M],
        duty_M=np.exp(_DUTY_SPREAD * rng.standard_normal(n_machines)),
        pace_MJ=np.exp(_PACE_SPREAD * rng.standard_normal((n_machines, N_CONDITIONS))) / _SERVICE_LOAD_H,
        phase_MJ=rng.random((n_machines, N_CONDITIONS)),
        is_recalibrated_M=rng.random(n_machines) < _RECALIBRATED_SHARE,
        dies_at_M=np.where(weak_M & ~is_late_M, rng.random(n_machines), 2.0),
        mixing_CJ=_orthogonal(named_rng(seed, "iot", "mixing")),
        new_mixing_CJ=_orthogonal(named_rng(seed, "iot", "mixing of the new type")),
    )


def _orthogonal(rng: np.random.Generator) -> Floats:
    """Columns at right angles, by Gram and Schmidt: plain sums, the same everywhere."""
    draws_CJ = rng.standard_normal((N_CHANNELS, N_CONDITIONS))
    for j in range(N_CONDITIONS):
        for earlier in range(j):
            draws_CJ[:, j] -= (draws_CJ[:, j] * draws_CJ[:, earlier]).sum() * draws_CJ[:, earlier]
        draws_CJ[:, j] /= np.sqrt((draws_CJ[:, j] ** 2).sum())
    return draws_CJ
