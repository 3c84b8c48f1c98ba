"""What the `mlp` model knows of its inputs and labels. Shape suffixes as in `streammtl.types`."""

from __future__ import annotations

import numpy as np

from streammtl.models._kernel_math import take_inputs, take_label
from streammtl.models._mlp_statistics import Statistics
from streammtl.tasks.binary import BinaryTask
from streammtl.tasks.regression import RegressionTask
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


def test_labels_alike_count_as_16_at_most_until_another_comes() -> None:
    tasks = (RegressionTask.Config().build("y"),)
    known = Statistics(RowLayout((), (), (), ()), tasks)
    for _ in range(20):
        assert take_label(known.scale_6T, known.unit_3T, 0, 7.0, memory_rows=100) == (1.0, 0.0)
    take_label(known.scale_6T, known.unit_3T, 0, 24.0, memory_rows=100)
    assert known.unit_3T[:, 0].tolist() == [8.0, 4.0, 1.0]
    assert known.scale_6T[:3, 0].tolist() == [17.0, 8.0, 272.0]
    take_label(known.scale_6T, known.unit_3T, 0, 8.0, memory_rows=100)
    assert known.scale_6T[:3, 0].tolist() == [18.0, 8.0, 272.0]
