"""The purchases of the fraud world: who buys what, where and how. Drawn without regard to fraud.

Whether a purchase is a fraud is drawn afterwards from a probability that depends only on what is visible in it (see
`concept`): so that probability is known exactly.

Shape suffixes: E purchases of a batch, C cards, D days, V numbers of a device.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from streammtl.seeds import named_rng
from streammtl.types import Bools, Floats, Ints
from streammtl_simulators.arrivals import Arrivals
from streammtl_simulators.fraud.calendar import DAY_S, WARM_UP_DAYS, Calendar
from streammtl_simulators.fraud.cast import (
    AMOUNT_SPREAD,
    CATEGORIES,
    COUNTRIES,
    ONLINE,
    USUAL_LOG_AMOUNT_K,
    Cast,
)

#: Purchases of a batch: large enough to spread the cost of numpy's calls, small enough to stay in the cache.
BATCH: Final = 4096

#: Share of purchases made by the card of the purchase just before: sprees within minutes.
SPREE_SHARE: Final = 0.06
#: A card leaves on a journey at a midnight with this probability, and comes back with that one.
LEAVE_SHARE: Final = 0.02
RETURN_SHARE: Final = 0.2
#: How much more is paid per purchase on a journey.
AWAY_PRICE: Final = 1.5

MODIFIERS: Final = ("", "express", "gift", "deposit", "monthly", "renewal")
EXPRESS, GIFT, DEPOSIT = 1, 2, 3
_MODIFIER_STEPS: Final = np.cumsum([0.6, 0.1, 0.06, 0.08, 0.1, 0.06])
_NOUNS: Final = {
    "grocery": ("market", "organic", "bakery", "discount"),
    "fuel": ("station", "diesel", "charging", "carwash"),
    "restaurant": ("pizza", "bistro", "coffee", "sushi"),
    "pharmacy": ("pharmacy", "drugstore", "optics", "vitamins"),
    "clothing": ("fashion", "shoes", "outlet", "sports"),
    "electronics": ("phone", "laptop", "camera", "audio"),
    "jewelry": ("watch", "gold", "ring", "pearls"),
    "gift_cards": ("voucher", "prepaid", "giftcard", "credit"),
    "travel": ("flight", "hotel", "rail", "rental"),
    "transfer": ("withdrawal", "wallet", "remittance", "topup"),
    "gaming": ("coins", "casino", "skins", "poker"),
    "subscription": ("music", "video", "news", "cloud"),
}
N_NOUNS: Final = 4
#: The text of a purchase by (category, noun, modifier).
DESCRIPTORS: Final = tuple(
    f"{noun} {modifier}".rstrip() for category in CATEGORIES for noun in _NOUNS[category] for modifier in MODIFIERS
)


@dataclass(frozen=True, slots=True)
class Purchases:
    """A batch of purchases in the order of their times. `number_E` is -1 for those that are not part of the stream."""

    number_E: Ints
    ms_E: Ints  # since the start
    card_E: Ints
    category_E: Ints  # what the merchant really sells
    merchant_E: Ints
    channel_E: Ints
    country_E: Ints
    is_away_E: Bools
    cents_E: Ints
    distance_km_E: Floats
    is_new_device_E: Bools
    device_EV: Floats
    modifier_E: Ints
    descriptor_E: Ints

    @property
    def time_s_E(self) -> Floats:
        """Seconds since the start."""
        return self.ms_E / 1000.0

    @property
    def is_digital_E(self) -> Bools:
        """True for purchases with a device instead of a card."""
        return self.channel_E >= ONLINE

    def __len__(self) -> int:
        return len(self.ms_E)


def purchases(seed: int, events: int, calendar: Calendar, cast: Cast) -> Iterator[Purchases]:
    """The days before the start, the events of the stream, and the day after it, in batches that never mix them."""
    journeys = _Journeys(seed, cast)
    times = Arrivals(named_rng(seed, "fraud", "before", "times"), calendar, start_s=-WARM_UP_DAYS * DAY_S)
    shopping = _Shopping(seed, "before", cast, calendar, journeys)
    while times.work < 0.0:
        ms = times.draw(BATCH)
        ms = ms[ms < 0]  # a Poisson process has no memory: it may begin anew at the start
        if len(ms):
            yield shopping.batch(-1, ms)
    times = Arrivals(named_rng(seed, "fraud", "stream", "times"), calendar, start_s=0.0)
    shopping = _Shopping(seed, "stream", cast, calendar, journeys)
    end_ms = 0
    for first in range(0, events, BATCH):
        ms = times.draw(min(BATCH, events - first))
        end_ms = int(ms[-1])
        yield shopping.batch(first, ms)
    now_ms = end_ms
    while now_ms <= end_ms + int(DAY_S * 1000):
        ms = times.draw(BATCH)
        now_ms = int(ms[-1])
        yield shopping.batch(-1, ms)


def event_times_s(seed: int, events: int, calendar: Calendar) -> Floats:
    """Times of all events of the stream, in seconds since the start."""
    times = Arrivals(named_rng(seed, "fraud", "stream", "times"), calendar, start_s=0.0)
    ms = [times.draw(min(BATCH, events - first)) for first in range(0, events, BATCH)]
    return np.concatenate(ms) / 1000.0


class _Shopping:
    """Draws batch after batch."""

    def __init__(self, seed: int, part: str, cast: Cast, calendar: Calendar, journeys: _Journeys) -> None:
        self._cast, self._calendar, self._journeys = cast, calendar, journeys
        self._rng = named_rng(seed, "fraud", part, "purchases")
        self._last_card = 0

    def batch(self, first: int, ms: Ints) -> Purchases:
        """The purchases at the next times, numbered from `first` on (-1: not numbered)."""
        cast, rng, n = self._cast, self._rng, len(ms)
        time_s = ms / 1000.0
        uniform = rng.random((8, n))
        normal = rng.standard_normal((6, n))

        card = self._cards(uniform[0], uniform[1])
        category = np.searchsorted(cast.category_steps, cast.segment_C[card] + uniform[2], side="right")
        category -= cast.segment_C[card] * len(CATEGORIES)
        merchant = cast.merchant_order_M[np.searchsorted(cast.merchant_steps, category + uniform[3], side="right")]
        channel = np.searchsorted(cast.channel_steps, category + uniform[4], side="right") - category * 5
        is_digital = channel >= ONLINE
        is_away, away_country, away_km = self._journeys.at(time_s, card)

        log_amount = USUAL_LOG_AMOUNT_K[category] + cast.level_C[card] + AMOUNT_SPREAD * normal[0]
        amount = np.exp(log_amount) * self._calendar.price(time_s) * np.where(is_away, AWAY_PRICE, 1.0)
        cents = np.clip(np.round(amount * 100.0), 50, 3_000_000).astype(np.int64)

        is_new_device = is_digital & (uniform[5] < np.where(is_away, 0.15, 0.06))
        own = cast.device_CV[card] + 0.3 * normal[2:].T
        device = np.where(is_new_device[:, None], 1.2 * normal[2:].T, own)
        modifier = np.minimum(np.searchsorted(_MODIFIER_STEPS, uniform[6], side="right"), len(MODIFIERS) - 1)
        noun = np.minimum((uniform[7] * N_NOUNS).astype(np.int64), N_NOUNS - 1)
        return Purchases(
            number_E=np.full(n, -1) if first < 0 else np.arange(first, first + n),
            ms_E=ms,
            card_E=card,
            category_E=category,
            merchant_E=merchant,
            channel_E=channel,
            country_E=np.where(
                is_digital, cast.country_M[merchant], np.where(is_away, away_country, cast.home_C[card])
            ),
            is_away_E=is_away,
            cents_E=cents,
            distance_km_E=_distances(normal[1], rng.random(n), is_digital, is_away, away_km),
            is_new_device_E=is_new_device,
            device_EV=device,
            modifier_E=modifier,
            descriptor_E=(category * N_NOUNS + noun) * len(MODIFIERS) + modifier,
        )

    def _cards(self, uniform_E: Floats, spree_E: Floats) -> Ints:
        """Cards by their activity; in a spree the card of the purchase before."""
        card_E = np.searchsorted(self._cast.activity_steps_C, uniform_E, side="right")
        source_E = np.where(spree_E < SPREE_SHARE, -1, np.arange(len(card_E)))
        source_E = np.maximum.accumulate(source_E)
        card_E = np.where(source_E < 0, self._last_card, card_E[source_E])
        self._last_card = int(card_E[-1])
        return card_E


def _distances(normal_E: Floats, uniform_E: Floats, is_digital_E: Bools, is_away_E: Bools, away_km_E: Floats) -> Floats:
    """Kilometres from home of the shop or of the device: mostly near, a few percent on trips or behind relays."""
    near_E = np.exp(1.3 + 0.9 * normal_E)
    relay_E = np.exp(6.5 + 0.8 * normal_E)
    outing_E = np.exp(4.6 + 0.8 * normal_E)
    usual_E = np.where(is_away_E, away_km_E * np.exp(0.05 * normal_E), near_E)
    return np.where(uniform_E < 0.05, np.where(is_digital_E, relay_E, outing_E), usual_E)


class _Journeys:
    """Which cards are on a journey: a chain that moves at midnight, one step per day."""

    def __init__(self, seed: int, cast: Cast) -> None:
        self._rng = named_rng(seed, "fraud", "journeys")
        n = len(cast.home_C)
        self._is_away_C = self._rng.random(n) < LEAVE_SHARE / (LEAVE_SHARE + RETURN_SHARE)
        self._country_C = self._rng.integers(0, len(COUNTRIES), n)
        self._km_C = np.exp(6.5 + 0.7 * self._rng.standard_normal(n))
        self._days: dict[int, tuple[Bools, Ints, Floats]] = {}
        self._next_day = -WARM_UP_DAYS - 1

    def at(self, time_s_E: Floats, card_E: Ints) -> tuple[Bools, Ints, Floats]:
        """Away or not, and the country and distance of the card's latest journey. Times never go back."""
        day_E = np.floor(time_s_E / DAY_S).astype(np.int64)
        first, last = int(day_E[0]), int(day_E[-1])
        for day in [day for day in self._days if day < first]:
            del self._days[day]
        while self._next_day <= last:
            self._step()
            if self._next_day > first:
                self._days[self._next_day - 1] = (self._is_away_C, self._country_C, self._km_C)
        rows = [self._days[day] for day in range(first, last + 1)]
        away_DC, country_DC, km_DC = (np.stack(column) for column in zip(*rows, strict=True))
        place = (day_E - first, card_E)
        return away_DC[place], country_DC[place], km_DC[place]

    def _step(self) -> None:
        n = len(self._is_away_C)
        uniform = self._rng.random((2, n))
        km = np.exp(6.5 + 0.7 * self._rng.standard_normal(n))
        leaves = ~self._is_away_C & (uniform[0] < LEAVE_SHARE)
        stays = self._is_away_C & (uniform[0] >= RETURN_SHARE)
        self._country_C = np.where(leaves, (uniform[1] * len(COUNTRIES)).astype(np.int64), self._country_C)
        self._km_C = np.where(leaves, km, self._km_C)
        self._is_away_C = leaves | stays
        self._next_day += 1
