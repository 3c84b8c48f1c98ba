"""ADWIN's window is taken apart and put together again, number by number."""

from __future__ import annotations

import numpy as np
import pytest

from streammtl.drift import adwin
from streammtl.drift.adwin import Adwin
from streammtl.errors import CheckpointError, CheckpointMismatchError


def test_state_is_the_window() -> None:
    detector = Adwin.Config(max_buckets=2).build()
    detector.update(np.array([1.0, 2.0, 4.0, 8.0]))
    state = detector.state()
    assert (state["width"], state["total"], state["tick"]) == (4.0, 15.0, 4)
    assert state["n_in_row"].tolist() == [2, 1]  # 4 and 8, and the sum of 1 and 2
    assert state["totals"].tolist() == [[4.0, 8.0, 0.0], [3.0, 0.0, 0.0]]
    assert state["variances"].tolist() == [[0.0, 0.0, 0.0], [0.5, 0.0, 0.0]]  # (1 - 1.5)² + (2 - 1.5)²


@pytest.mark.parametrize("max_buckets", [2, 5, 9])
def test_every_bit_of_rivers_window_survives(max_buckets: int) -> None:
    config = Adwin.Config(max_buckets=max_buckets)
    detector = config.build()
    values = np.random.default_rng(3).standard_normal(400)
    values[200:] += 4.0
    for value in values.tolist():
        detector.take(value)
        copy = config.build()
        copy.load(detector.state())
        assert isinstance(copy, Adwin)
        assert isinstance(detector, Adwin)
        assert copy._river._helper.__getstate__() == detector._river._helper.__getstate__()


def test_a_window_of_another_shape_is_refused() -> None:
    detector = Adwin.Config(max_buckets=5).build()
    detector.update(np.arange(10.0))
    with pytest.raises(CheckpointMismatchError, match=r"max_buckets 4 cannot take over .* 5 buckets"):
        Adwin.Config(max_buckets=4).build().load(detector.state())


def test_settings_come_from_the_configuration_not_from_the_state() -> None:
    strict, loose = Adwin.Config(delta=1e-9).build(), Adwin.Config(delta=0.5).build()
    calm = np.random.default_rng(4).standard_normal(100)
    strict.update(calm)
    loose.load(strict.state())
    shifted = calm[:12] + 1.5
    assert not strict.update(shifted)
    assert loose.update(shifted)


def test_a_river_with_another_layout_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adwin, "_HEAD_BYTES", adwin._HEAD_BYTES + 8)
    with pytest.raises(CheckpointError, match=r"cannot be saved: .* Install River 0\.26"):
        Adwin.Config().build()
