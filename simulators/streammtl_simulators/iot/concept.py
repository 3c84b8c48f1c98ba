"""What the hidden condition does: rates of breakdowns, faults, energy, rates of stops and of alarms.

Shape suffixes: S steps, M machines, E events, K fault classes, T tasks.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from streammtl.types import Bools, Floats, Ints

FAULTS: Final = ("ok", "bearing", "imbalance", "overheating", "sensor")
N_OUTPUTS: Final = 1 + len(FAULTS) + 1 + 1 + 1

#: Planned load about which the effects of load are counted, and how much of it is a lot.
USUAL_LOAD: Final = 0.6
_LOAD_UNIT: Final = 0.15

#: Power at usual load by type, in kW.
_POWER_KW_Y: Final = np.array([42.0, 30.0, 36.0, 24.0, 48.0])
#: A worn machine takes up to this share more or less than usual (times 1.41).
_FRICTION: Final = 0.25
#: The metered energy is spread by this share about its expectation.
ENERGY_SPREAD: Final = 0.06

#: More alarms than this in an hour are not counted; a rate of 60 is never reached.
MOST_ALARMS: Final = 99

#: In a rush machines run beyond what they are made for: so many more breakdowns and alarms.
_RUSH_LOG: Final = 0.9
#: With the new lubricant: breakdowns of worn machines become fewer by this (of the log), friction falls, parts wear
#: faster, and a seal gives way sooner.
_LUBRICANT_BREAKDOWN: Final = -0.9
_LUBRICANT_FRICTION: Final = 0.6
LUBRICANT_PACE: Final = 0.6
_LUBRICANT_STOP: Final = 0.7


def breakdown_rate(response: Floats, load: Floats, rush: Floats, lubricant: Floats) -> Floats:
    """Breakdowns per hour."""
    excess = (load - USUAL_LOAD) / _LOAD_UNIT
    return np.exp(-6.2 + 1.6 * response + 0.25 * excess + _RUSH_LOG * rush + _LUBRICANT_BREAKDOWN * lubricant)


def stop_rate(response: Floats, load: Floats, lubricant: Floats) -> Floats:
    """Stops per hour because the seal gives way."""
    return np.exp(-4.6 + 1.7 * response + 0.3 * (load - USUAL_LOAD) / _LOAD_UNIT + _LUBRICANT_STOP * lubricant)


def alarm_rate(response_E: Floats, load_E: Floats, rush_E: Floats) -> Floats:
    """Expected alarms in the next hour."""
    return np.exp(0.2 + 0.7 * response_E + 0.3 * (load_E - USUAL_LOAD) / _LOAD_UNIT + _RUSH_LOG * rush_E)


def expected_energy(response_E: Floats, load_E: Floats, type_E: Ints, lubricant_E: Floats, hours: float) -> Floats:
    """Expected energy of the next interval, in kWh."""
    friction_E = _FRICTION * (1.0 - _LUBRICANT_FRICTION * lubricant_E) * response_E
    energy_E: Floats = hours * _POWER_KW_Y[type_E] * (0.3 + 0.7 * load_E / USUAL_LOAD) * (1.0 + friction_E)
    return energy_E


def fault_probabilities(response_E: Floats, load_E: Floats, is_silent_E: Bools) -> Floats:
    """P(what an inspection finds), `(E, K)`; silent: without a temperature."""
    excess_E = (load_E - USUAL_LOAD) / _LOAD_UNIT
    logits_EK = np.zeros((len(response_E), len(FAULTS)))
    logits_EK[:, 1] = -1.6 + 2.4 * response_E
    logits_EK[:, 2] = -0.9 + 1.2 * response_E
    logits_EK[:, 3] = -2.2 + 1.6 * response_E + 0.9 * excess_E
    logits_EK[:, 4] = -3.5 + 3.5 * is_silent_E
    exponentials_EK = np.exp(logits_EK - logits_EK.max(axis=1, keepdims=True))
    probabilities_EK: Floats = exponentials_EK / exponentials_EK.sum(axis=1, keepdims=True)
    return probabilities_EK
