"""The recommender world's records as JSON documents.

Shape suffixes: E events of a batch, L messages.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from streammtl_simulators.documents import count_digits, ids, objects, present, seconds
from streammtl_simulators.history import WEEK_MS, Known
from streammtl_simulators.labels import Labels
from streammtl_simulators.recommender.catalogue import CATEGORIES, DEVICES, N_TRAITS, SEGMENTS, Catalogue, titles
from streammtl_simulators.recommender.impressions import Impressions
from streammtl_simulators.recommender.tastes import CLICK, LIKE, PURCHASE, RATING, WATCH


class Event(msgspec.Struct, gc=False):
    """An impression as the shop sees it. NaN is written as null."""

    record: str
    id: str
    time: float
    user: str
    segment: str
    item: str
    category: str
    title: str
    embedding: msgspec.Raw
    price: float
    position: int
    device: str
    shown_24h: int
    clicks_24h: int
    shown_7d: int
    click_rate_7d: float
    since_last_s: float


class Label(msgspec.Struct, gc=False):
    """What became known of an event."""

    record: str
    id: str
    time: float
    click: int | UnsetType = UNSET
    like: int | UnsetType = UNSET
    watch_min: float | UnsetType = UNSET
    rating: str | UnsetType = UNSET
    purchase: int | UnsetType = UNSET


#: The recommended features, by the fields of `Event`.
FEATURES: Final[dict[str, Any]] = {
    "clock": "time",
    "user": {"kind": "categorical", "table_size": 8192},
    "segment": "categorical",
    "item": {"kind": "categorical", "table_size": 8192},
    "category": "categorical",
    "title": {"kind": "text", "dimensions": 32, "max_n": 1},
    "embedding": {"kind": "vector", "length": N_TRAITS},
    "price": {"kind": "numeric", "transform": "log1p_signed"},
    "position": "categorical",
    "device": "categorical",
    "shown_24h": {"kind": "numeric", "transform": "log1p_signed"},
    "clicks_24h": {"kind": "numeric", "transform": "log1p_signed"},
    "shown_7d": {"kind": "numeric", "transform": "log1p_signed"},
    "click_rate_7d": "numeric",
    "since_last_s": {"kind": "numeric", "transform": "log1p_signed"},
}

_FLAGS: Final = objects([0, 1, UNSET])
_RATINGS: Final = objects(["1", "2", "3", "4", "5", UNSET])


class Writer:
    """Makes documents of batches."""

    def __init__(self, catalogue: Catalogue, n_events: int) -> None:
        self._catalogue = catalogue
        self._n_digits = count_digits(n_events)
        self._users = objects([f"u{user:05d}" for user in range(catalogue.n_users)])
        self._items = objects([f"i{item:05d}" for item in range(catalogue.n_items)])
        self._segments = objects(SEGMENTS).take(catalogue.segment_U)  # by user
        self._categories = objects(CATEGORIES).take(catalogue.category_I)  # by item
        self._titles, self._devices = objects(titles(catalogue)), objects(DEVICES)
        # An item's embedding never changes: encoded once.
        vectors = [msgspec.Raw(msgspec.json.encode(vector)) for vector in catalogue.vector_ID.tolist()]
        self._embeddings = np.empty(catalogue.n_items, dtype=object)
        self._embeddings[:] = vectors

    def events(self, batch: Impressions, known: Known) -> list[Event]:
        """The events of a batch."""
        user, item, n = batch.user_E, batch.item_E, len(batch)
        shown = known.count_7d_E
        rate = np.where(shown > 0, np.round(known.amount_7d_E / np.maximum(shown, 1), 4), np.nan)
        # A week back as all of the history: what is complete from the first event on stays as it is.
        is_recent = (known.since_last_ms_E >= 0) & (known.since_last_ms_E <= WEEK_MS)
        since_s = np.where(is_recent, known.since_last_ms_E / 1000.0, np.nan)
        columns = [
            ["event"] * n,
            ids(batch.number_E, self._n_digits),
            seconds(batch.ms_E),
            self._users.take(user).tolist(),
            self._segments.take(user).tolist(),
            self._items.take(item).tolist(),
            self._categories.take(item).tolist(),
            self._titles.take(item).tolist(),
            self._embeddings.take(item).tolist(),
            batch.price_E.tolist(),
            batch.position_E.tolist(),
            self._devices.take(batch.device_E).tolist(),
            known.count_24h_E.tolist(),
            known.amount_24h_E.tolist(),
            shown.tolist(),
            rate.tolist(),
            since_s.tolist(),
        ]
        return list(map(Event, *columns))

    def labels(self, labels: Labels) -> list[Label]:
        """Messages with labels."""
        label_LT = labels.value_LT
        flags_LT = np.where(np.isnan(label_LT), 2.0, label_LT).astype(np.int64)
        rating_L = np.where(np.isnan(label_LT[:, RATING]), 6.0, label_LT[:, RATING]).astype(np.int64) - 1
        columns = [
            ["label"] * len(labels),
            ids(labels.number_L, self._n_digits),
            seconds(labels.ms_L),
            _FLAGS.take(flags_LT[:, CLICK]).tolist(),
            _FLAGS.take(flags_LT[:, LIKE]).tolist(),
            present(label_LT[:, WATCH]),
            _RATINGS.take(rating_L).tolist(),
            _FLAGS.take(flags_LT[:, PURCHASE]).tolist(),
        ]
        return list(map(Label, *columns))
