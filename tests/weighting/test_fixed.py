from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from streammtl.errors import ConfigError
from streammtl.testing.weighting import segment
from streammtl.weighting.fixed import Fixed


def test_given_weights_are_scaled_to_the_number_of_active_tasks() -> None:
    weighting = Fixed.Config(weights={"b": 3.0, "a": 6.0}).build(("a", "b", "c"))
    np.testing.assert_allclose(weighting.update(segment([1, 1, 1], [9.0, 0.1, 1.0])), [1.8, 0.9, 0.3])
    np.testing.assert_allclose(weighting.update(segment([1, 1, 0], [9.0, 0.1, 1.0])), [4 / 3, 2 / 3, 0.3])


def test_given_weights_are_in_force_before_the_first_segment() -> None:
    np.testing.assert_array_equal(Fixed.Config(weights={"b": 0.0}).build(("a", "b")).weights_T, [1.0, 0.0])


def test_task_of_weight_zero_keeps_it_when_it_is_labelled_alone() -> None:
    weighting = Fixed.Config(weights={"b": 0.0}).build(("a", "b"))
    np.testing.assert_array_equal(weighting.update(segment([0, 1], [0.0, 1.0])), [1.0, 0.0])


def test_unknown_task_is_an_error_that_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"'frod', which does not exist: did you mean 'fraud'\?"):
        Fixed.Config(weights={"frod": 2.0}).build(("fraud", "loss"))


@pytest.mark.parametrize("weight", [-1.0, 1e7, float("nan"), float("inf")])
def test_weight_out_of_bounds_is_an_error(weight: float) -> None:
    with pytest.raises(ValidationError, match="fraud"):
        Fixed.Config(weights={"fraud": weight})
