"""The memorising model knows what it was told, and nothing else."""

import math

import numpy as np

from streammtl.testing.memoriser import Memoriser
from streammtl.testing.models import (
    LAYOUT,
    check_cuts_do_not_matter,
    check_state_resumes,
    example_ops,
    example_tasks,
    run,
)
from streammtl.types import Ops

ROWS = np.zeros((2, 3), dtype=np.float32)
CATEGORIES = np.array([[1], [2]], dtype=np.int32)


def test_first_sight_is_chance_and_second_sight_is_exact() -> None:
    labels_NT = np.full((4, 4), math.nan)
    labels_NT[1] = [1.0, 2.0, 7.5, math.nan]
    ops = Ops(np.array([False, True, False, False]), np.array([0, 0, 0, 1]), labels_NT, ROWS, CATEGORIES)
    outputs_PO = run(Memoriser.Config().build(LAYOUT, example_tasks()), ops, (1.0,) * 4)
    chance_O = [0.5, 0.25, 0.25, 0.25, 0.25, 0.0, 1.0]
    np.testing.assert_allclose(outputs_PO, [chance_O, [1.0, 0.0, 0.0, 1.0, 0.0, 7.5, 1.0], chance_O])


def test_cuts_do_not_matter() -> None:
    check_cuts_do_not_matter(Memoriser.Config())


def test_state_resumes() -> None:
    check_state_resumes(Memoriser.Config())


def test_it_has_nothing_to_weight() -> None:
    model = Memoriser.Config().build(LAYOUT, example_tasks())
    run(model, example_ops(20), (1.0,) * 4)
    assert not model.take_signals().n_labels_T.any()
