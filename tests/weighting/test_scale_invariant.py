from __future__ import annotations

import numpy as np

from streammtl.testing.weighting import random_history, segment
from streammtl.weighting.scale_invariant import ScaleInvariant


def test_weights_are_one_over_the_decayed_losses() -> None:
    weighting = ScaleInvariant.Config(half_life=1.0).build(("a", "b"))
    weighting.update(segment([2, 2], [4.0, 1.0]))
    weights_T = weighting.update(segment([2, 2], [1.0, 4.0]))
    # means (4 / 2 + 1) / 1.5 = 2 and (1 / 2 + 4) / 1.5 = 3: weights as 1/2 to 1/3, scaled to sum to 2
    np.testing.assert_allclose(weights_T, [1.2, 0.8], rtol=1e-14)


def test_weight_times_loss_does_not_depend_on_the_unit_of_a_loss() -> None:
    plain, scaled = (ScaleInvariant.Config().build(("a", "b", "c")) for _ in range(2))
    units_T = np.array([1.0, 1000.0, 0.001])
    for signals in random_history(n_segments=20):
        plain_T = plain.update(signals)
        scaled_T = scaled.update(segment(signals.n_labels_T.tolist(), (signals.losses_T * units_T).tolist()))
        active = signals.n_labels_T > 0
        shares = plain_T[active] / plain_T[active].sum()
        scaled_shares = scaled_T[active] * units_T[active] / (scaled_T[active] * units_T[active]).sum()
        np.testing.assert_allclose(scaled_shares, shares, rtol=1e-10)
