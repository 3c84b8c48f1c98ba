"""Dirty records, on request: what real streams do to a clean one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from pydantic import Field

from streammtl.component import Settings
from streammtl.seeds import named_rng
from streammtl.types import Floats, Ints
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


@dataclass(frozen=True, slots=True)
class _Item:
    """One record on its way."""

    value: bytes
    key: str
    is_label: bool
    best_O: Floats | None  # of an event at its first arrival


def spoil(
    batches: Iterable[Timed], dirt: Dirt, seed: int, nullable: tuple[str, ...], number: str, counts: dict[str, int]
) -> Iterator[WorldRecords]:
    """The batches with dirt; `counts` is filled with how often each kind happened.

    `nullable` are the fields of which one becomes null in an event with a missing value, `number` the field that holds
    a text in a mistyped copy.
    """
    spoiler = _Spoiler(dirt, seed, nullable, number, counts)
    waiting: list[tuple[int, int, _Item]] = []  # (arrival, order of sending, record)
    sent, n_outputs = 0, 0
    for batch in batches:
        n_outputs = batch.records.best_EO.shape[1]
        for arrival_ms, item in spoiler.records_of(batch):
            waiting.append((arrival_ms, sent, item))
            sent += 1
        waiting.sort(key=lambda entry: entry[:2])
        now_ms = int(batch.arrival_ms_N[-1])
        n_due = next((i for i, entry in enumerate(waiting) if entry[0] > now_ms), len(waiting))
        yield _batch([entry[2] for entry in waiting[:n_due]], n_outputs)
        del waiting[:n_due]
    if waiting:
        yield _batch([entry[2] for entry in waiting], n_outputs)


class _Spoiler:
    """Decides what happens to which event. Draws for every event alike: one kind of dirt does not move the others."""

    def __init__(self, dirt: Dirt, seed: int, nullable: tuple[str, ...], number: str, counts: dict[str, int]) -> None:
        self._dirt, self._nullable, self._number, self._counts = dirt, nullable, number, counts
        self._rng = named_rng(seed, "dirt")
        counts.update(dict.fromkeys(DIRT_KINDS, 0))

    def records_of(self, batch: Timed) -> Iterator[tuple[int, _Item]]:
        """Every record of a batch with its time of arrival, and what is added to it."""
        records, row = batch.records, 0
        happens_E = self._rng.random((len(records.event_ids), len(DIRT_KINDS))) < [
            getattr(self._dirt, kind) for kind in DIRT_KINDS
        ]
        chance_E = self._rng.random((len(records.event_ids), 4)).tolist()
        columns = zip(
            records.value_N, records.key_N, records.is_label_N, batch.arrival_ms_N.tolist(), strict=True
        )  # fmt: skip
        for value, key, is_label, arrival_ms in columns:
            if is_label:
                yield arrival_ms, _Item(value, key, True, None)
                continue
            if happens_E[row].any():
                yield from self._spoiled(value, key, arrival_ms, records.best_EO[row], happens_E[row], chance_E[row])
            else:
                yield arrival_ms, _Item(value, key, False, records.best_EO[row])
            row += 1

    def _spoiled(
        self, value: bytes, key: str, arrival_ms: int, best_O: Floats, happens: Any, chance: list[float]
    ) -> Iterator[tuple[int, _Item]]:
        malformed, duplicated, late, wrong_type, missing = happens.tolist()
        for kind, happened in zip(DIRT_KINDS, happens.tolist(), strict=True):
            self._counts[kind] += happened
        late_ms = self._dirt.late_s * 1000.0
        if wrong_type:
            yield arrival_ms, _Item(_changed(value, self._number, "about 12,50"), key, False, None)
        if missing:
            value = _changed(value, self._nullable[int(chance[0] * len(self._nullable))], None)
        arrival_ms += int(chance[1] * late_ms) if late else 0
        yield arrival_ms, _Item(value, key, False, best_O)
        if malformed:
            yield arrival_ms, _Item(_broken(value, int(chance[2] * 3)), "", False, None)
        if duplicated:
            yield arrival_ms + int(chance[3] * late_ms), _Item(value, key, False, None)


def _changed(value: bytes, field: str, to: Any) -> bytes:
    document = msgspec.json.decode(value)
    document[field] = to
    return msgspec.json.encode(document)


def _broken(value: bytes, how: int) -> bytes:
    if how == 0:
        return value[: len(value) // 2]
    return b"connection reset by peer" if how == 1 else b'{"record":"event","id":"\xff\xfe"}'


def _batch(items: list[_Item], n_outputs: int) -> WorldRecords:
    events = [(item.key, item.best_O) for item in items if item.best_O is not None]
    return WorldRecords(
        value_N=[item.value for item in items],
        is_label_N=[item.is_label for item in items],
        event_ids=[key for key, _ in events],
        best_EO=np.array([best_O for _, best_O in events]).reshape(len(events), n_outputs),
        key_N=[item.key for item in items],
    )
