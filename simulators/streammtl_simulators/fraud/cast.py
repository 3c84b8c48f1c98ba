"""Who takes part in the fraud world: cards, their customers, merchants. Drawn once; nothing of it changes.

Shape suffixes: C cards, M merchants, K categories, S segments, A places of a purchase (channels).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from streammtl.seeds import named_rng
from streammtl.types import Floats, Ints
from streammtl_simulators.choices import steps

COUNTRIES: Final = ("DE", "FR", "IT", "ES", "NL", "PL", "GB", "US", "TR", "BR", "NG", "CN")
_HOME_WEIGHTS: Final = np.array([30, 18, 14, 12, 8, 8, 6, 4, 0, 0, 0, 0], dtype=np.float64)

CHANNELS: Final = ("chip", "contactless", "atm", "online", "app")
CHIP, CONTACTLESS, ATM, ONLINE, APP = range(5)

CATEGORIES: Final = (
    "grocery", "fuel", "restaurant", "pharmacy", "clothing", "electronics",
    "jewelry", "gift_cards", "travel", "transfer", "gaming", "subscription",
)  # fmt: skip
N_CATEGORIES: Final = len(CATEGORIES)
ELECTRONICS, JEWELRY, GIFT_CARDS, TRANSFER, GAMING = 5, 6, 7, 9, 10
CODES: Final = ("5411", "5541", "5812", "5912", "5651", "5732", "5944", "5947", "4722", "4829", "7994", "5968")

#: Log of a usual amount by category (about 20 to 200 in the currency of the world).
USUAL_LOG_AMOUNT_K: Final = np.array([3.3, 3.7, 3.2, 3.0, 3.9, 4.6, 5.0, 3.8, 4.9, 4.4, 3.0, 2.7])
#: Shares of the channels by category.
_CHANNEL_SHARES_KA: Final = np.array([
    [30, 60, 0, 3, 7], [60, 35, 0, 0, 5], [25, 60, 0, 3, 12], [30, 55, 0, 10, 5], [30, 25, 0, 25, 20],
    [20, 5, 0, 50, 25], [45, 5, 0, 35, 15], [10, 10, 0, 50, 30], [5, 0, 0, 60, 35], [0, 0, 45, 25, 30],
    [0, 0, 0, 40, 60], [0, 0, 0, 60, 40],
], dtype=np.float64)  # fmt: skip
#: Shares of the categories by segment of customers: students, families, business people, seniors.
_CATEGORY_SHARES_SK: Final = np.array([
    [20, 3, 20, 4, 9, 6, 1, 3, 3, 8, 14, 9],
    [34, 12, 9, 8, 9, 5, 1, 3, 3, 6, 4, 6],
    [12, 12, 22, 3, 5, 7, 3, 3, 16, 8, 2, 7],
    [36, 9, 9, 18, 5, 3, 2, 3, 3, 9, 1, 2],
], dtype=np.float64)  # fmt: skip
_SEGMENT_LEVEL_S: Final = np.array([-0.5, 0.0, 0.6, -0.1])

#: Spread (of the log) of an amount about what is usual for its card and category.
AMOUNT_SPREAD: Final = 0.6
_ACTIVITY_SPREAD: Final = 0.8  # of the log of how often a card is used
_LEVEL_SPREAD: Final = 0.5  # of the log of how much a card pays
_COLLUDING_SHARE: Final = 0.05
_RENUMBERED_SHARE: Final = 0.5
_CODE_SHIFT: Final = 5  # a renumbered merchant carries the code of the category five places on


@dataclass(frozen=True, slots=True)
class Cast:
    """Cards, customers and merchants."""

    customer_C: Ints
    segment_C: Ints
    home_C: Ints  # country
    activity_C: Floats  # share of all purchases; sums to 1
    level_C: Floats  # log of the card's amounts relative to what is usual
    opened_day_C: Floats  # day on which the account was opened; negative
    device_CV: Floats  # the card's own device, 4 numbers
    mean_amount_C: Floats  # expected amount of a purchase at home at price level 1
    category_M: Ints
    country_M: Ints
    is_colluding_M: Floats
    code_before_M: Ints
    code_after_M: Ints
    activity_steps_C: Floats  # cumulative, for drawing a card
    category_steps: Floats  # cumulative per segment plus the segment's number, for drawing a category
    merchant_order_M: Ints  # merchants by category
    merchant_steps: Floats  # cumulative per category plus the category's number, in that order
    channel_steps: Floats  # cumulative per category plus the category's number


def draw_cast(seed: int, n_cards: int, n_merchants: int) -> Cast:
    """The cast of a seed."""
    rng = named_rng(seed, "fraud", "cards")
    n_customers = max(1, (n_cards * 3) // 4)
    # Every customer has a card; the remaining cards are second ones.
    second = rng.integers(0, n_customers, n_cards - n_customers)
    customer_C = np.concatenate([np.arange(n_customers), second])
    segment_C = rng.choice(4, n_customers, p=[0.2, 0.4, 0.2, 0.2])[customer_C]
    home_C = rng.choice(len(COUNTRIES), n_customers, p=_HOME_WEIGHTS / _HOME_WEIGHTS.sum())[customer_C]
    activity_C = np.exp(_ACTIVITY_SPREAD * rng.standard_normal(n_cards))
    activity_C /= activity_C.sum()
    level_C = _SEGMENT_LEVEL_S[segment_C] + _LEVEL_SPREAD * rng.standard_normal(n_cards)
    category_shares_SK = _CATEGORY_SHARES_SK / _CATEGORY_SHARES_SK.sum(axis=1, keepdims=True)
    usual_S = category_shares_SK @ np.exp(USUAL_LOG_AMOUNT_K + AMOUNT_SPREAD**2 / 2)
    opened_day_C = -5.0 - rng.exponential(500.0, n_cards)
    device_CV = rng.standard_normal((n_cards, 4))

    rng = named_rng(seed, "fraud", "merchants")
    category_M = np.arange(n_merchants) % N_CATEGORIES  # every category has a merchant
    popularity_M = np.exp(0.8 * rng.standard_normal(n_merchants))
    country_M = rng.choice(len(COUNTRIES), n_merchants, p=np.array([25, 12, 9, 7, 8, 5, 8, 12, 3, 3, 2, 6]) / 100)
    is_colluding_M = (rng.permutation(n_merchants) < _COLLUDING_SHARE * n_merchants).astype(np.float64)
    is_renumbered_M = rng.random(n_merchants) < _RENUMBERED_SHARE
    merchant_order_M = np.argsort(category_M, kind="stable")
    return Cast(
        customer_C=customer_C,
        segment_C=segment_C,
        home_C=home_C,
        activity_C=activity_C,
        level_C=level_C,
        opened_day_C=opened_day_C,
        device_CV=device_CV,
        mean_amount_C=usual_S[segment_C] * np.exp(level_C),
        category_M=category_M,
        country_M=country_M,
        is_colluding_M=is_colluding_M,
        code_before_M=category_M,
        code_after_M=np.where(is_renumbered_M, (category_M + _CODE_SHIFT) % N_CATEGORIES, category_M),
        activity_steps_C=steps(activity_C[None, :]),
        category_steps=steps(category_shares_SK),
        merchant_order_M=merchant_order_M,
        merchant_steps=_merchant_steps(category_M[merchant_order_M], popularity_M[merchant_order_M]),
        channel_steps=steps(_CHANNEL_SHARES_KA),
    )


def _merchant_steps(category_M: Ints, popularity_M: Floats) -> Floats:
    """As `steps`, of merchants that are sorted by category."""
    of_category: list[Floats] = [
        steps(popularity_M[None, category_M == category]) + category for category in range(N_CATEGORIES)
    ]
    return np.concatenate(of_category)
