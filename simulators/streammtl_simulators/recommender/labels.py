"""What users do with each impression, and when it becomes known.

Up to four messages follow an impression: the click or its absence when the user has moved on, the like and the time
watched when watching ends, a rating hours later, a purchase within days. Only those who clicked do any of the last
three, so with the absence of a click comes that of a purchase. That a user clicked and did not buy is never said: it is
so when the horizon has passed. How long a message takes depends on the time watched, which it tells, and on nothing
else that is learned; what is never told is left out by chance alone.

Shape suffixes: E events of a batch, L labels, T tasks, J ratings.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import Field

from streammtl.component import Settings
from streammtl.seeds import named_rng
from streammtl.types import Bools, Floats, Ints
from streammtl_simulators.labels import Labels
from streammtl_simulators.pending import milliseconds
from streammtl_simulators.recommender.concept import WATCH_SPREAD, Chances
from streammtl_simulators.recommender.impressions import Impressions
from streammtl_simulators.recommender.tastes import CLICK, LIKE, PURCHASE, RATING, TASKS, WATCH


class Delays(Settings):
    """How long labels take. That of a like and of the time watched is the time watched itself."""

    view_median_s: float = Field(
        default=4.0, gt=0.0, description="Median time until a user clicks or moves on; lognormal."
    )
    view_sigma: float = Field(default=0.6, ge=0.0, le=3.0, description="Spread of the log of that time.")
    rating_median_s: float = Field(
        default=14_400.0, gt=0.0, description="Median time from the end of watching to a rating: 4 hours; lognormal."
    )
    rating_sigma: float = Field(default=1.0, ge=0.0, le=3.0, description="Spread of the log of that time.")
    purchase_max_s: float = Field(
        default=259_200.0,
        gt=0.0,
        description="Longest time from a click to its purchase: 3 days. Half of them come in the first eighth.",
    )


class NeverLabelled(Settings):
    """Shares of labels that never come, drawn independently of everything else."""

    click: float = Field(default=0.01, ge=0.0, le=1.0, description="Nobody knows whether the user clicked.")
    like: float = Field(default=0.5, ge=0.0, le=1.0, description="Of the clicks: the user says neither yes nor no.")
    watch_min: float = Field(default=0.05, ge=0.0, le=1.0, description="Of the clicks: the player was closed.")
    rating: float = Field(default=0.92, ge=0.0, le=1.0, description="Of the clicks: the user rates nothing.")
    purchase: float = Field(
        default=0.02, ge=0.0, le=1.0, description="Of the purchases: not told, so that they count as none."
    )


@dataclass(frozen=True, slots=True)
class Deeds:
    """What users really did with a batch of impressions; likes, times and ratings are NaN without a click."""

    label_ET: Floats
    view_ms_E: Ints
    rating_ms_E: Ints  # after watching
    purchase_ms_E: Ints  # after the click
    is_told_ET: Bools


class Acting:
    """Draws what users do, batch after batch."""

    def __init__(self, seed: int, part: str, delays: Delays, never: NeverLabelled) -> None:
        self._rng = named_rng(seed, "recommender", part, "deeds")
        self._delays = delays
        self._never_T = np.array([getattr(never, task) for task in TASKS])

    def draw(self, chances: Chances) -> Deeds:
        """What is done with the impressions of these chances."""
        n, delays = len(chances.buy_E), self._delays
        uniform = self._rng.random((6 + len(TASKS), n))
        normal = self._rng.standard_normal((3, n))
        label_ET = np.full((n, len(TASKS)), np.nan)
        intends_E = uniform[5] < chances.intent_E
        is_click_E = intends_E | (uniform[0] < chances.curious_E)
        label_ET[:, CLICK] = is_click_E
        watch_min_E = np.round(np.exp(chances.log_watch_E + WATCH_SPREAD * normal[0]), 2)
        rating_E = 1 + (uniform[2][:, None] >= np.cumsum(chances.rating_EJ, axis=1)[:, :-1]).sum(axis=1)
        label_ET[:, LIKE] = np.where(is_click_E, uniform[1] < chances.like_E, np.nan)
        label_ET[:, WATCH] = np.where(is_click_E, watch_min_E, np.nan)
        label_ET[:, RATING] = np.where(is_click_E, rating_E, np.nan)
        label_ET[:, PURCHASE] = intends_E & (uniform[3] < chances.buy_E)
        return Deeds(
            label_ET=label_ET,
            view_ms_E=milliseconds(delays.view_median_s * np.exp(delays.view_sigma * normal[1])),
            rating_ms_E=milliseconds(delays.rating_median_s * np.exp(delays.rating_sigma * normal[2])),
            purchase_ms_E=milliseconds(delays.purchase_max_s * uniform[4] ** 3),
            is_told_ET=self._never_T <= uniform[6:].T,
        )


def messages(batch: Impressions, deeds: Deeds) -> list[Labels]:
    """Everything that will become known of a batch."""
    told_ET = np.where(deeds.is_told_ET, deeds.label_ET, np.nan)
    viewed_ms_E = batch.ms_E + deeds.view_ms_E
    watched_min_E = np.where(deeds.label_ET[:, CLICK] == 1.0, deeds.label_ET[:, WATCH], 0.0)
    watched_ms_E = viewed_ms_E + np.round(watched_min_E * 60_000.0).astype(np.int64)
    # Without a click there is no purchase, which is known at once; after a click only a purchase is told.
    told_ET[:, PURCHASE] = np.where(told_ET[:, PURCHASE] == 1.0, 1.0, np.nan)
    viewed_ET = told_ET.copy()
    viewed_ET[:, PURCHASE] = np.where(told_ET[:, CLICK] == 0.0, 0.0, np.nan)
    return [
        _only(viewed_ET, batch.number_E, viewed_ms_E, [CLICK, PURCHASE]),
        _only(told_ET, batch.number_E, watched_ms_E, [LIKE, WATCH]),
        _only(told_ET, batch.number_E, watched_ms_E + deeds.rating_ms_E, [RATING]),
        _only(told_ET, batch.number_E, viewed_ms_E + deeds.purchase_ms_E, [PURCHASE]),
    ]


def _only(told_ET: Floats, number_E: Ints, ms_E: Ints, tasks: list[int]) -> Labels:
    """Messages with the labels of these tasks, of the events that have any."""
    chosen_L = np.flatnonzero(~np.isnan(told_ET[:, tasks]).all(axis=1))
    label_LT = np.full((len(chosen_L), len(TASKS)), np.nan)
    label_LT[:, tasks] = told_ET[chosen_L][:, tasks]
    return Labels(ms_E[chosen_L], number_E[chosen_L], label_LT)
