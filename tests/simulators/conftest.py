"""The streams that several tests look at, simulated once."""

from __future__ import annotations

import pytest
from streammtl_simulators import FraudWorld

from tests.simulators.reading import Stream, read


@pytest.fixture(scope="session")
def default_stream() -> Stream:
    """The default world: 100,000 events, every drift, delayed labels."""
    return read(FraudWorld.Config().build())


@pytest.fixture(scope="session")
def stationary_stream() -> Stream:
    """A world without drifts and with every label inside its event."""
    nothing = {"verdict": 0.0, "fraud_kind": 0.0, "loss_amount": 0.0, "next_day_spend": 0.0}
    return read(
        FraudWorld.Config.model_validate(
            {"events": 60_000, "drifts": [], "labels": "inside", "never_labelled": nothing}
        ).build()
    )
