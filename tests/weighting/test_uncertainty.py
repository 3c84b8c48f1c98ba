from __future__ import annotations

import numpy as np
import pytest
import torch

from streammtl.testing.weighting import random_history, segment
from streammtl.weighting.uncertainty import GRADIENT_MAX, Uncertainty


def test_log_variances_follow_autograd() -> None:
    """Plain gradient descent of torch on the sum of exp(-s) L + s over the tasks with labels."""
    weighting = Uncertainty.Config(rate=0.05).build(("a", "b", "c"))
    s_T = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    for signals in random_history(decades=0.5):
        active = torch.from_numpy(signals.n_labels_T > 0)
        losses_T = torch.from_numpy(np.nan_to_num(signals.losses_T))
        objective = ((torch.exp(-s_T) * losses_T + s_T) * active).sum()
        (gradient_T,) = torch.autograd.grad(objective, s_T)
        with torch.no_grad():
            s_T -= 0.05 * gradient_T
        weighting.update(signals)
        np.testing.assert_allclose(weighting.state()["log_variance"], s_T.detach().numpy(), rtol=1e-12, atol=1e-14)


def test_first_weights_are_the_inverse_variances_after_one_step() -> None:
    weights_T = Uncertainty.Config(rate=0.5).build(("a", "b")).update(segment([1, 1], [3.0, 1.0]))
    # s = 0 - 0.5 (1 - 3) = 1 and s = 0: weights as exp(-1) to 1
    expected_T = np.array([np.exp(-1.0), 1.0])
    np.testing.assert_allclose(weights_T, expected_T * 2 / expected_T.sum(), rtol=1e-14)


@pytest.mark.parametrize("loss", [1e-12, 1e-3, 1.0, 1e3, 1e12])
def test_log_variance_comes_to_rest_at_the_logarithm_of_the_loss(loss: float) -> None:
    weighting = Uncertainty.Config(rate=0.5).build(("a",))
    for _ in range(300):
        weighting.update(segment([1], [loss]))
    np.testing.assert_allclose(weighting.state()["log_variance"], [np.log(loss)], atol=1e-6)


def test_step_for_a_huge_loss_has_the_stated_length() -> None:
    weighting = Uncertainty.Config(rate=0.1).build(("a",))
    weighting.update(segment([1], [1e12]))
    np.testing.assert_allclose(weighting.state()["log_variance"], [0.1 * GRADIENT_MAX])
