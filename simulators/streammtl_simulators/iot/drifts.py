"""The ground truth of the drifts in the world of machines."""

from __future__ import annotations

from typing import Final

from streammtl_simulators.drifts import Change
from streammtl_simulators.iot.condition import TASKS

_CHANNELS: Final = ("spectrum", "temperature_c", "current_a", "pressure_bar", "sound_db")

CHANGES: Final[dict[str, Change]] = {
    "recalibration": Change(
        TASKS, ("spectrum",), "The vibration sensors of six machines in ten get another gain and another offset."
    ),
    "rush": Change(
        ("failure_soon", "alarms_next_hour"),
        ("load_pct", "temperature_c", "current_a"),
        "A fifth more load than usual; machines beyond what they are made for break down and raise alarms more often.",
    ),
    "dead_sensors": Change((), ("temperature_c",), "One temperature sensor after the other dies, more than half."),
    "new_lubricant": Change(
        ("failure_soon", "energy_kwh", "remaining_life_h"),
        (),
        "Little by little, all get a lubricant with which worn machines break down less and take less energy, while "
        "parts wear faster and seals give way sooner.",
    ),
    "new_type": Change(
        TASKS,
        ("machine", "machine_type", "site", *_CHANNELS),
        "Robots begin to report: one machine in six, on which the conditions show otherwise.",
    ),
}
