"""The world of machines with sensors: reports, five tasks, and every kind of drift."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal, final

from pydantic import Field, field_validator, model_validator

from streammtl.worlds.base import TrueDrift, World, WorldRecords
from streammtl_simulators.dirt import Dirt, spoil
from streammtl_simulators.drifts import describe
from streammtl_simulators.iot.calendar import DAY_H, DRIFT_NAMES, Calendar, DriftName
from streammtl_simulators.iot.concept import FAULTS
from streammtl_simulators.iot.course import Dials
from streammtl_simulators.iot.documents import FEATURES
from streammtl_simulators.iot.drifts import CHANGES
from streammtl_simulators.iot.fleet import draw_fleet
from streammtl_simulators.iot.labels import Delays, Labelling, NeverLabelled
from streammtl_simulators.iot.stream import Plan, event_times_s, stream

#: Fields of which one is null in an event with a missing value (dirt).
_NULLABLE: Final = ("load_pct", "speed_rpm", "inlet_bar", "coolant_lpm", "temperature_c", "current_a", "spectrum")


@final
class IotWorld(World):
    """Machines with sensors, five tasks whose labels come late and seldom, and six drifts.

    A few hundred machines (presses, lathes, mills, pumps, and later robots; at six sites) report at intervals: planned
    load, six settings, eight bands of the vibration spectrum, temperature, current, pressure, sound. Tasks:

    - `failure_soon`: does the machine break down within 24 hours (about 11 %)? Known when it does, or a day later.
    - `fault_class`: what an inspection finds (ok, bearing, imbalance, overheating, sensor). Few reports are followed by
      one; its word comes hours later.
    - `energy_kwh`: energy until the next report. Metered then, for one report in five.
    - `remaining_life_h`: hours until the seal gives way. Known when it does, and only if it does within
      `life_horizon_h`; most seals are not followed up. The delay is the label.
    - `alarms_next_hour`: a count, with the meter's reading.

    Each machine has six hidden conditions that wear with the load and are reset by service. One is common, the others
    belong to a task each; `relatedness` says how much a task depends on the common one. All are spread alike and show
    alike, so a task by itself is as difficult with `relatedness: 0` as with `1`, and what differs is what sharing is
    worth. `conflict` turns the tasks' responses away from each other. A condition shows in the sensors only as a
    product with one of the settings, so a linear model sees next to nothing of it. The formulas: `condition`,
    `sensors`, `stops` and `concept` in this package.

    What happens is drawn from rates that depend on the conditions, the planned load and the date. The chances and
    conditional means given all of these, future loads and services included, are the best possible outputs: no learner
    can do better but by luck, and as the conditions show through noise, learners stay somewhat below. Breakdowns and
    stops are repaired without resetting any condition. `remaining_life_h` is best given that its label comes.

    Drifts: most vibration sensors are recalibrated (abrupt); two rushes (recurring); temperature sensors die
    (gradual); a new lubricant (incremental); a new machine type (abrupt). `drift: false` is a stream without. Labels
    of `failure_soon` and `remaining_life_h` look ahead, so those of the hours before a drift begins know of it already.

    Everything is drawn from generators named by what they are for, in batches of fixed size, so the bytes do not
    depend on the reader, and switching one drift or one kind of dirt on or off leaves the other draws alone. The same
    configuration gives the same bytes wherever numpy draws the same numbers (in practice: the same numpy version).
    Results of exp and log, whose last bit may differ between processors, are rounded before they are written.

    >>> world = IotWorld.Config(events=3).build()
    >>> batch = next(world.records())
    >>> batch.event_ids, batch.best_EO.shape
    (['r0000000', 'r0000001', 'r0000002'], (3, 9))
    >>> batch.value_N[0][:48]
    b'{"record":"event","id":"r0000000","time":1704067'
    """

    class Config(World.Config):
        """Settings of the world of machines."""

        kind: Literal["iot"] = "iot"
        machines: int = Field(
            default=600, ge=6, le=5000, description="Number of machines; one in six is of the type that comes late."
        )
        interval_s: int = Field(
            default=21_600,
            ge=60,
            le=86_400,
            description="Seconds from one report of a machine to its next; a day must be a whole number of them.",
        )
        relatedness: float = Field(
            default=0.8,
            ge=0.0,
            le=1.0,
            description="How much the tasks depend on the same hidden condition: 0, each on one of its own, so that "
            "sharing cannot help; 1, all on one. In between a task depends on two, which is harder to learn; the "
            "best possible scores are about the same.",
        )
        conflict: float = Field(
            default=0.0,
            ge=0.0,
            le=1.0,
            description="How much the tasks want other things of what they share: 0, all respond alike to a condition; "
            "1, in opposite ways or in ways that have nothing in common.",
        )
        drift: bool = Field(default=True, description="Do the drifts happen? false: the world is stationary.")
        drifts: tuple[DriftName, ...] = Field(default=DRIFT_NAMES, description="Which drifts happen.")
        life_horizon_h: float = Field(
            default=120.0, ge=1.0, le=1000.0, description="Hours for which a seal is followed up, whole intervals."
        )
        delays: Delays = Field(default=Delays(), description="How long labels take beyond what they are about.")
        never_labelled: NeverLabelled = Field(
            default=NeverLabelled(), description="Shares of events whose labels never come."
        )
        dirt: Dirt = Field(default=Dirt(), description="Shares of events with dirty records.")

        def build(self) -> IotWorld:
            """The world."""
            return IotWorld(self)

        @field_validator("interval_s")
        @classmethod
        def _check_interval(cls, interval_s: int) -> int:
            if 86_400 % interval_s:
                raise ValueError(f"a day of 86400 s is no whole number of intervals of {interval_s} s")
            return interval_s

        @field_validator("drifts")
        @classmethod
        def _check_drifts(cls, drifts: tuple[DriftName, ...]) -> tuple[DriftName, ...]:
            if len(set(drifts)) < len(drifts):
                raise ValueError(f"a drift is named twice: {', '.join(drifts)}")
            return drifts

        @model_validator(mode="after")
        def _check_effects(self) -> IotWorld.Config:
            if not self.drift and self.drifts != DRIFT_NAMES:
                raise ValueError("drifts has no effect with drift: false; leave it out")
            if self.life_horizon_h * 3600 % self.interval_s:
                raise ValueError(
                    f"life_horizon_h: {self.life_horizon_h:g} is no whole number of intervals of {self.interval_s} s"
                )
            return self

    config: Config

    def __init__(self, config: Config) -> None:
        self.config = config
        drifts = config.drifts if config.drift else ()
        fleet = draw_fleet(config.seed, config.machines)
        self._calendar = Calendar(config.events, config.interval_s, fleet, drifts)
        self._dirt_counts: dict[str, int] = {}

    def records(self) -> Iterator[WorldRecords]:
        """The whole stream; it ends when the last label has come."""
        config = self.config
        dials = Dials(
            relatedness=config.relatedness,
            conflict=config.conflict,
            horizon_steps=86_400 // config.interval_s,
            life_steps=round(config.life_horizon_h * 3600 / config.interval_s),
        )
        labelling = Labelling(config.seed, self._calendar, DAY_H, config.delays, config.never_labelled)
        plan = Plan(config.seed, config.events, self._calendar, dials, labelling)
        batches = stream(plan)
        if config.dirt.is_any:
            self._dirt_counts = {}
            return spoil(batches, config.dirt, config.seed, _NULLABLE, "current_a", self._dirt_counts)
        return (batch.records for batch in batches)

    def dirt_counts(self) -> dict[str, int]:
        """How often each kind of dirt happened in the latest `records`, as far as it was read."""
        return dict(self._dirt_counts)

    def drifts(self) -> tuple[TrueDrift, ...]:
        """Every drift by its start; one for each rush."""
        return describe(self._calendar.windows(), CHANGES, event_times_s(self.config.events, self._calendar))

    def run_config(self) -> dict[str, Any]:
        """Schema and tasks; every label that comes is waited for, but for a few in a hundred thousand.

        The clock is no feature. What is learned at noon about the failures of the last 24 hours comes from events of
        all hours, what is learned about their absence from events of yesterday noon only; so a learner that steps on
        every label and sees the clock would take the hour for the reason, and predict failures for all that is recent.
        """
        hour_s = 3600
        return {
            "schema": {"id": "id", "time": "time", "time_unit": "s", "entity": "machine", "record": "record",
                       "features": dict(FEATURES)},
            "tasks": {
                "failure_soon": {"kind": "binary", "horizon_s": 25 * hour_s, "on_expiry": "drop"},
                "fault_class": {"kind": "multiclass", "classes": list(FAULTS), "horizon_s": 240 * hour_s,
                                "on_expiry": "drop"},
                "energy_kwh": {"kind": "regression", "horizon_s": 48 * hour_s, "on_expiry": "drop"},
                "remaining_life_h": {"kind": "regression", "horizon_s": (self.config.life_horizon_h + 1) * hour_s,
                                     "on_expiry": "drop"},
                "alarms_next_hour": {"kind": "count", "horizon_s": 48 * hour_s, "on_expiry": "drop"},
            },
        }  # fmt: skip
