from __future__ import annotations

import numpy as np

from streammtl.seeds import named_rng
from streammtl.testing.weighting import random_history, segment
from streammtl.types import Floats
from streammtl.weighting.rlw import Rlw


def _draws(seed: int, n_segments: int) -> list[Floats]:
    weighting = Rlw.Config().build(("a", "b", "c"), seed=seed)
    return [weighting.update(segment([1, 1, 1], [1.0, 1.0, 1.0])) for _ in range(n_segments)]


def test_weights_are_the_softmax_of_each_tasks_own_normal_draw() -> None:
    z_T = [named_rng(5, "weighting", "rlw", name).standard_normal() for name in ("a", "b", "c")]
    np.testing.assert_allclose(_draws(5, 1)[0], 3 * np.exp(z_T) / np.exp(z_T).sum(), rtol=1e-14)


def test_seed_decides_the_weights() -> None:
    assert not np.array_equal(_draws(1, 1)[0], _draws(2, 1)[0])


def test_every_segment_has_new_weights() -> None:
    first_T, second_T = _draws(1, 2)
    assert not np.array_equal(first_T, second_T)


def test_weights_are_one_on_average_for_every_task() -> None:
    np.testing.assert_allclose(np.mean(_draws(0, 2000), axis=0), np.ones(3), atol=0.1)


def test_draws_belong_to_the_task_not_to_its_place() -> None:
    listed, reversed_ = Rlw.Config().build(("a", "b")), Rlw.Config().build(("b", "a"))
    for signals in random_history(n_tasks=2, n_segments=10):
        flipped = segment(signals.n_labels_T[::-1].tolist(), signals.losses_T[::-1].tolist())
        np.testing.assert_allclose(reversed_.update(flipped)[::-1], listed.update(signals), rtol=1e-14)
