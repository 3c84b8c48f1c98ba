from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from streammtl.testing.weighting import segment
from streammtl.weighting.dwa import Dwa


def test_weights_are_the_softmax_of_recent_over_long_averages() -> None:
    weighting = Dwa.Config(temperature=0.5, fast_half_life=1.0, slow_half_life=2.0).build(("a", "b"))
    weighting.update(segment([1, 1], [4.0, 1.0]))
    weights_T = weighting.update(segment([1, 1], [1.0, 4.0]))
    d = 2.0**-0.5
    fast_T = np.array([(4 * 0.5 + 1) / 1.5, (1 * 0.5 + 4) / 1.5])
    slow_T = np.array([(4 * d + 1) / (d + 1), (1 * d + 4) / (d + 1)])
    exp_T = np.exp(fast_T / slow_T / 0.5)
    np.testing.assert_allclose(weights_T, 2 * exp_T / exp_T.sum(), rtol=1e-13)


def test_tasks_weigh_the_same_in_the_first_segment() -> None:
    weights_T = Dwa.Config().build(("a", "b")).update(segment([1, 3], [1e-6, 1e6]))
    np.testing.assert_array_equal(weights_T, [1.0, 1.0])


def test_task_whose_loss_rises_gains_weight() -> None:
    weighting = Dwa.Config().build(("steady", "drifts"))
    for _ in range(50):
        weighting.update(segment([4, 4], [0.5, 0.5]))
    steady, drifts = weighting.update(segment([4, 4], [0.5, 2.0]))
    assert drifts > steady


def test_slow_half_life_must_be_the_longer_one() -> None:
    with pytest.raises(ValidationError, match="8 is not longer than 8"):
        Dwa.Config(fast_half_life=8.0, slow_half_life=8.0)
