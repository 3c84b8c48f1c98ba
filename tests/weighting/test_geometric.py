from __future__ import annotations

import numpy as np
import torch

from streammtl.testing.weighting import segment
from streammtl.weighting.geometric import Geometric


def test_weights_are_the_gradient_of_the_geometric_mean_up_to_scale() -> None:
    values = [0.3, 5.0, 0.02]
    losses_T = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    (gradient_T,) = torch.autograd.grad(torch.prod(losses_T).pow(1 / 3), losses_T)
    expected_T = gradient_T.numpy()
    weights_T = Geometric.Config().build(("a", "b", "c")).update(segment([1, 1, 1], values))
    np.testing.assert_allclose(weights_T, expected_T * 3 / expected_T.sum(), rtol=1e-12)


def test_earlier_segments_do_not_matter() -> None:
    weighting = Geometric.Config().build(("a", "b"))
    weighting.update(segment([1, 1], [1e6, 1e-6]))
    np.testing.assert_allclose(weighting.update(segment([1, 1], [1.0, 3.0])), [1.5, 0.5])
