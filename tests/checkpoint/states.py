"""States for the tests of checkpoints: one by hand, and any that a state may be."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from streammtl.types import State

_DTYPES = ("bool", "uint8", "int32", "int64", "float16", "float32", "float64", "complex64", ">f8", ">i4", "uint64")

_texts = st.text(st.characters(), max_size=6)  # lone surrogates included
_leaves = (
    st.none() | st.booleans() | st.integers() | st.floats() | _texts | st.sampled_from([2**53 + 1, -0.0, 5e-324, "$"])
)
_arrays = st.sampled_from(_DTYPES).flatmap(
    lambda dtype: hnp.arrays(np.dtype(dtype), hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
)
_keys = _texts | st.sampled_from(["", "/", "a/b", "~1", "$array", "$float", "__metadata__", "$$", "\ud83d\ude00"])
_values = st.recursive(
    _leaves | _arrays | st.lists(_leaves | st.lists(_leaves, max_size=2), max_size=3),
    lambda inner: st.dictionaries(_keys, inner, max_size=4),
    max_leaves=12,
)

#: Any state.
states: st.SearchStrategy[State] = st.dictionaries(_keys, _values, max_size=4)


def small_state(step: int = 0) -> State:
    """One of every kind of value."""
    return {
        "step": step,
        "model": {"w": np.arange(6, dtype=np.float32).reshape(2, 3) + step, "is_on": np.array(True)},
        "pending": {"ids": ["a", "ü"], "time_s": [0.1, float("nan")], "mask": np.array([True, False])},
        "best": None,
    }


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal in type, value, sign of zero, dtype and shape; any NaN is like another in JSON."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        native = one.astype(one.dtype.newbyteorder("="))
        return (native.dtype, one.shape) == (other.dtype, other.shape) and native.tobytes() == other.tobytes()
    return type(one) is type(other) and repr(one) == repr(other)
