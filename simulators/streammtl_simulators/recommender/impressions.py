"""The impressions of the recommender world: who is shown what, where and on which device.

Drawn without regard to what users do with them: so the probabilities of that are known exactly (see `concept`).

Shape suffixes: E impressions of a batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from streammtl.seeds import named_rng
from streammtl.types import Floats, Ints
from streammtl_simulators.arrivals import Arrivals
from streammtl_simulators.recommender.calendar import DAY_S, WARM_UP_DAYS, Calendar
from streammtl_simulators.recommender.catalogue import N_DEVICES, Catalogue

#: Impressions of a batch: large enough to spread the cost of numpy's calls, small enough to stay in the cache.
BATCH: Final = 4096
#: Share of impressions that go to the user of the impression just before.
_STAY_SHARE: Final = 0.4

N_POSITIONS: Final = 10
#: How often each position is shown, as a list from top to bottom and, after the ranking has changed, as two rows.
_POSITION_STEPS: Final = np.cumsum([0.85 ** np.arange(N_POSITIONS), np.ones(N_POSITIONS)], axis=1)
#: How much prices change, as a logarithm: by a third.
PRICE_CHANGE: Final = -0.4


@dataclass(frozen=True, slots=True)
class Impressions:
    """A batch of impressions in the order of their times. `number_E` is -1 for those that are not of the stream."""

    number_E: Ints
    ms_E: Ints  # since the start
    user_E: Ints
    item_E: Ints
    position_E: Ints
    device_E: Ints
    price_E: Floats

    @property
    def time_s_E(self) -> Floats:
        """Seconds since the start."""
        return self.ms_E / 1000.0

    def __len__(self) -> int:
        return len(self.ms_E)


def impressions(seed: int, events: int, calendar: Calendar, catalogue: Catalogue) -> Iterator[Impressions]:
    """The days before the start and the events of the stream, in batches that never mix them."""
    times = Arrivals(named_rng(seed, "recommender", "before", "times"), calendar, start_s=-WARM_UP_DAYS * DAY_S)
    showing = _Showing(seed, "before", catalogue, calendar)
    while times.work < 0.0:
        ms = times.draw(BATCH)
        ms = ms[ms < 0]  # a Poisson process has no memory: it may begin anew at the start
        if len(ms):
            yield showing.batch(-1, ms)
    showing = _Showing(seed, "stream", catalogue, calendar)
    for first, ms in _stream_times(seed, events, calendar):
        yield showing.batch(first, ms)


def event_times_s(seed: int, events: int, calendar: Calendar) -> Floats:
    """Times of all events of the stream, in seconds since the start."""
    return np.concatenate([ms for _, ms in _stream_times(seed, events, calendar)]) / 1000.0


def _stream_times(seed: int, events: int, calendar: Calendar) -> Iterator[tuple[int, Ints]]:
    times = Arrivals(named_rng(seed, "recommender", "stream", "times"), calendar, start_s=0.0)
    for first in range(0, events, BATCH):
        yield first, times.draw(min(BATCH, events - first))


class _Showing:
    """Draws batch after batch."""

    def __init__(self, seed: int, part: str, catalogue: Catalogue, calendar: Calendar) -> None:
        self._catalogue, self._calendar = catalogue, calendar
        self._rng = named_rng(seed, "recommender", part, "impressions")
        self._price_I = np.exp(catalogue.log_price_I)
        self._last_user = 0

    def batch(self, first: int, ms: Ints) -> Impressions:
        """The impressions at the next times, numbered from `first` on (-1: not numbered)."""
        catalogue, n = self._catalogue, len(ms)
        time_s = ms / 1000.0
        uniform = self._rng.random((5, n))
        releases = self._calendar.releases(time_s)
        item = np.searchsorted(catalogue.item_steps, releases + uniform[2], side="right")
        item -= releases * catalogue.n_items
        hour = np.floor(np.mod(time_s, DAY_S) / 3600.0).astype(np.int64)
        device = np.searchsorted(catalogue.device_steps, hour + uniform[3], side="right") - hour * N_DEVICES
        position = np.where(
            self._calendar.has_new_ranking(time_s),
            *(np.searchsorted(steps / steps[-1], uniform[4], side="right") for steps in _POSITION_STEPS[::-1]),
        )
        level = np.where(self._calendar.has_new_prices(time_s), np.exp(PRICE_CHANGE), 1.0)
        return Impressions(
            number_E=np.full(n, -1) if first < 0 else np.arange(first, first + n),
            ms_E=ms,
            user_E=self._users(uniform[0], uniform[1]),
            item_E=item,
            position_E=position,
            device_E=device,
            price_E=np.round(self._price_I[item] * level, 2),
        )

    def _users(self, uniform_E: Floats, stay_E: Floats) -> Ints:
        """Users by their activity, or the user of the impression before."""
        user_E = np.searchsorted(self._catalogue.activity_steps_U, uniform_E, side="right")
        source_E = np.maximum.accumulate(np.where(stay_E < _STAY_SHARE, -1, np.arange(len(user_E))))
        user_E = np.where(source_E < 0, self._last_user, user_E[source_E])
        self._last_user = int(user_E[-1])
        return user_E
