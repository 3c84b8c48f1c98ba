"""The records of the world of machines as JSON documents.

Shape suffixes: E events of a batch, L labels, M machines, J settings, C channels, T tasks.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from streammtl.types import Floats, Ints
from streammtl_simulators.documents import count_digits, ids, objects, present, seconds
from streammtl_simulators.iot.concept import FAULTS, MOST_ALARMS
from streammtl_simulators.iot.course import ALARMS, ENERGY, FAILURE, FAULT, LIFE
from streammtl_simulators.iot.fleet import N_BANDS, SITES, TYPES, Fleet
from streammtl_simulators.iot.sensors import Readings
from streammtl_simulators.labels import Labels


class Event(msgspec.Struct, gc=False):
    """A machine's report. NaN is written as null."""

    record: str
    id: str
    time: float
    machine: str
    machine_type: str
    site: str
    load_pct: float
    speed_rpm: float
    inlet_bar: float
    coolant_lpm: float
    feed_mm_s: float
    voltage_v: float
    air_c: float
    temperature_c: float
    current_a: float
    pressure_bar: float
    sound_db: float
    spectrum: list[float]


class Label(msgspec.Struct, gc=False):
    """What became known of a report."""

    record: str
    id: str
    time: float
    failure_soon: int | UnsetType = UNSET
    fault_class: str | UnsetType = UNSET
    energy_kwh: float | UnsetType = UNSET
    remaining_life_h: float | UnsetType = UNSET
    alarms_next_hour: int | UnsetType = UNSET


#: The recommended features, by the fields of `Event`.
FEATURES: Final[dict[str, Any]] = {
    "machine": {"kind": "categorical", "table_size": 1024},
    "machine_type": "categorical",
    "site": "categorical",
    "load_pct": "numeric",
    "speed_rpm": "numeric",
    "inlet_bar": "numeric",
    "coolant_lpm": "numeric",
    "feed_mm_s": "numeric",
    "voltage_v": "numeric",
    "air_c": "numeric",
    "temperature_c": "numeric",
    "current_a": "numeric",
    "pressure_bar": "numeric",
    "sound_db": "numeric",
    "spectrum": {"kind": "vector", "length": N_BANDS},
}

#: By setting: the usual value, how far high and low are from it, digits.
_SETTINGS: Final = ((1500.0, 150.0, 0), (6.0, 0.5, 3), (40.0, 5.0, 2), (12.0, 1.5, 3), (400.0, 8.0, 2), (22.0, 4.0, 2))
#: By channel after the bands: the usual value, the unit, what planned load adds, digits.
_CHANNELS: Final = ((48.0, 6.0, 25.0, 2), (12.0, 2.0, 10.0, 3), (8.0, 0.6, 0.0, 3), (70.0, 4.0, 0.0, 2))

_FLAGS: Final = objects([0, 1, UNSET])
_FAULTS: Final = objects([*FAULTS, UNSET])
_COUNTS: Final = objects([*range(MOST_ALARMS + 1), UNSET])


class Writer:
    """Makes the documents of batches."""

    def __init__(self, fleet: Fleet, n_events: int) -> None:
        self._n_digits = count_digits(n_events)
        self._machines = objects([f"m{machine:04d}" for machine in range(len(fleet.type_M))])
        self._types, self._sites = (
            objects([names[index] for index in index_M.tolist()])
            for names, index_M in ((TYPES, fleet.type_M), (SITES, fleet.site_M))
        )  # by machine

    def events(self, batch: Readings, load_E: Floats) -> list[Event]:
        """The events of a batch."""
        n, machine = len(batch.number_E), batch.machine_E
        scalars = [
            np.round(usual + unit * channel_E + by_load * (load_E - 0.6), digits)
            for channel_E, (usual, unit, by_load, digits) in zip(batch.channel_CE[N_BANDS:], _CHANNELS, strict=True)
        ]
        scalars[0] = np.where(batch.has_temperature_E, scalars[0], np.nan)
        scalars[3] = np.where(batch.has_sound_E, scalars[3], np.nan)
        columns = [
            ["event"] * n,
            ids(batch.number_E, self._n_digits, "r"),
            seconds(batch.ms_E),
            self._machines.take(machine).tolist(),
            self._types.take(machine).tolist(),
            self._sites.take(machine).tolist(),
            np.round(100.0 * load_E, 1).tolist(),
            *(
                np.round(usual + unit * setting_E, digits).tolist()
                for setting_E, (usual, unit, digits) in zip(batch.setting_JE, _SETTINGS, strict=True)
            ),
            *(scalar_E.tolist() for scalar_E in scalars),
            np.round(6.0 + batch.channel_CE[:N_BANDS].T, 3).tolist(),
        ]
        return list(map(Event, *columns))

    def labels(self, labels: Labels) -> list[Label]:
        """Messages with labels."""
        value_LT = labels.value_LT
        columns = [
            ["label"] * len(labels),
            ids(labels.number_L, self._n_digits, "r"),
            seconds(labels.ms_L),
            _FLAGS.take(_codes(value_LT[:, FAILURE], absent=2)).tolist(),
            _FAULTS.take(_codes(value_LT[:, FAULT], absent=len(FAULTS))).tolist(),
            present(value_LT[:, ENERGY]),
            present(value_LT[:, LIFE]),
            _COUNTS.take(_codes(value_LT[:, ALARMS], absent=MOST_ALARMS + 1)).tolist(),
        ]
        return list(map(Label, *columns))


def _codes(value_L: Floats, absent: int) -> Ints:
    """Whole numbers, `absent` in place of NaN."""
    return np.where(np.isnan(value_L), absent, value_L).astype(np.int64)
