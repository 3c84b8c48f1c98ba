"""A state as one JSON tree beside a flat mapping of arrays, and back, exactly.

In the tree a mapping is a JSON object, a list an array, and so on; what JSON has no word for is an object with one key
that begins with `$`:

    {"$array": "/model/trunk/0"}    the array of that name
    {"$float": "nan"}               nan, inf or -inf

A mapping's own key that begins with `$` gets a second one. An array's name is the JSON pointer (RFC 6901) of its place,
so that a safetensors viewer shows where it belongs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from streammtl.errors import CheckpointDamagedError, CheckpointError
from streammtl.types import State

AnyArray: TypeAlias = npt.NDArray[Any]
KeyPath: TypeAlias = tuple[str, ...]  #: the keys from the root of a state to one of its values

#: What safetensors and numpy both know.
_ARRAY_TYPES = (
    *("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"),
    *("float16", "float32", "float64", "complex64"),
)

_REMEDY = {
    "tuple": "write a list",
    "set": "write a sorted list",
    "Tensor": "write tensor.detach().cpu().numpy()",
    "bytes": "write np.frombuffer(value, np.uint8)",
}


def split(state: State) -> tuple[dict[str, Any], dict[str, AnyArray]]:
    """The JSON tree of a state, and its arrays by name.

    The arrays may share memory with those of the state. Raises `CheckpointError` for a value that a state cannot
    hold, naming its key.

    >>> split({"step": 3, "model": {"w": np.zeros(2), "best": float("inf")}})
    ({'model': {'best': {'$float': 'inf'}, 'w': {'$array': '/model/w'}}, 'step': 3}, {'/model/w': array([0., 0.])})
    """
    arrays: dict[str, AnyArray] = {}
    return _split_mapping(state, (), arrays), arrays


def _split_mapping(mapping: dict[str, Any], path: KeyPath, arrays: dict[str, AnyArray]) -> dict[str, Any]:
    return {
        "$" + key if key.startswith("$") else key: _split_value(mapping[key], (*path, key), arrays)
        for key in sorted_keys(mapping, path)
    }


def _split_value(value: Any, path: KeyPath, arrays: dict[str, AnyArray]) -> Any:
    kind = type(value)
    if value is None or kind is str or kind is int or kind is bool:
        return value
    if kind is float or kind is np.float64:
        return float(value) if math.isfinite(value) else {"$float": repr(float(value))}
    if kind is list:
        return [_split_value(item, (*path, str(index)), arrays) for index, item in enumerate(value)]
    if kind is dict:
        return _split_mapping(value, path, arrays)
    name = _pointer(path)
    arrays[name] = plain_array(value, path)
    return {"$array": name}


def _pointer(path: KeyPath) -> str:
    return "".join("/" + re.sub("[~/\ud800-\udfff]", _escape, key) for key in path)


def _escape(match: re.Match[str]) -> str:
    """`~0` and `~1` as in RFC 6901; `~ud800` for a lone surrogate, which UTF-8 and so safetensors cannot hold."""
    return {"~": "~0", "/": "~1"}.get(match[0], f"~u{ord(match[0]):x}")


def join(tree: dict[str, Any], arrays: Mapping[str, AnyArray]) -> State:
    """The state that `split` took apart; raises `CheckpointDamagedError` when the two parts do not fit together.

    >>> join({"model": {"w": {"$array": "/model/w"}}}, {"/model/w": np.zeros(2)})
    {'model': {'w': array([0., 0.])}}
    """
    unused = dict(arrays)
    state = _join_mapping(tree, unused)
    if unused:
        raise CheckpointDamagedError(f"its arrays {sorted(unused)[:3]} belong nowhere")
    return state


def _join_mapping(tree: dict[str, Any], unused: dict[str, AnyArray]) -> dict[str, Any]:
    return {key[1:] if key.startswith("$") else key: _join_value(item, unused) for key, item in tree.items()}


def _join_value(value: Any, unused: dict[str, AnyArray]) -> Any:
    if type(value) is list:
        return [_join_value(item, unused) for item in value]
    if type(value) is not dict:
        return value
    if len(value) == 1 and "$float" in value:
        if value["$float"] not in ("nan", "inf", "-inf"):
            raise CheckpointDamagedError(f"it has the number {value['$float']!r}")
        return float(value["$float"])
    if len(value) == 1 and "$array" in value:
        name = value["$array"]
        if not isinstance(name, str) or name not in unused:
            raise CheckpointDamagedError(f"its array {name!r} is missing")
        return unused.pop(name)
    return _join_mapping(value, unused)


def sorted_keys(mapping: dict[str, Any], path: KeyPath) -> list[str]:
    """The keys of a mapping in the order of their bytes; raises `CheckpointError` for a key that is not text."""
    for key in mapping:
        if type(key) is not str:
            raise CheckpointError(f"the keys of a state are text; {show_path(path)} has the key {key!r}")
    return sorted(mapping, key=encode_text)


def plain_array(value: Any, path: KeyPath) -> AnyArray:
    """The array, little-endian and C-contiguous; raises `CheckpointError` for whatever a state cannot hold."""
    name = type(value).__name__
    if type(value) is not np.ndarray:
        raise CheckpointError(
            f"a state holds numpy arrays, None, bool, int, float, str, lists and mappings; {show_path(path)} "
            f"is a {type(value).__module__}.{name}: {_REMEDY.get(name, 'convert it to one of these')}"
        )
    if value.dtype.name not in _ARRAY_TYPES:
        raise CheckpointError(
            f"the arrays of a state hold {', '.join(_ARRAY_TYPES)}; {show_path(path)} holds {value.dtype.name}"
        )
    return np.asarray(value, dtype=value.dtype.newbyteorder("<"), order="C")


def encode_text(text: str) -> bytes:
    """UTF-8 that also takes lone surrogates, which undecodable input can leave in a value."""
    return text.encode("utf-8", "surrogatepass")


def show_path(path: KeyPath) -> str:
    """A key path for a message: `state['model']['w']`."""
    return "state" + "".join(f"[{key!r}]" for key in path)


__all__ = ["AnyArray", "KeyPath", "encode_text", "join", "plain_array", "show_path", "sorted_keys", "split"]
