"""The fraud world's records as JSON documents.

Shape suffixes: E events of a batch, L labels, C cards, M merchants.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from streammtl.types import Floats, Ints
from streammtl_simulators.documents import count_digits, ids, objects, present, seconds
from streammtl_simulators.fraud.calendar import Calendar
from streammtl_simulators.fraud.cast import CHANNELS, CODES, COUNTRIES, Cast
from streammtl_simulators.fraud.concept import KINDS, account_age_days
from streammtl_simulators.fraud.labels import Labels, Truth
from streammtl_simulators.fraud.purchases import DESCRIPTORS, Purchases
from streammtl_simulators.history import Known


class Event(msgspec.Struct, gc=False):
    """A purchase as the bank sees it. NaN and None are written as null."""

    record: str
    id: str
    time: float
    card: str
    customer: str
    merchant: str
    category: str
    country: str
    channel: str
    amount: float
    distance_km: float
    is_new_device: bool
    count_24h: int
    mean_24h: float
    count_7d: int
    mean_7d: float
    since_last_s: float
    account_age_days: int
    device: list[float] | None
    descriptor: str
    is_fraud: int | UnsetType = UNSET
    fraud_kind: str | UnsetType = UNSET
    loss_amount: float | UnsetType = UNSET
    next_day_spend: float | UnsetType = UNSET


class Label(msgspec.Struct, gc=False):
    """What became known of an event."""

    record: str
    id: str
    time: float
    is_fraud: int | UnsetType = UNSET
    fraud_kind: str | UnsetType = UNSET
    loss_amount: float | UnsetType = UNSET
    next_day_spend: float | UnsetType = UNSET


#: The recommended features, by the fields of `Event`. Money, distances and times spread over powers of ten.
FEATURES: Final[dict[str, Any]] = {
    "clock": "time",
    "card": {"kind": "categorical", "table_size": 4096},
    "customer": {"kind": "categorical", "table_size": 4096},
    "merchant": {"kind": "categorical", "table_size": 2048},
    "category": "categorical",
    "country": "categorical",
    "channel": "categorical",
    "amount": {"kind": "numeric", "transform": "log1p_signed"},
    "distance_km": {"kind": "numeric", "transform": "log1p_signed"},
    "is_new_device": "boolean",
    "count_24h": {"kind": "numeric", "transform": "log1p_signed"},
    "mean_24h": {"kind": "numeric", "transform": "log1p_signed"},
    "count_7d": {"kind": "numeric", "transform": "log1p_signed"},
    "mean_7d": {"kind": "numeric", "transform": "log1p_signed"},
    "since_last_s": {"kind": "numeric", "transform": "log1p_signed"},
    "account_age_days": {"kind": "numeric", "transform": "log1p_signed"},
    "device": {"kind": "vector", "length": 4},
    "descriptor": {"kind": "text", "dimensions": 32},
}

_FRAUD_LABELS: Final = np.array([0, 1, UNSET], dtype=object)
_KIND_LABELS: Final = np.array([*KINDS, UNSET], dtype=object)


class Writer:
    """Encodes batches."""

    def __init__(self, cast: Cast, calendar: Calendar, n_events: int) -> None:
        self._cast, self._calendar = cast, calendar
        self._n_digits = count_digits(n_events)
        n_cards, n_merchants = len(cast.customer_C), len(cast.category_M)
        self._cards = objects([f"c{card:05d}" for card in range(n_cards)])
        self._customers = objects([f"u{customer:05d}" for customer in cast.customer_C.tolist()])  # by card
        self._merchants = objects([f"m{merchant:04d}" for merchant in range(n_merchants)])
        self._codes, self._channels = objects(CODES), objects(CHANNELS)
        self._countries, self._descriptors = objects(COUNTRIES), objects(DESCRIPTORS)

    def events(self, batch: Purchases, known: Known) -> list[Event]:
        """The events of a batch, without labels."""
        card, merchant, n = batch.card_E, batch.merchant_E, len(batch)
        code = np.where(
            self._calendar.codes_changed(batch.time_s_E),
            self._cast.code_after_M[merchant],
            self._cast.code_before_M[merchant],
        )
        device = np.round(batch.device_EV, 3).tolist()
        for row in np.flatnonzero(~batch.is_digital_E).tolist():
            device[row] = None
        since_s = np.where(known.since_last_ms_E < 0, np.nan, known.since_last_ms_E / 1000.0)
        columns = [
            ["event"] * n,
            ids(batch.number_E, self._n_digits),
            seconds(batch.ms_E),
            self._cards.take(card).tolist(),
            self._customers.take(card).tolist(),
            self._merchants.take(merchant).tolist(),
            self._codes.take(code).tolist(),
            self._countries.take(batch.country_E).tolist(),
            self._channels.take(batch.channel_E).tolist(),
            (batch.cents_E / 100.0).tolist(),
            np.round(batch.distance_km_E, 1).tolist(),
            batch.is_new_device_E.tolist(),
            known.count_24h_E.tolist(),
            _means(known.amount_24h_E, known.count_24h_E),
            known.count_7d_E.tolist(),
            _means(known.amount_7d_E, known.count_7d_E),
            since_s.tolist(),
            account_age_days(batch, self._cast).astype(np.int64).tolist(),
            device,
            self._descriptors.take(batch.descriptor_E).tolist(),
        ]
        return list(map(Event, *columns))

    def labels(self, labels: Labels) -> list[Label]:
        """Messages with labels."""
        columns = [
            ["label"] * len(labels),
            ids(labels.number_L, self._n_digits),
            seconds(labels.ms_L),
            _FRAUD_LABELS.take(labels.fraud_L).tolist(),
            _KIND_LABELS.take(labels.kind_L).tolist(),
            present(labels.loss_L),
            present(labels.spend_L),
        ]
        return list(map(Label, *columns))


def add_labels(events: list[Event], truth: Truth, spend_E: Floats) -> None:
    """Put the labels of events into the events themselves."""
    is_fraud = np.where(truth.is_investigated_E, truth.kind_E > 0, 2)
    kind = np.where(truth.has_kind_E, truth.kind_E, len(KINDS))
    columns = zip(
        _FRAUD_LABELS.take(is_fraud).tolist(),
        _KIND_LABELS.take(kind).tolist(),
        present(np.where(truth.has_loss_E, truth.loss_E, np.nan)),
        present(np.where(truth.has_spend_E, spend_E, np.nan)),
        strict=True,
    )
    for event, labels in zip(events, columns, strict=True):
        event.is_fraud, event.fraud_kind, event.loss_amount, event.next_day_spend = labels


def _means(cents_E: Ints, count_E: Ints) -> list[float]:
    """Means to the cent; NaN where there is nothing."""
    mean_E = np.round(cents_E / np.maximum(count_E, 1)) / 100.0
    means: list[float] = np.where(count_E > 0, mean_E, np.nan).tolist()
    return means
