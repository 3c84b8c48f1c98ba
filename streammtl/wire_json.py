"""JSON documents to columns, by a msgspec struct that is built once."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Sequence
from typing import Any, final

import msgspec
import numpy as np

from streammtl.types import Ints
from streammtl.wire import MAX_DEPTH, UNKNOWN_EVERY, Columns, Fault, WirePlan, explain
from streammtl.wire_scan import Scanner

#: A text (ended or not), or a bracket: what is needed to tell how deep a document is nested.
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)

#: Documents whose structs live at the same time: few enough to stay in the processor's cache.
_CHUNK = 256

#: Fewer documents at once are not worth the compiled reader.
_SCANNED_FROM = 256

_KEYS = msgspec.json.Decoder(dict[str, msgspec.Raw])


@final
class JsonReader:
    """Reads JSON objects with the fields of a plan; fields that it does not know are skipped unread.

    >>> import numpy as np
    >>> plan = WirePlan(types={"a.b": float, "class": str | int})
    >>> read = JsonReader(plan, max_record_bytes=100).read([b'{"class":"x"}', b'{"a.b":', b'{"a.b":1}'], np.arange(3))
    >>> read.columns, read.row_N.tolist(), read.faults[0].reason
    ({'a.b': [None, 1.0], 'class': ['x', None]}, [0, 2], 'malformed')
    """

    def __init__(
        self,
        plan: WirePlan,
        max_record_bytes: int,
        looked_up: Collection[str] = (),
        numbers: Collection[str] = (),
    ) -> None:
        """For `looked_up` and `numbers` see `Scanner`."""
        self._max_record_bytes = max_record_bytes
        self._plain_bytes = min(max_record_bytes, 2 * MAX_DEPTH - 1)  # too short to be nested too deep
        self._label_names = list(plan.label_types)
        self._labels_field = plan.labels_field
        if plan.labels_field is None:
            record_types = plan.types | plan.label_types
        else:
            record_types = plan.types | {plan.labels_field: _struct("Labels", plan.label_types)}
        self._names = list(record_types)
        self._known = frozenset(record_types)
        self._decode = msgspec.json.Decoder(_struct("Record", record_types)).decode
        self._scanner = (
            None if plan.labels_field is not None else Scanner(record_types, max_record_bytes, looked_up, numbers)
        )

    def read(self, values: Sequence[Any], offset_N: Ints) -> Columns:
        """The columns of the documents that can be read."""
        scanned = self._scanner.read(values) if self._scanner and len(values) >= _SCANNED_FROM else None
        if scanned is not None:
            row_N = np.arange(len(values))
            return Columns(scanned, row_N, [], self._count_unknown(values, offset_N, row_N))
        columns: dict[str, list[Any]] = {name: [] for name in self._names}
        kept: list[int] = []
        faults: list[Fault] = []
        for start in range(0, len(values), _CHUNK):
            rows = self._decode_chunk(values[start : start + _CHUNK], start, kept, faults)
            parts = zip(*map(msgspec.structs.astuple, rows), strict=True)
            for column, part in zip(columns.values(), parts, strict=False):  # no part at all where no row is good
                column.extend(part)
        row_N = np.array(kept, dtype=np.int64)
        return Columns(self._unnest(columns), row_N, faults, self._count_unknown(values, offset_N, row_N))

    def _decode_chunk(self, values: Sequence[Any], start: int, kept: list[int], faults: list[Fault]) -> list[Any]:
        """The structs of the good documents; their places go to `kept`, those of the others to `faults`."""
        rows: list[Any] = []
        with contextlib.suppress(msgspec.DecodeError, UnicodeError, RecursionError, TypeError):
            sizes = set(map(len, values))
            if min(sizes) > 0 and max(sizes) <= self._plain_bytes:
                rows.extend(map(self._decode, values))  # the structs before the first bad document stay in the list
        n_rows = len(rows)
        kept.extend(range(start, start + n_rows))
        if n_rows < len(values):
            rows += self._decode_each(values[n_rows:], start + n_rows, kept, faults)
        return rows

    def _decode_each(self, values: Sequence[Any], start: int, kept: list[int], faults: list[Fault]) -> list[Any]:
        """`_decode_chunk` one by one, from the first document on that is unusual in any way."""
        rows: list[Any] = []
        decode, plain_bytes = self._decode, self._plain_bytes
        for index, value in enumerate(values, start):
            try:
                if not 0 < len(value) <= plain_bytes:
                    fault = self._check_size(index, value)
                    if fault is not None:
                        faults.append(fault)
                        continue
                rows.append(decode(value))
            except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
                faults.append(Fault(index, *explain(error)))
            except TypeError:
                faults.append(_not_a_document(index, value))
            else:
                kept.append(index)
        return rows

    def _check_size(self, index: int, value: bytes) -> Fault | None:
        if len(value) == 0:
            return Fault(index, "empty", "a value of 0 bytes")
        if len(value) > self._max_record_bytes:
            limit = self._max_record_bytes
            return Fault(index, "too_large", f"{len(value)} bytes, more than schema.max_record_bytes: {limit}")
        if is_too_deep(value):
            return Fault(index, "too_deep", f"nested more than {MAX_DEPTH} deep")
        return None

    def _unnest(self, columns: dict[str, list[Any]]) -> dict[str, Sequence[Any]]:
        flat: dict[str, Sequence[Any]] = dict(columns)
        if self._labels_field is not None:
            nothing = (None,) * len(self._label_names)
            nested = [nothing if one is None else msgspec.structs.astuple(one) for one in columns[self._labels_field]]
            del flat[self._labels_field]
            flat |= {name: [labels[place] for labels in nested] for place, name in enumerate(self._label_names)}
        return flat

    def _count_unknown(self, values: Sequence[Any], offset_N: Ints, row_N: Ints) -> int:
        rows = row_N[offset_N[row_N] % UNKNOWN_EVERY == 0].tolist()
        return sum(len(_keys(values[row]) - self._known) for row in rows)


def is_too_deep(document: bytes | str) -> bool:
    """Are the objects and lists of a document nested more than `MAX_DEPTH` deep? Also of one that is no valid JSON.

    >>> is_too_deep(b"[" * 501), is_too_deep(b'"' + b"[" * 501 + b'"')
    (True, False)
    """
    data = document.encode("utf-8", "surrogatepass") if isinstance(document, str) else bytes(document)
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return False
    depth = 0
    for token in _TOKEN.finditer(data):
        first = token.group()[0]
        if first in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif first in b"]}":
            depth -= 1
    return False


def _struct(name: str, field_types: dict[str, Any]) -> type[msgspec.Struct]:
    """A struct whose attributes are numbered, because a field's name may be anything: `class`, `1d`, `a.b`."""
    attributes = {f"f{index}": field for index, field in enumerate(field_types)}
    fields = [(attribute, field_types[field] | None, None) for attribute, field in attributes.items()]
    # Records hold no cycles; without the garbage collector's attention they are made faster.
    return msgspec.defstruct(name, fields, rename=attributes, gc=False)


def _not_a_document(index: int, value: Any) -> Fault:
    if value is None:
        return Fault(index, "empty", "no value")
    return Fault(index, "malformed", f"expected a JSON document as bytes, found {type(value).__name__}")


def _keys(document: Any) -> set[str]:
    try:
        return set(_KEYS.decode(document))
    except (msgspec.DecodeError, UnicodeError):  # a key that is skipped unread may be no UTF-8
        return set()
