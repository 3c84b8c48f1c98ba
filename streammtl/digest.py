"""One SHA-256 for a whole state: equal for equal states, different after any change.

The state is walked in a canonical order and each node gives the hash a tag of its type, its length or shape, and its
bytes, so that no two different states feed the same bytes:

    None    n              list     l count, then the items
    bool    b0 or b1       mapping  d count, then each key and value, in the order of the keys' bytes
    int     i decimal      array    a dtype, number of dimensions, shape, bytes (little-endian, C order)
    float   f repr
    str     s text

Texts carry their length in front. Lengths and counts take 8 bytes, little-endian.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

from streammtl.state_tree import KeyPath, encode_text, plain_array, sorted_keys
from streammtl.types import State


def digest(state: State) -> str:
    """SHA-256 of a state, in hexadecimal.

    Neither the order in which keys were inserted nor the byte order and memory layout of arrays matter. The type of a
    number, an array's dtype and shape, and the sign of zero do. Raises `CheckpointError` for a value that a state
    cannot hold, naming its key.

    >>> import numpy as np
    >>> digest({"a": 1, "w": np.zeros(2)}) == digest({"w": np.zeros(2), "a": 1})
    True
    >>> digest({"a": 0.0}) == digest({"a": -0.0})
    False
    """
    hasher = hashlib.sha256()
    _walk(state, (), hasher.update)
    return hasher.hexdigest()


def _walk(value: Any, path: KeyPath, feed: Callable[[bytes | memoryview], None]) -> None:
    kind = type(value)
    if kind is str:
        feed(b"s" + _text(value))
    elif kind is float or kind is np.float64:
        feed(b"f" + _text(repr(float(value))))
    elif kind is int:
        feed(b"i" + _text(str(value)))
    elif kind is bool:
        feed(b"b1" if value else b"b0")
    elif value is None:
        feed(b"n")
    elif kind is list:
        feed(b"l" + _count(len(value)))
        for index, item in enumerate(value):
            _walk(item, (*path, str(index)), feed)
    elif kind is dict:
        feed(b"d" + _count(len(value)))
        for key in sorted_keys(value, path):
            feed(_text(key))
            _walk(value[key], (*path, key), feed)
    else:
        array = plain_array(value, path)
        feed(b"a" + _text(array.dtype.name) + _count(array.ndim) + b"".join(map(_count, array.shape)))
        feed(array.reshape(-1).view(np.uint8).data)


def _count(number: int) -> bytes:
    return number.to_bytes(8, "little")


def _text(text: str) -> bytes:
    encoded = encode_text(text)
    return _count(len(encoded)) + encoded


__all__ = ["digest"]
