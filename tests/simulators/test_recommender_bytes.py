"""The bytes of the recommender world, pinned: whoever changes them changes every published result, and must say so."""

from __future__ import annotations

import hashlib

from streammtl_simulators import RecommenderWorld

from tests.simulators.recommender_stream import build

DEFAULT = "cfb0114a3e689432cb6df7d7654a6cb20a3c629854bbb9a55d05f5fa00677041"
DIALS = "64a297e64e5aaef0ab562addb4ac332987ee835faa96a97a47db4f2a35073dda"


def digest(world: RecommenderWorld) -> str:
    return hashlib.sha256(b"\n".join(value for batch in world.records() for value in batch.value_N)).hexdigest()


def test_default_stream_has_the_pinned_bytes() -> None:
    assert digest(build(events=6000)) == DEFAULT


def test_stationary_stream_of_other_dials_has_the_pinned_bytes() -> None:
    assert digest(build(events=6000, relatedness=0.3, conflict=0.6, drift=False)) == DIALS
