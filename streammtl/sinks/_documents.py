"""Documents as JSON, and as flat rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from streammtl.errors import SinkError
from streammtl.sinks.base import Documents
from streammtl.table import Table


def encode_lines(documents: Documents) -> bytes:
    """One JSON document per line. NaN and infinity, which JSON does not know, become null."""
    try:
        return _lines(documents.documents)
    except (TypeError, ValueError):
        return b"".join(line + b"\n" for line in _encode_one_by_one(documents))


def encode_each(documents: Documents) -> list[bytes]:
    """The JSON of each document. NaN and infinity, which JSON does not know, become null."""
    try:
        return _lines(documents.documents).split(b"\n")[:-1]
    except (TypeError, ValueError):
        return _encode_one_by_one(documents)


def _lines(documents: Sequence[dict[str, Any]]) -> bytes:
    if isinstance(documents, Table):
        return documents.encode_lines(_ENCODER)
    return _ENCODER.encode_lines(list(documents))


def _encode_one_by_one(documents: Documents) -> list[bytes]:
    encoded = []
    for key, document in zip(documents.keys, documents.documents, strict=True):
        try:
            encoded.append(_ENCODER.encode(document))
        except (TypeError, ValueError) as problem:
            raise SinkError(f"the document {key!r} cannot be written as JSON: {problem}") from problem
    return encoded


def encode_value(value: Any) -> str:
    """The JSON of a list or another value that a flat row cannot hold as it is."""
    return _ENCODER.encode(value).decode()


def flatten(key: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """A document without nesting: `{"a": {"b": 1}}` becomes `{"a.b": 1}`; NaN becomes None, numpy scalars Python's.

    >>> flatten("7", {"id": 7, "fraud": {"probability": 0.5, "best": [1, 2]}})
    {'id': 7, 'fraud.probability': 0.5, 'fraud.best': [1, 2]}
    """
    flat: dict[str, Any] = {}
    _flatten_into(flat, "", document, key)
    return flat


def _flatten_into(flat: dict[str, Any], prefix: str, part: Mapping[str, Any], key: str) -> None:
    for name, value in part.items():
        column = f"{prefix}{name}"
        if isinstance(value, Mapping):
            _flatten_into(flat, f"{column}.", value, key)
            continue
        if column in flat:
            raise SinkError(f"the document {key!r} has two values for the column {column!r}; rename one of its fields")
        plain = value.item() if isinstance(value, np.generic) else value
        flat[column] = None if isinstance(plain, float) and not math.isfinite(plain) else plain


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} has no form in JSON")


_ENCODER = msgspec.json.Encoder(enc_hook=_plain)
