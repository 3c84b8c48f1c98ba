"""The world of card fraud: purchases, four tasks, and every kind of drift."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal, final

from pydantic import Field, field_validator, model_validator

from streammtl.worlds.base import TrueDrift, World, WorldRecords
from streammtl_simulators.dirt import Dirt, spoil
from streammtl_simulators.drifts import describe
from streammtl_simulators.fraud.calendar import DRIFT_NAMES, Calendar, DriftName
from streammtl_simulators.fraud.cast import N_CATEGORIES, draw_cast
from streammtl_simulators.fraud.concept import KINDS
from streammtl_simulators.fraud.documents import FEATURES
from streammtl_simulators.fraud.drifts import CHANGES
from streammtl_simulators.fraud.labels import Delays, Labelling, NeverLabelled
from streammtl_simulators.fraud.purchases import event_times_s
from streammtl_simulators.fraud.stream import Plan, delayed, inside

#: Fields of which one is null in an event with a missing value (dirt).
_NULLABLE: Final = ("amount", "distance_km", "country", "channel", "category", "account_age_days", "descriptor")


@final
class FraudWorld(World):
    """Card purchases with four tasks whose labels come late, and six drifts.

    Tasks: `is_fraud` (about 2 %), `fraud_kind` (none and four attacks, one of which appears in mid-stream),
    `loss_amount` (what a fraud finally costs, fees included; 0 for what is none), `next_day_spend` (the sum of the
    card's purchases in the 24 hours after the event). Some reasons for a fraud lie in a single field, most in several
    at once (amount and category and hour; distance and channel; device and account age).

    The labels are drawn from probabilities that depend only on what is visible in the event and on who takes part in
    it (which merchants collude; how active a card is, how much it usually pays, and whether it is on a journey). These
    probabilities, and the conditional means, are the best possible outputs: no learner can do better but by luck.

    Everything is drawn from generators named by what they are for, in batches of fixed size, so the bytes do not
    depend on the reader, and switching one drift or one kind of dirt on or off leaves the other draws alone. The same
    configuration gives the same bytes wherever numpy draws the same numbers (in practice: the same numpy version).
    Results of exp and log, whose last bit may differ between processors, are rounded before they are written.

    >>> world = FraudWorld.Config(events=3, labels="inside").build()
    >>> batch = next(world.records())
    >>> batch.event_ids, batch.best_EO.shape
    (['t0000000', 't0000001', 't0000002'], (3, 8))
    >>> batch.value_N[0][:48]
    b'{"record":"event","id":"t0000000","time":1704067'
    """

    class Config(World.Config):
        """Settings of the fraud world."""

        kind: Literal["fraud"] = "fraud"
        events_per_day: float = Field(
            default=1700.0,
            ge=10.0,
            le=1e7,
            description="Mean number of events per day; by default "
            "100,000 in 59 days. The week before and the day after them are simulated too.",
        )
        cards: int = Field(default=1000, ge=1, le=100_000, description="Number of cards; three customers have four.")
        merchants: int = Field(
            default=400, ge=N_CATEGORIES, le=100_000, description="Number of merchants; one in twenty colludes."
        )
        drifts: tuple[DriftName, ...] = Field(
            default=DRIFT_NAMES, description="Which drifts happen; an empty list makes the world stationary."
        )
        labels: Literal["delayed", "inside"] = Field(
            default="delayed",
            description="Labels follow in records of their own when they become known (delayed), or lie in the event "
            "itself (inside): the same labels, for quick experiments.",
        )
        delays: Delays = Field(default=Delays(), description="How long labels take; with `labels: delayed`.")
        never_labelled: NeverLabelled = Field(
            default=NeverLabelled(), description="Shares of events whose labels never come."
        )
        dirt: Dirt = Field(default=Dirt(), description="Shares of events with dirty records.")

        def build(self) -> FraudWorld:
            """The world."""
            return FraudWorld(self)

        @field_validator("drifts")
        @classmethod
        def _check_drifts(cls, drifts: tuple[DriftName, ...]) -> tuple[DriftName, ...]:
            if len(set(drifts)) < len(drifts):
                raise ValueError(f"a drift is named twice: {', '.join(drifts)}")
            return drifts

        @model_validator(mode="after")
        def _check_delays(self) -> FraudWorld.Config:
            if self.labels == "inside" and self.delays != Delays():
                raise ValueError("delays have no effect on labels: inside; leave them out, or choose labels: delayed")
            return self

    config: Config

    def __init__(self, config: Config) -> None:
        self.config = config
        self._calendar = Calendar(config.events, config.events_per_day, config.drifts)
        self._cast = draw_cast(config.seed, config.cards, config.merchants)
        self._dirt_counts: dict[str, int] = {}

    def records(self) -> Iterator[WorldRecords]:
        """The whole stream; with delayed labels it ends when the last label has come."""
        config = self.config
        labelling = Labelling(config.seed, config.delays, config.never_labelled)
        plan = Plan(config.seed, config.events, self._calendar, self._cast, labelling)
        batches = delayed(plan) if config.labels == "delayed" else inside(plan)
        if config.dirt.is_any:
            self._dirt_counts = {}
            return spoil(batches, config.dirt, config.seed, _NULLABLE, "amount", self._dirt_counts)
        return (batch.records for batch in batches)

    def dirt_counts(self) -> dict[str, int]:
        """How often each kind of dirt happened in the latest `records`, as far as it was read."""
        return dict(self._dirt_counts)

    def drifts(self) -> tuple[TrueDrift, ...]:
        """Every drift by its start; one for each wave and each season."""
        times_s = event_times_s(self.config.seed, self.config.events, self._calendar)
        return describe(self._calendar.windows(), CHANGES, times_s)

    def run_config(self) -> dict[str, Any]:
        """Schema and tasks; every label that comes is waited for, but for a few in a hundred thousand."""
        day_s = 86_400
        return {
            "schema": {"id": "id", "time": "time", "time_unit": "s", "entity": "card", "record": "record",
                       "features": dict(FEATURES)},
            "tasks": {
                "is_fraud": {"kind": "binary", "horizon_s": 30 * day_s, "on_expiry": "drop"},
                "fraud_kind": {"kind": "multiclass", "classes": list(KINDS), "horizon_s": 30 * day_s,
                               "on_expiry": "drop"},
                "loss_amount": {"kind": "regression", "horizon_s": 45 * day_s, "on_expiry": "drop"},
                "next_day_spend": {"kind": "regression", "horizon_s": 2 * day_s, "on_expiry": "drop"},
            },
        }  # fmt: skip
