"""No label helps to predict its own event."""

from __future__ import annotations

import json

import numpy as np
import pytest

import streammtl.testing.memoriser  # noqa: F401 - declares the model `memoriser`
from streammtl.seeds import named_rng
from tests.engine.streams import engine_of, feed, records_of

SCHEMA = {"id": "id", "features": {"x": {"kind": "numeric"}}}


def stream(labels_inside: bool, seen_twice: bool) -> list[bytes]:
    rng = named_rng(0, "tests", "leakage")
    values = []
    for i in range(400):
        x, y = float(i), int(rng.integers(2))
        for copy in range(2 if seen_twice else 1):
            event = {"id": f"{i}-{copy}", "x": x}
            if labels_inside:
                values.append({**event, "up": y})
            else:
                values += [event, {"id": f"{i}-{copy}", "up": y}]
    return [json.dumps(value).encode() for value in values]


@pytest.mark.parametrize("size", [1, 5000])
@pytest.mark.parametrize("labels_inside", [True, False])
def test_a_model_that_remembers_everything_is_at_chance_at_first_sight(labels_inside: bool, size: int) -> None:
    engine = engine_of(schema=SCHEMA, tasks={"up": "binary"}, model="memoriser", drift={"error": None})
    feed(engine, records_of(stream(labels_inside, seen_twice=False)), size)
    scores = engine.report()["up"].scores
    assert engine.report()["up"].labels == 400
    assert scores["auc"] == 0.5
    assert scores["log_loss"] == pytest.approx(np.log(2))


@pytest.mark.parametrize("labels_inside", [True, False])
def test_the_same_model_knows_what_it_has_seen_before(labels_inside: bool) -> None:
    """Else the test above would hold for a model that learns nothing."""
    engine = engine_of(schema=SCHEMA, tasks={"up": "binary"}, model="memoriser", drift={"error": None})
    feed(engine, records_of(stream(labels_inside, seen_twice=True)), 5000)
    assert engine.report()["up"].scores["accuracy"] > 0.7
    assert engine.report()["up"].scores["auc"] > 0.7
