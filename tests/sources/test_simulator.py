from __future__ import annotations

import pytest
from pydantic import ValidationError

from streammtl.sources.simulator import SimulatorSource


def test_a_world_is_simulated_again_to_resume() -> None:
    config = SimulatorSource.Config.model_validate({"world": {"kind": "fraud", "events": 500}, "max_poll_records": 70})
    source = config.build()
    source.open({})
    values: list[object] = []
    while (records := source.poll(timeout_s=0.0)) is not None:
        values += records.values
    source.close()
    again = config.build()
    again.open({"fraud": 123})
    rest = again.poll(timeout_s=0.0)
    again.close()
    assert rest is not None
    assert rest.partitions == ("fraud",)
    assert list(rest.values) == values[123:193]
    assert rest.offset_N.tolist() == list(range(123, 193))


def test_an_unknown_world() -> None:
    with pytest.raises(ValidationError, match="fraud"):
        SimulatorSource.Config.model_validate({"world": {"kind": "no such"}})
