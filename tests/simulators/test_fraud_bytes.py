"""The bytes of the fraud world, pinned: whoever changes them changes every published result, and must say so."""

from __future__ import annotations

import hashlib

from streammtl_simulators import FraudWorld

DELAYED = ""
INSIDE = ""


def digest(world: FraudWorld) -> str:
    return hashlib.sha256(b"\n".join(value for batch in world.records() for value in batch.value_N)).hexdigest()


def test_delayed_stream_has_the_pinned_bytes() -> None:
    assert digest(FraudWorld.Config(events=6000).build()) == DELAYED


def test_inside_stream_has_the_pinned_bytes() -> None:
    assert digest(FraudWorld.Config(events=6000, labels="inside").build()) == INSIDE
