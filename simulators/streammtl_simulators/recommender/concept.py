"""What users do with an impression: the probabilities and expectations behind the labels.

Shape suffixes: E events, T tasks, J ratings, O published columns of all tasks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from streammtl.types import Floats
from streammtl_simulators.recommender.calendar import Calendar
from streammtl_simulators.recommender.catalogue import NEW_CATEGORY, Catalogue
from streammtl_simulators.recommender.impressions import N_POSITIONS, Impressions
from streammtl_simulators.recommender.tastes import (
    CLICK,
    CURIOUS_LEVEL,
    CURIOUS_SLOPE,
    INTENT_LEVEL,
    INTENT_SLOPE,
    LIKE,
    PURCHASE,
    RATING,
    WATCH,
    Tastes,
    logistic,
)

RATINGS: Final = ("1", "2", "3", "4", "5")
N_OUTPUTS: Final = 1 + 1 + 1 + len(RATINGS) + 1

# What the devices (phone, tablet, desktop, tv) add.
_CLICK_DEVICE: Final = np.array([0.15, 0.0, -0.1, -0.4])
_WATCH_DEVICE: Final = np.array([-0.2, 0.0, 0.1, 0.5])
_BUY_DEVICE: Final = np.array([0.0, 0.1, 0.4, -1.0])
# What the positions add: from the top of a list to its end, then as two rows of five, which are seen better.
_CLICK_LIST: Final = 0.3 - 0.15 * np.arange(N_POSITIONS)
_CLICK_GRID: Final = np.array([0.7, 1.1, 1.5, 1.1, 0.7, 0.0, 0.2, 0.5, 0.2, 0.0])
# What the new category adds, and a weekend: to the logit of curiosity, to that of a like, to the log of minutes.
_NEW_CATEGORY: Final = (1.0, -1.2, 1.1)
_WEEKEND: Final = (0.7, 0.6, 0.7)

_LIKE_LEVEL, _LIKE_SLOPE = -0.6, 1.7
_WATCH_LEVEL, _WATCH_SLOPE = 0.7, 0.8  # of the logarithm of minutes
WATCH_SPREAD: Final = 0.5
_RATING_SLOPE: Final = 1.9
_RATING_STEPS_J: Final = np.array([-3.0, -1.5, 0.0, 1.6])
#: Those who intend to buy do it by the logistic of this level, less for what is dear, and more in the sale.
_BUY_LEVEL: Final = 0.0
_BUY_PRICE: Final = -0.8
_BUY_SALE: Final = 2.2


@dataclass(frozen=True, slots=True)
class Chances:
    """What is true of each event before anything is drawn. Likes, times and ratings are those of the clicked."""

    curious_E: Floats  # clicks whether or not to buy
    intent_E: Floats  # clicks to buy
    buy_E: Floats  # of those who intend to
    like_E: Floats
    log_watch_E: Floats  # mean of the logarithm of minutes
    rating_EJ: Floats


def chances(batch: Impressions, calendar: Calendar, catalogue: Catalogue, tastes: Tastes) -> Chances:
    """The chances of a batch."""
    time_s, user_E, item_E = batch.time_s_E, batch.user_E, batch.item_E
    is_weekend_E = calendar.is_weekend(time_s)
    score_ET = tastes.scores(catalogue.segment_U[user_E], user_E, item_E, calendar.moved(time_s), is_weekend_E)
    device_E, position_E = batch.device_E, batch.position_E
    seen_E = np.where(calendar.has_new_ranking(time_s), _CLICK_GRID[position_E], _CLICK_LIST[position_E])
    above_usual_E = catalogue.log_price_I[item_E] - 2.5
    sale_E = np.where(calendar.has_new_prices(time_s), _BUY_SALE, 0.0)
    is_new_E = catalogue.category_I[item_E] == NEW_CATEGORY
    click_E, like_E, watch_E = (
        np.where(is_weekend_E, weekend, 0.0) + np.where(is_new_E, of_new, 0.0)
        for weekend, of_new in zip(_WEEKEND, _NEW_CATEGORY, strict=True)
    )
    click_E = click_E + seen_E + _CLICK_DEVICE[device_E]
    steps_EJ = logistic(_RATING_STEPS_J - _RATING_SLOPE * score_ET[:, RATING, None])
    return Chances(
        curious_E=logistic(CURIOUS_LEVEL + CURIOUS_SLOPE * score_ET[:, CLICK] + click_E),
        intent_E=logistic(INTENT_LEVEL + INTENT_SLOPE * score_ET[:, PURCHASE]),
        buy_E=logistic(_BUY_LEVEL + _BUY_PRICE * above_usual_E + sale_E + _BUY_DEVICE[device_E]),
        like_E=logistic(_LIKE_LEVEL + _LIKE_SLOPE * score_ET[:, LIKE] + like_E),
        log_watch_E=_WATCH_LEVEL + _WATCH_SLOPE * score_ET[:, WATCH] + watch_E + _WATCH_DEVICE[device_E],
        rating_EJ=np.diff(steps_EJ, axis=1, prepend=0.0, append=1.0),
    )


def best_outputs(chances: Chances, told_purchases: float) -> Floats:
    """The best possible published outputs of all tasks, `(E, O)`; a purchase that is never told counts as none."""
    best_EO = np.empty((len(chances.buy_E), N_OUTPUTS))
    best_EO[:, 0] = 1.0 - (1.0 - chances.curious_E) * (1.0 - chances.intent_E)
    best_EO[:, 1] = chances.like_E
    best_EO[:, 2] = np.exp(chances.log_watch_E + WATCH_SPREAD**2 / 2)
    best_EO[:, 3:8] = chances.rating_EJ
    best_EO[:, 8] = chances.intent_E * chances.buy_E * told_purchases
    return best_EO
