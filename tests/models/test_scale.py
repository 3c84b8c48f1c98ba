"""Running mean and deviation, against numpy on all rows at once."""

import numpy as np
import pytest

from streammtl.models._scale import RunningScale

nan = np.nan
MEMORY = 10**9


def test_blocks_give_what_all_rows_give() -> None:
    rows_BC = np.random.default_rng(0).normal(size=(100, 3)) * [1.0, 1e-6, 1e6] + [0.0, 1.0, 1e9]
    rows_BC[::7, 1] = nan
    scale = RunningScale(3, MEMORY)
    for block in np.array_split(rows_BC, 9):
        scale.update(block)
    np.testing.assert_allclose(scale.mean_C, np.nanmean(rows_BC, axis=0), rtol=1e-12)
    np.testing.assert_allclose(scale.scale_C, np.nanstd(rows_BC, axis=0), rtol=1e-9)


def test_a_column_does_not_depend_on_how_many_there_are() -> None:
    rows_BC = np.random.default_rng(0).normal(size=(320, 9))
    alone, together = RunningScale(1, MEMORY), RunningScale(9, MEMORY)
    for block in np.array_split(rows_BC, 10):
        alone.update(block[:, 4:5])
        together.update(block)
    assert alone.mean_C[0] == together.mean_C[4]
    assert alone.scale_C[0] == together.scale_C[4]


@pytest.mark.parametrize("value", [0.0, 0.1, -3.3e38, 1e-40])
def test_a_constant_column_has_scale_1(value: float) -> None:
    scale = RunningScale(1, MEMORY)
    for _ in range(50):
        scale.update(np.full((7, 1), value))
    np.testing.assert_array_equal(scale.scale_C, [1.0])
    np.testing.assert_allclose(scale.mean_C, [value])
    assert not scale.is_known_C[0]


def test_absent_columns_stay_as_they_are() -> None:
    scale = RunningScale(2, MEMORY)
    scale.update(np.array([[1.0, nan], [3.0, nan]]))
    scale.update(np.array([[nan, nan]]))
    np.testing.assert_array_equal(scale.mean_C, [2.0, 0.0])
    np.testing.assert_array_equal(scale.scale_C, [1.0, 1.0])
    np.testing.assert_array_equal(scale.is_known_C, [True, False])


def test_one_wild_value_hardly_matters() -> None:
    scale = RunningScale(1, MEMORY)
    rng = np.random.default_rng(0)
    scale.update(rng.normal(size=(10_000, 1)))
    scale.update(np.array([[1e30]]))
    assert abs(scale.mean_C[0]) < 0.1
    assert scale.scale_C[0] < 1.5


def test_a_wild_value_in_the_first_block_hardly_matters() -> None:
    scale = RunningScale(1, MEMORY)
    scale.update(np.array([[1.0], [2.0], [1e30], [3.0]]))
    assert scale.scale_C[0] < 100.0


def test_a_lasting_change_of_units_is_followed() -> None:
    scale = RunningScale(1, memory_rows=1000)
    rng = np.random.default_rng(0)
    for _ in range(100):
        scale.update(rng.normal(size=(32, 1)))
    for _ in range(200):
        scale.update(1e6 * rng.normal(size=(32, 1)))
    assert scale.scale_C[0] == pytest.approx(1e6, rel=0.2)


def test_beyond_its_memory_it_forgets() -> None:
    scale = RunningScale(1, memory_rows=10)
    scale.update(np.array([[-1.0], [1.0]] * 50))
    scale.update(np.full((10, 1), 3.0))
    assert scale.mean_C[0] == pytest.approx(1.5)  # half of 20 is the past
