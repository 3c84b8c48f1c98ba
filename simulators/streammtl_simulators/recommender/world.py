"""The world of a recommender: impressions, five tasks that follow from a click, and six kinds of drift."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal, final

from pydantic import Field, field_validator, model_validator

from streammtl.worlds.base import TrueDrift, World, WorldRecords
from streammtl_simulators.dirt import Dirt, spoil
from streammtl_simulators.drifts import describe
from streammtl_simulators.recommender.calendar import DRIFT_NAMES, Calendar, DriftName
from streammtl_simulators.recommender.catalogue import draw_catalogue
from streammtl_simulators.recommender.concept import RATINGS
from streammtl_simulators.recommender.documents import FEATURES
from streammtl_simulators.recommender.drifts import CHANGES
from streammtl_simulators.recommender.impressions import event_times_s
from streammtl_simulators.recommender.labels import Delays, NeverLabelled
from streammtl_simulators.recommender.stream import Plan, stream
from streammtl_simulators.recommender.tastes import draw_tastes

#: Fields of which one is null in an event with a missing value (dirt).
_NULLABLE: Final = ("segment", "category", "title", "embedding", "price", "position", "device", "click_rate_7d")


@final
class RecommenderWorld(World):
    """Items shown to users, five tasks that follow from a click, and six drifts.

    Two thousand users in six segments, and a catalogue that grows from 1,500 items to 2,175. An item has traits that
    nobody sees. Published are an embedding (the traits, turned, with noise), a title whose words draw or repel, a
    category and a price. An event is an impression: who is shown what, at which position, on which device, and what
    the user was shown and clicked in the last day and week. Tasks:

    - `click` (about 21 %): known after seconds. Users click out of curiosity or to buy.
    - `like` (40 % of the clicked who say it; half do) and `watch_min` (minutes watched, a count's expectation: a
      Poisson loss in seconds would outweigh all other tasks): of the clicked, when watching ends.
    - `rating` (1 to 5): of one in twelve of the clicked, hours later.
    - `purchase` (about 3 %): of all impressions. Without a click it is known at once that there is none; purchases
      come within three days of the click; that a click led to none is known only by the horizon.

    What a user makes of an item depends on tastes (how the user's segment takes to the item's traits, by curves and
    with either sign, so that a linear model sees little of them), on the title's words, and on how keen the user and
    how good the item is. `relatedness` says how much all tasks share these factors: at 0 each task has its own, which
    no other reads; at 1 all read the same. `conflict` turns what like and rating want away from what draws clicks.
    Each task by itself is about as difficult and as often positive whatever the dials, so differences come from
    sharing. A network with a head per task turns a sign for nothing: `conflict` costs it most near 0.5, where what is
    learned from clicks says nothing of likes. The formulas: `tastes` and `concept` in this package.

    Labels are drawn from chances that depend on the user, the item, the place, the device and the date. These chances,
    and the conditional means, are the best possible outputs; those of like, watch_min and rating are given a click. As
    traits show through noise, and users and items have to be known, learners stay somewhat below.

    Drifts: new items (abrupt, twice); a new category (abrupt); interests of half of the users turn around
    (incremental); another taste on weekends (recurring); another ranking, after which other positions are shown and
    seen (abrupt); prices fall (abrupt), and only purchases feel it. `drift: false` is a stream without.

    Everything is drawn from generators named by what they are for, in batches of fixed size, so the bytes do not
    depend on the reader, and switching one drift or one kind of dirt on or off leaves the other draws alone. The same
    configuration gives the same bytes wherever numpy draws the same numbers (in practice: the same numpy version).
    Results of exp, log and sums of products, whose last bit may differ between processors, are rounded before they are
    written.

    >>> world = RecommenderWorld.Config(events=3).build()
    >>> batch = next(world.records())
    >>> batch.event_ids, batch.best_EO.shape
    (['t0000000', 't0000001', 't0000002'], (3, 9))
    >>> batch.value_N[0][:48]
    b'{"record":"event","id":"t0000000","time":1704067'
    """

    class Config(World.Config):
        """Settings of the recommender world."""

        kind: Literal["recommender"] = "recommender"
        events_per_day: float = Field(
            default=2500.0,
            ge=10.0,
            le=1e7,
            description="Mean number of impressions per day; by default 100,000 in 40 days. The week before them is "
            "simulated too.",
        )
        users: int = Field(default=2000, ge=1, le=100_000, description="Number of users, in six segments.")
        items: int = Field(
            default=1500,
            ge=10,
            le=50_000,
            description="Number of items at the beginning; three releases add 15 % of that each.",
        )
        relatedness: float = Field(
            default=0.8,
            ge=0.0,
            le=1.0,
            description="How much the tasks depend on the same latent factors: the share of each task's variance that "
            "comes from factors which all tasks read; 0, each on its own, so that sharing cannot help; 1, all on the "
            "same. How difficult a task is by itself does not depend on it.",
        )
        conflict: float = Field(
            default=0.0,
            ge=0.0,
            le=1.0,
            description="How much the tasks want other things of what they share: 0, nearly the same; 1, like and "
            "rating the opposite of what draws clicks; 0.5, something that has nothing to do with it.",
        )
        drift: bool = Field(default=True, description="Do the drifts happen? false: the world is stationary.")
        drifts: tuple[DriftName, ...] = Field(default=DRIFT_NAMES, description="Which drifts happen.")
        delays: Delays = Field(default=Delays(), description="How long labels take.")
        never_labelled: NeverLabelled = Field(default=NeverLabelled(), description="Shares of labels that never come.")
        dirt: Dirt = Field(default=Dirt(), description="Shares of events with dirty records.")

        def build(self) -> RecommenderWorld:
            """The world."""
            return RecommenderWorld(self)

        @field_validator("drifts")
        @classmethod
        def _check_drifts(cls, drifts: tuple[DriftName, ...]) -> tuple[DriftName, ...]:
            if len(set(drifts)) < len(drifts):
                raise ValueError(f"a drift is named twice: {', '.join(drifts)}")
            return drifts

        @model_validator(mode="after")
        def _check_effects(self) -> RecommenderWorld.Config:
            if not self.drift and self.drifts != DRIFT_NAMES:
                raise ValueError("drifts has no effect with drift: false; leave it out")
            if self.conflict > 0.0 and self.relatedness == 0.0:
                raise ValueError("conflict has no effect with relatedness: 0, where the tasks share nothing")
            return self

    config: Config

    def __init__(self, config: Config) -> None:
        self.config = config
        self._calendar = Calendar(config.events, config.events_per_day, config.drifts if config.drift else ())
        self._catalogue = draw_catalogue(config.seed, config.users, config.items)
        self._dirt_counts: dict[str, int] = {}

    def records(self) -> Iterator[WorldRecords]:
        """The whole stream; it ends when the last label has come."""
        config = self.config
        tastes = draw_tastes(config.seed, self._catalogue, config.relatedness, config.conflict)
        batches = stream(
            Plan(config.seed, config.events, self._calendar, self._catalogue, tastes, config.delays,
                 config.never_labelled)
        )  # fmt: skip
        if config.dirt.is_any:
            self._dirt_counts = {}
            return spoil(batches, config.dirt, config.seed, _NULLABLE, "price", self._dirt_counts)
        return (batch.records for batch in batches)

    def dirt_counts(self) -> dict[str, int]:
        """How often each kind of dirt happened in the latest `records`, as far as it was read."""
        return dict(self._dirt_counts)

    def drifts(self) -> tuple[TrueDrift, ...]:
        """Every drift by its start; one for each release of items and for each weekend."""
        times_s = event_times_s(self.config.seed, self.config.events, self._calendar)
        return describe(self._calendar.windows(), CHANGES, times_s)

    def run_config(self) -> dict[str, Any]:
        """Schema and tasks; every label that comes is waited for, but for a few in a hundred thousand."""
        day_s = 86_400.0
        delays = self.config.delays
        return {
            "schema": {"id": "id", "time": "time", "time_unit": "s", "entity": "user", "record": "record",
                       "features": dict(FEATURES)},
            "tasks": {
                "click": {"kind": "binary", "horizon_s": day_s, "on_expiry": "drop"},
                "like": {"kind": "binary", "horizon_s": day_s, "on_expiry": "drop"},
                "watch_min": {"kind": "count", "horizon_s": day_s, "on_expiry": "drop"},
                "rating": {"kind": "multiclass", "classes": list(RATINGS), "horizon_s": 7 * day_s,
                           "on_expiry": "drop"},
                # An hour for what lies between the impression and the click.
                "purchase": {"kind": "binary", "horizon_s": delays.purchase_max_s + 3600.0, "on_expiry": "negative"},
            },
        }  # fmt: skip
