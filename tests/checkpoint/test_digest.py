from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given

from streammtl.digest import digest
from streammtl.errors import CheckpointError
from streammtl.types import State
from tests.checkpoint.states import same, states


def test_the_digest_of_a_known_state_never_changes() -> None:
    fed = b"d" + (1).to_bytes(8, "little") + (1).to_bytes(8, "little") + b"k" + b"i" + (2).to_bytes(8, "little") + b"42"
    assert digest({"k": 42}) == hashlib.sha256(fed).hexdigest()


@given(states)
def test_insertion_order_does_not_matter(state: State) -> None:
    def backwards(value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {key: backwards(value[key]) for key in reversed(value)}

    turned = backwards(state)
    assert isinstance(turned, dict)
    assert digest(turned) == digest(state)


@given(states, states)
def test_two_states_have_one_digest_only_if_they_are_the_same(one: State, other: State) -> None:
    assert (digest(one) == digest(other)) == same(_native(one), _native(other))


def _native(value: object) -> object:
    if isinstance(value, dict):
        return {key: _native(item) for key, item in value.items()}
    return value.astype(value.dtype.newbyteorder("=")) if isinstance(value, np.ndarray) else value


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 0.0}, {"a": -0.0}),
        ({"a": 1}, {"a": True}),
        ({"a": 1}, {"a": 1.0}),
        ({"a": 1}, {"a": "1"}),
        ({"a": None}, {}),
        ({"a": None}, {"a": "n"}),
        ({"a": {"b": 1}}, {"a": {}, "b": 1}),
        ({"a": {"b": 1}, "c": {}}, {"a": {}, "c": {"b": 1}}),
        ({"a": ["b", "c"]}, {"a": ["bc"]}),
        ({"a": [["b"], "c"]}, {"a": [["b", "c"]]}),
        ({"a": []}, {"a": {}}),
        ({"a": []}, {"a": np.zeros(0)}),
        ({"a": 0.0}, {"a": np.zeros(())}),
        ({"a": np.zeros(2, np.float32)}, {"a": np.zeros(1, np.float64)}),
        ({"a": np.zeros(4, np.int32)}, {"a": np.zeros(4, np.float32)}),
        ({"a": np.zeros((2, 3))}, {"a": np.zeros((3, 2))}),
        ({"a": np.zeros((0, 3))}, {"a": np.zeros((3, 0))}),
        ({"a": np.array([0.0])}, {"a": np.array([-0.0])}),
        ({"a": 2**53}, {"a": 2**53 + 1}),
    ],
)
def test_small_differences_change_the_digest(one: State, other: State) -> None:
    assert digest(one) != digest(other)


def test_memory_layout_and_byte_order_do_not_matter() -> None:
    w = np.arange(6.0).reshape(2, 3)
    expected = digest({"w": w})
    assert digest({"w": np.asfortranarray(w)}) == expected
    assert digest({"w": np.repeat(w, 2, axis=1)[:, ::2]}) == expected
    assert digest({"w": w.astype(">f8")}) == expected


def test_one_flipped_bit_changes_the_digest() -> None:
    w = np.arange(6, dtype=np.uint8)
    before = digest({"w": w})
    w[5] ^= 1
    assert digest({"w": w}) != before


@pytest.mark.parametrize("value", [(1, 2), np.float32(1), b"x", object(), np.array(["a"]), np.array([None])])
def test_what_a_state_cannot_hold_is_named(value: object) -> None:
    with pytest.raises(CheckpointError, match=r"state\['model'\]\['1'\]"):
        digest({"model": [0, value]})


def test_a_key_that_is_not_text_is_named() -> None:
    with pytest.raises(CheckpointError, match=r"state\['a'\] has the key 3"):
        digest({"a": {3: 1}})
