"""Blocks counted along the stream, whatever the pieces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streammtl.blocks import BlockBuffer
from streammtl.errors import CheckpointMismatchError


@settings(deadline=None, max_examples=50)
@given(block=st.integers(1, 7), sizes=st.lists(st.integers(0, 20), max_size=12))
def test_blocks_and_rest_are_the_stream(block: int, sizes: list[int]) -> None:
    buffer = BlockBuffer(block, (1, 2))
    x_N = np.arange(float(sum(sizes)))
    blocks, start = [], 0
    for size in sizes:
        x_B = x_N[start : start + size]
        blocks += buffer.push(x_B, np.column_stack((x_B, -x_B)))
        start += size
    assert all(x_B1.shape == (block, 1) and y_B2.shape == (block, 2) for x_B1, y_B2 in blocks)
    assert len(buffer) == len(x_N) % block
    x_N1, y_N2 = (np.concatenate(parts) for parts in zip(*blocks, buffer.rest(), strict=True))
    np.testing.assert_array_equal(x_N1[:, 0], x_N)
    np.testing.assert_array_equal(y_N2, np.column_stack((x_N, -x_N)))


@pytest.mark.parametrize("dtype", ["int32", "float64"])
def test_blocks_are_contiguous_floats_apart_from_what_was_pushed(dtype: str) -> None:
    buffer = BlockBuffer(2, (2,))
    x_N2 = np.asfortranarray(np.arange(12.0).reshape(6, 2)).astype(dtype)
    blocks = buffer.push(x_N2)
    assert len(blocks) == 3
    for (x_B2,) in blocks:
        assert x_B2.dtype == np.float64
        assert x_B2.flags.c_contiguous
        assert not np.shares_memory(x_B2, x_N2)


def test_block_does_not_change_when_more_is_pushed() -> None:
    buffer = BlockBuffer(2, (1,))
    [(first_B1,)] = buffer.push(np.array([1.0, 2.0]))
    buffer.push(np.array([3.0, 4.0]))
    assert first_B1.ravel().tolist() == [1.0, 2.0]


def test_rest_and_state_do_not_change_when_more_is_pushed() -> None:
    buffer = BlockBuffer(3, (1,))
    buffer.push(np.array([1.0]))
    (rest_B1,), state = buffer.rest(), buffer.state()
    buffer.push(np.array([2.0, 3.0, 4.0]))
    assert rest_B1.ravel().tolist() == [1.0]
    assert state["0"].ravel().tolist() == [1.0]


def test_loaded_buffer_goes_on() -> None:
    buffer, other = BlockBuffer(3, (1, 2)), BlockBuffer(3, (1, 2))
    buffer.push(np.array([1.0, 2.0]), np.zeros((2, 2)))
    other.push(np.array([9.0]), np.ones((1, 2)))
    other.load(buffer.state())
    [(x_B1, y_B2)] = other.push(np.array([3.0]), np.zeros((1, 2)))
    assert x_B1.ravel().tolist() == [1.0, 2.0, 3.0]
    assert not y_B2.any()


@pytest.mark.parametrize("other", [BlockBuffer(2, (1,)), BlockBuffer(3, (2,)), BlockBuffer(3, (1, 1))])
def test_state_of_another_shape_is_refused(other: BlockBuffer) -> None:
    buffer = BlockBuffer(3, (1,))
    buffer.push(np.array([1.0, 2.0]))
    with pytest.raises(CheckpointMismatchError, match="cannot take over"):
        other.load(buffer.state())
