"""What the `mlp` model knows of its inputs and labels. Shape suffixes as in `streammtl.types`."""

from __future__ import annotations

import numpy as np

from streammtl.models._kernel_math import take_inputs
from streammtl.models._mlp_statistics import Statistics
from streammtl.tasks.binary import BinaryTask
from streammtl.types import RowLayout


def test_a_loaded_state_is_the_same_to_the_last_bit_after_every_row() -> None:
    layout, tasks = RowLayout(("a", "b"), (True, True), (), ()), (BinaryTask.Config().build("y"),)
    known, loaded = Statistics(layout, tasks), Statistics(layout, tasks)
    rows_R1D = np.random.default_rng(0).normal([[0.0, 1e4]], [[1.0, 1e6]], size=(300, 1, 2)).astype(np.float32)
    for row_1D in rows_R1D:
        take_inputs(row_1D, 0, np.array([True, True]), known.scale_6D, known.inverse_D, memory_rows=100)
        loaded.load(known.state())
        for own, value in zip(loaded.of_inputs, known.of_inputs, strict=True):
            np.testing.assert_array_equal(own, value)
