"""The bytes of the fraud world, pinned: whoever changes them changes every published result, and must say so."""

from __future__ import annotations

import hashlib

from streammtl_simulators import FraudWorld

DELAYED = "ce15e758ff3e0f04c9491b7ceab9ca16a5186fe62fa6ec2163df84b93c26fa4d"
INSIDE = "14229c7f1753b726e979f47f06cfc30a8adff9fdd650088d74ee932630b1a7f8"


def digest(world: FraudWorld) -> str:
    return hashlib.sha256(b"\n".join(value for batch in world.records() for value in batch.value_N)).hexdigest()


def test_delayed_stream_has_the_pinned_bytes() -> None:
    assert digest(FraudWorld.Config(events=6000).build()) == DELAYED


def test_inside_stream_has_the_pinned_bytes() -> None:
    assert digest(FraudWorld.Config(events=6000, labels="inside").build()) == INSIDE
