"""Tiny schemas and records for the tests of decoding."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from streammtl.decode import Decoder, Schema
from streammtl.tasks.base import Task
from streammtl.tasks.binary import BinaryTask
from streammtl.tasks.multiclass import MulticlassTask
from streammtl.tasks.regression import RegressionTask
from streammtl.types import Records, Role, Turn

#: A schema with every kind of feature.
FULL: dict[str, Any] = {
    "id": "tx",
    "time": "ts",
    "entity": "card",
    "features": {
        "amount": "numeric",
        "online": "boolean",
        "code": "categorical",
        "clock": {"kind": "time"},
        "place": {"kind": "vector", "length": 2},
        "note": {"kind": "text", "dimensions": 4},
    },
}

EVENT: dict[str, Any] = {
    "tx": "a",
    "ts": 1_700_000_000,
    "card": 7,
    "amount": 2.5,
    "online": True,
    "code": "DE",
    "place": [1.0, -1.0],
    "note": "lost card",
}


def tasks() -> tuple[Task, ...]:
    """One of each kind of label; `kind` discovers its classes."""
    return (
        BinaryTask.Config().build("fraud"),
        RegressionTask.Config().build("loss"),
        MulticlassTask.Config(max_classes=3).build("kind"),
    )


def decoder(schema: Mapping[str, Any] = FULL, seed: int = 0) -> Decoder:
    """A decoder of its own, with tasks of its own."""
    settings = Schema.model_validate(schema)
    return Decoder(settings, settings.build_features(seed), tasks())


def records(
    values: Sequence[Any], lenient: bool = False, roles: tuple[Role, ...] = (), first_offset: int = 0
) -> Records:
    """Values of one partition; dictionaries stay as they are."""
    n = len(values)
    offsets = np.arange(first_offset, first_offset + n)
    return Records(values, ("p",), np.zeros(n, dtype=np.int32), offsets, roles, lenient)


def documents(rows: Sequence[Mapping[str, Any]]) -> list[bytes]:
    """The rows as JSON."""
    return [json.dumps(row).encode() for row in rows]


def reasons(turn: Turn) -> list[tuple[int, str]]:
    """Offset and reason of what was rejected."""
    return [(rejected.offset, rejected.reason) for rejected in turn.rejected]


def decode_in_polls(decoder: Decoder, values: Sequence[Any], size: int, lenient: bool = False) -> list[Turn]:
    """The turns of the values cut into polls of `size`."""
    return [
        decoder.decode(records(values[start : start + size], lenient, first_offset=start))
        for start in range(0, len(values), size)
    ]


def assert_same(one: Sequence[Turn], other: Sequence[Turn]) -> None:
    """The turns, joined, have the same columns and rejects."""
    for name in ("is_event_N", "time_s_N", "offset_N", "dense_ED", "category_EC", "labels_NT"):
        ours = np.concatenate([getattr(turn, name) for turn in one])
        theirs = np.concatenate([getattr(turn, name) for turn in other])
        np.testing.assert_array_equal(ours, theirs, err_msg=name)
    assert [i for turn in one for i in turn.ids] == [i for turn in other for i in turn.ids]
    assert [i for turn in one for i in turn.entities or []] == [i for turn in other for i in turn.entities or []]
    assert [i for turn in one for i in reasons(turn)] == [i for turn in other for i in reasons(turn)]
    assert sum(turn.n_unknown_fields for turn in one) == sum(turn.n_unknown_fields for turn in other)
