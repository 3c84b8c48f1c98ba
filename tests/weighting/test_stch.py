from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from streammtl.errors import ConfigError
from streammtl.testing.weighting import segment
from streammtl.weighting.stch import Stch


def test_weights_are_the_gradient_of_the_smooth_maximum() -> None:
    """Autograd on the paper's formula, at the averaged losses, with the nadirs held."""
    weighting = Stch.Config(
        smoothness=0.3, preference={"a": 2.0}, reference={"b": 0.5}, fast_half_life=1.0, nadir_half_life=2.0
    ).build(("a", "b"))
    weighting.update(segment([1, 1], [4.0, 1.0]))
    weights_T = weighting.update(segment([1, 1], [1.0, 4.0]))
    d = 2.0**-0.5
    nadir_T = torch.tensor([(4 * d + 1) / (d + 1), (1 * d + 4) / (d + 1)], dtype=torch.float64)
    fast_T = torch.tensor([(4 * 0.5 + 1) / 1.5, (1 * 0.5 + 4) / 1.5], dtype=torch.float64, requires_grad=True)
    preference_T, reference_T = torch.tensor([[2.0, 1.0], [0.0, 0.5]], dtype=torch.float64)
    objective = 0.3 * torch.logsumexp(preference_T * (fast_T / nadir_T - reference_T) / 0.3, 0)
    (gradient_T,) = torch.autograd.grad(objective, fast_T)
    np.testing.assert_allclose(weights_T, (2 * gradient_T / gradient_T.sum()).numpy(), rtol=1e-12)


def test_steady_losses_weigh_as_one_over_the_loss() -> None:
    weighting = Stch.Config().build(("a", "b"))
    for _ in range(5):
        weights_T = weighting.update(segment([1, 1], [1.0, 3.0]))
    np.testing.assert_allclose(weights_T, [1.5, 0.5], rtol=1e-12)


def test_only_the_worst_task_counts_when_hardly_smoothed() -> None:
    weighting = Stch.Config(smoothness=1e-3).build(("steady", "drifts"))
    for _ in range(50):
        weighting.update(segment([1, 1], [1.0, 1.0]))
    np.testing.assert_allclose(weighting.update(segment([1, 1], [1.0, 2.0])), [0.0, 2.0], atol=1e-12)


def test_extreme_settings_and_losses_stay_finite() -> None:
    weighting = Stch.Config(smoothness=1e-3, preference={"a": 1e3}, reference={"b": -1e3}).build(("a", "b"))
    for signals in (segment([1, 10**6], [1e-12, 1e12]), segment([10**6, 1], [1e12, 1e-12])) * 3:
        assert np.isfinite(weighting.update(signals)).all()
    assert weighting.n_skipped == 0


def test_unknown_task_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"weighting\.reference names the task 'c'"):
        Stch.Config(reference={"c": 1.0}).build(("a", "b"))


def test_nadir_half_life_must_be_the_longer_one() -> None:
    with pytest.raises(ValidationError, match="8 is not longer than 8"):
        Stch.Config(fast_half_life=8.0, nadir_half_life=8.0)
