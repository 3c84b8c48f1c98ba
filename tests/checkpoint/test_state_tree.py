from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given

from streammtl.checkpoint_format import ARRAYS, STATE, SUMS, pack, read_checkpoint
from streammtl.digest import digest
from streammtl.errors import CheckpointDamagedError, CheckpointError
from streammtl.state_tree import join, split
from streammtl.types import State
from tests.checkpoint.states import same, states


@given(state=states)
def test_any_state_comes_back_exactly(state: State, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("checkpoint")
    for name, content in pack(state, 3, {}).items():
        (folder / name).write_bytes(content)
    back = read_checkpoint(folder).state
    assert same(state, back)
    assert digest(back) == digest(state)


def test_arrays_come_back_writable() -> None:
    tree, arrays = split({"w": np.zeros(2)})
    assert tree == {"w": {"$array": "/w"}}
    assert list(arrays) == ["/w"]


def test_keys_that_look_like_markers_are_kept_apart() -> None:
    state = {"$array": "/w", "$float": "nan", "$$": 1, "x": {"$array": 5}, "w": {"$float": {"$array": {}}}}
    tree, arrays = split(state)
    assert join(json.loads(json.dumps(tree)), arrays) == state


def test_keys_with_slashes_do_not_meet() -> None:
    _, arrays = split({"a/b": np.zeros(1), "a": {"b": np.ones(1)}, "a~1b": np.ones(2), "\ud800": np.ones(3)})
    assert sorted(arrays) == ["/a/b", "/a~01b", "/a~1b", "/~ud800"]


def test_floats_of_a_list_keep_every_bit() -> None:
    values = [0.1, 1e-320, -0.0, 1.7976931348623157e308, float("inf"), float("-inf")]
    tree, arrays = split({"values": values})
    assert [repr(value) for value in join(json.loads(json.dumps(tree)), arrays)["values"]] == list(map(repr, values))


def test_a_numpy_float_becomes_a_float() -> None:
    tree, _ = split({"a": np.float64(0.5)})
    assert type(tree["a"]) is float


def test_a_tuple_is_refused_with_its_key_and_a_remedy() -> None:
    with pytest.raises(CheckpointError, match=r"state\['model'\]\['sizes'\] is a builtins.tuple: write a list"):
        split({"model": {"sizes": (1, 2)}})


def test_an_array_of_objects_is_refused() -> None:
    with pytest.raises(CheckpointError, match=r"state\['a'\] holds object"):
        split({"a": np.array([None])})


@pytest.mark.parametrize(
    ("tree", "arrays"),
    [
        ({"a": {"$array": "/a"}}, {}),
        ({"a": {"$array": ["/a"]}}, {}),
        ({"a": {"$array": "/a"}, "b": {"$array": "/a"}}, {"/a": np.zeros(1)}),
        ({"a": {"$float": "1e"}}, {}),
        ({}, {"/a": np.zeros(1)}),
    ],
)
def test_parts_that_do_not_fit_are_refused(tree: State, arrays: State) -> None:
    with pytest.raises(CheckpointDamagedError):
        join(tree, arrays)


def test_files_of_equal_states_are_equal_byte_for_byte() -> None:
    one = pack({"a": 1, "w": np.zeros(2), "v": np.ones(1)}, 1, {"x": 1, "y": 2})
    other = pack({"v": np.ones(1), "w": np.zeros(2), "a": 1}, 1, {"y": 2, "x": 1})
    assert one == other
    assert set(one) == {ARRAYS, STATE, SUMS}
