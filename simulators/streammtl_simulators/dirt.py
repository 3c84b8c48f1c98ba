"""Dirty records, on request: what real streams do to a clean one.

Shape suffixes: N records of a batch, E its events, O published columns, D kinds of dirt.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from pydantic import Field, model_validator

from streammtl.component import Settings
from streammtl.seeds import named_rng
from streammtl.types import Ints
from streammtl.worlds.base import WorldRecords


class Dirt(Settings):
    """Shares of events to which something happens; independent of each other.

    Malformed, mistyped and duplicated records come in addition to the event itself, so that no event is lost by them;
    a late event and one with a missing value is the event itself.
    """

    malformed: float = Field(
        default=0.0, ge=0.0, le=0.5, description="Followed by a record that is no JSON: cut off, plain text, bad UTF-8."
    )
    duplicated: float = Field(default=0.0, ge=0.0, le=0.5, description="Arrives once more, up to `late_s` later.")
    late: float = Field(
        default=0.0, ge=0.0, le=0.5, description="Arrives up to `late_s` later than its time, maybe after its label."
    )
    wrong_type: float = Field(
        default=0.0, ge=0.0, le=0.5, description="Preceded by a copy that has a text in place of a number."
    )
    missing: float = Field(default=0.0, ge=0.0, le=0.5, description="One of its features is null.")
    late_s: float = Field(default=3600.0, gt=0.0, description="How late late events and duplicates are at most.")

    @model_validator(mode="after")
    def _check_late_s(self) -> Dirt:
        if self.late_s != 3600.0 and not (self.late or self.duplicated):
            raise ValueError("late_s has no effect without late or duplicated")
        return self

    @property
    def is_any(self) -> bool:
        """True when anything happens at all."""
        return any(getattr(self, name) > 0.0 for name in DIRT_KINDS)


DIRT_KINDS: Final = ("malformed", "duplicated", "late", "wrong_type", "missing")


@dataclass(frozen=True, slots=True)
class Timed:
    """A batch with the time at which each record arrives, which never decreases, in milliseconds."""

    records: WorldRecords
    arrival_ms_N: Ints


def spoil(
    batches: Iterable[Timed], dirt: Dirt, seed: int, nullable: tuple[str, ...], number: str, counts: dict[str, int]
) -> Iterator[WorldRecords]:
    """The batches with dirt; `counts` is filled with how often each kind happened.

    `nullable` are the fields of which one becomes null in an event with a missing value, `number` the field that holds
    a text in a mistyped copy.
    """
    spoiler = _Spoiler(dirt, seed, nullable, number, counts)
    waiting: _Outbox | None = None
    for batch in batches:
        outbox = _Outbox(batch)
        spoiler.spoil(batch, outbox)
        if waiting is not None:
            outbox.add_all(waiting)
        sent, waiting = outbox.split(until_ms=int(batch.arrival_ms_N[-1]))
        yield sent
    if waiting is not None and waiting.value:
        yield waiting.split(until_ms=max(waiting.arrival_ms))[0]


class _Outbox:
    """Records with their times of arrival, in columns. `rank` settles the order of equal times."""

    def __init__(self, batch: Timed | None, n_outputs: int = 0) -> None:
        records = WorldRecords([], [], [], np.zeros((0, n_outputs))) if batch is None else batch.records
        self.value, self.key, self.is_label = list(records.value_N), list(records.key_N), list(records.is_label_N)
        self.arrival_ms: list[int] = [] if batch is None else batch.arrival_ms_N.tolist()
        self.rank: list[float] = [float(place) for place in range(len(self.value))]
        #: Row of `best_EO` of an event at its first arrival; -1 for every other record.
        self.row = [-1] * len(self.value)
        for row, place in enumerate(np.flatnonzero(~np.array(self.is_label, dtype=np.bool_)).tolist()):
            self.row[place] = row
        self.best_EO = records.best_EO

    def add(self, value: bytes, key: str, arrival_ms: int, rank: float) -> None:
        """Add a record that is neither a label nor the first of its event."""
        self._add(value, key, False, arrival_ms, rank, -1)

    def add_all(self, earlier: _Outbox) -> None:
        """Add records that were sent before all of these."""
        n, n_best = len(earlier.value), len(self.best_EO)
        for place in range(n):
            row = earlier.row[place]
            row = row + n_best if row >= 0 else -1
            self._add(earlier.value[place], earlier.key[place], earlier.is_label[place],
                      earlier.arrival_ms[place], place - n, row)  # fmt: skip
        self.best_EO = np.concatenate([self.best_EO, earlier.best_EO])

    def split(self, until_ms: int) -> tuple[WorldRecords, _Outbox]:
        """What has arrived, in order, and what has not."""
        arrival = np.array(self.arrival_ms, dtype=np.int64)
        order = np.lexsort((np.array(self.rank), arrival))
        n_due = int(np.searchsorted(arrival[order], until_ms, side="right"))
        due = order[:n_due].tolist()
        events = [place for place in due if self.row[place] >= 0]
        sent = WorldRecords(
            value_N=[self.value[place] for place in due],
            is_label_N=[self.is_label[place] for place in due],
            event_ids=[self.key[place] for place in events],
            best_EO=self.best_EO[[self.row[place] for place in events]].reshape(len(events), self.best_EO.shape[1]),
            key_N=[self.key[place] for place in due],
        )
        rest = _Outbox(None, self.best_EO.shape[1])
        kept: list[int] = []
        for place in order[n_due:].tolist():
            row = self.row[place]
            rest._add(self.value[place], self.key[place], self.is_label[place], self.arrival_ms[place],
                      len(rest.value), -1 if row < 0 else len(kept))  # fmt: skip
            if row >= 0:
                kept.append(row)
        rest.best_EO = self.best_EO[kept].reshape(len(kept), self.best_EO.shape[1])
        return sent, rest

    def _add(self, value: bytes, key: str, is_label: bool, arrival_ms: int, rank: float, row: int) -> None:
        self.value.append(value)
        self.key.append(key)
        self.is_label.append(is_label)
        self.arrival_ms.append(arrival_ms)
        self.rank.append(rank)
        self.row.append(row)


class _Spoiler:
    """Decides what happens to which event. Draws for every event alike: one kind of dirt does not move the others."""

    def __init__(self, dirt: Dirt, seed: int, nullable: tuple[str, ...], number: str, counts: dict[str, int]) -> None:
        self._dirt, self._nullable, self._number, self._counts = dirt, nullable, number, counts
        self._rng = named_rng(seed, "dirt")
        self._late_ms = dirt.late_s * 1000.0
        counts.update(dict.fromkeys(DIRT_KINDS, 0))

    def spoil(self, batch: Timed, outbox: _Outbox) -> None:
        """Change events of the batch in the outbox, and add records to it."""
        is_label_N = np.array(batch.records.is_label_N, dtype=np.bool_)
        places = np.flatnonzero(~is_label_N).tolist()
        shares = [getattr(self._dirt, kind) for kind in DIRT_KINDS]
        happens_ED = self._rng.random((len(places), len(DIRT_KINDS))) < shares
        chances_E4 = self._rng.random((len(places), 4))
        for kind, n in zip(DIRT_KINDS, happens_ED.sum(axis=0).tolist(), strict=True):
            self._counts[kind] += n
        for row in np.flatnonzero(happens_ED.any(axis=1)).tolist():
            self._spoil_event(outbox, places[row], happens_ED[row].tolist(), chances_E4[row].tolist())

    def _spoil_event(self, outbox: _Outbox, place: int, happens: list[bool], chance: list[float]) -> None:
        malformed, duplicated, late, wrong_type, missing = happens
        key, value, arrival_ms = outbox.key[place], outbox.value[place], outbox.arrival_ms[place]
        # Ranks between those of the event and its neighbours: copies come just before it, or just after it.
        if wrong_type:
            outbox.add(_changed(value, self._number, "about 12,50"), key, arrival_ms, place - 0.25)
        if missing:
            value = _changed(value, self._nullable[int(chance[0] * len(self._nullable))], None)
        if late:
            arrival_ms += int(chance[1] * self._late_ms)
        outbox.value[place], outbox.arrival_ms[place] = value, arrival_ms
        if malformed:
            outbox.add(_broken(value, int(chance[2] * 3)), "", arrival_ms, place + 0.25)
        if duplicated:
            outbox.add(value, key, arrival_ms + int(chance[3] * self._late_ms), place + 0.5)


def _changed(value: bytes, field: str, to: Any) -> bytes:
    document = msgspec.json.decode(value)
    document[field] = to
    return msgspec.json.encode(document)


def _broken(value: bytes, how: int) -> bytes:
    if how == 0:
        return value[: len(value) // 2]
    return b"connection reset by peer" if how == 1 else b'{"record":"event","id":"\xff\xfe"}'
