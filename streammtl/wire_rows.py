"""Mappings to columns: rows of CSV and Parquet files, and Python's dictionaries.

Whole columns are converted at once; only where that fails, value by value.
"""

from __future__ import annotations

import contextlib
import datetime
import decimal
import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, final

import msgspec
import numpy as np

from streammtl.text_rows import TextRows
from streammtl.types import Ints
from streammtl.wire import UNKNOWN_EVERY, Columns, Fault, WirePlan, explain, is_present, parts_of


@final
class RowReader:
    """Reads mappings with the fields of a plan.

    `lenient` is for text that stands for something else (CSV): empty text is missing, "12.5" is a number, "true" and
    "1" are true, a list is written as JSON. Otherwise a value must have the type that it would have in JSON, or be a
    numpy scalar or array, a `datetime`, a `date` or a `Decimal`.

    A mapping with the empty key is a row that its source could not read; its value is the raw text. Labels lie beside
    the features, or in a mapping of their own where the plan nests them (in CSV: a cell that holds a JSON object).

    >>> import numpy as np
    >>> plan = WirePlan(types={"amount": float, "code": str | int})
    >>> read = RowReader(plan).read([{"amount": "1.5", "code": "7"}, {"amount": "x"}, {}], np.arange(3), lenient=True)
    >>> read.columns, read.row_N.tolist(), read.faults[0].detail
    ({'amount': [1.5, None], 'code': ['7', None]}, [0, 2], "Expected `float | null`, got `str` - at `$.amount`: 'x'")
    """

    def __init__(self, plan: WirePlan) -> None:
        self._types = plan.types | plan.label_types
        self._labels_field = plan.labels_field
        self._known = plan.known
        self._label_names = tuple(plan.label_types)
        # Where labels are nested, those beside the features are fields that the schema does not know.
        self._names = tuple(self._types) if plan.labels_field is None else tuple(plan.types)

    def read(self, rows: Sequence[Any], offset_N: Ints, lenient: bool) -> Columns:
        """The columns of the rows that can be read."""
        faults: list[Fault] = []
        if not isinstance(rows, TextRows):
            faults = [Fault(index, *why) for index, row in enumerate(rows) if (why := _refuse(row)) is not None]
        row_N = np.arange(len(rows))
        if faults:
            row_N = np.delete(row_N, [fault.row for fault in faults])
            rows = [rows[row] for row in row_N.tolist()]
        columns = self._extract(rows)
        bad: dict[int, Fault] = {}
        if self._labels_field is not None:
            nested, bad = _nested(rows, self._labels_field, lenient)
            columns |= {name: [labels.get(name) for labels in nested] for name in self._label_names}
        for name, wire_type in self._types.items():
            columns[name], found = _convert(columns[name], wire_type, name, lenient)
            for one in found:
                bad.setdefault(one.row, one)
        if bad:
            faults.extend(Fault(int(row_N[index]), *fault[1:]) for index, fault in bad.items())
            keep = [index for index in range(len(rows)) if index not in bad]
            row_N = row_N[keep]
            rows = [rows[index] for index in keep]
            columns = {name: [column[index] for index in keep] for name, column in columns.items()}
        return Columns(columns, row_N, sorted(faults), self._count_unknown(rows, offset_N[row_N]))

    def _extract(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Sequence[Any]]:
        columns: dict[str, Sequence[Any]] = {}
        if isinstance(rows, TextRows):
            nothing = (None,) * len(rows)
            return {name: rows.column(name) if name in rows.header else nothing for name in self._names}
        shared = [name for name in self._names if rows and name in rows[0]]
        if len(shared) > 1:  # of one name, an itemgetter gives no tuple
            with contextlib.suppress(KeyError):  # not shared by all rows
                columns = dict(zip(shared, zip(*map(operator.itemgetter(*shared), rows), strict=True), strict=True))
        for name in self._names:
            if name not in columns:
                columns[name] = [row.get(name) for row in rows]
        return columns

    def _count_unknown(self, rows: Sequence[Mapping[str, Any]], offset_N: Ints) -> int:
        sampled = np.flatnonzero(offset_N % UNKNOWN_EVERY == 0).tolist()
        return sum(1 for index in sampled for name in rows[index] if name not in self._known)


def _refuse(row: Any) -> tuple[str, str] | None:
    if type(row) is not dict and not isinstance(row, Mapping):
        return ("empty", "no value") if row is None else ("malformed", f"expected a row, found {type(row).__name__}")
    if "" in row:
        return "malformed", "the row could not be read"
    return None


def _nested(
    rows: Sequence[Mapping[str, Any]], labels_field: str, lenient: bool
) -> tuple[list[Mapping[str, Any]], dict[int, Fault]]:
    """The nested labels of each row; none where the field is blank or (a fault) holds something else."""
    nested: list[Mapping[str, Any]] = []
    bad: dict[int, Fault] = {}
    for index, row in enumerate(rows):
        labels = row.get(labels_field)
        if lenient and isinstance(labels, str) and labels:
            with contextlib.suppress(msgspec.DecodeError, UnicodeError, RecursionError):  # refused below, as text
                labels = msgspec.json.decode(labels)
        if not isinstance(labels, Mapping):
            if is_present(labels):
                detail = f"expected an object of labels, found {_short(labels)} - at `$.{labels_field}`"
                bad[index] = Fault(index, "wrong_type", detail)
            labels = {}
        nested.append(labels)
    return nested, bad


def _convert(column: Sequence[Any], wire_type: Any, name: str, lenient: bool) -> tuple[Sequence[Any], list[Fault]]:
    if lenient:
        if "" in column:
            column = [None if value == "" else value for value in column]
    elif not set(map(type, column)) <= _NATIVE:
        column = [_plain(value) for value in column]
    try:
        converted: list[Any] = msgspec.convert(column, list[wire_type | None], strict=not lenient)
        if str in parts_of(wire_type):
            is_text = set(map(type, converted)) == {str}
            texts = converted if is_text else [value for value in converted if isinstance(value, str)]
            "".join(texts).encode()  # raises at a lone surrogate
    except (msgspec.ValidationError, UnicodeError, RecursionError):
        return _convert_each(column, wire_type, name, lenient)
    return converted, []


def _convert_each(column: Iterable[Any], wire_type: Any, name: str, lenient: bool) -> tuple[list[Any], list[Fault]]:
    converted: list[Any] = []
    faults: list[Fault] = []
    for index, value in enumerate(column):
        one = None
        try:
            one = _convert_one(value, wire_type, lenient)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            reason, detail = explain(error)
            if reason == "malformed" and not isinstance(error, UnicodeError):
                reason = "wrong_type"
            faults.append(Fault(index, reason, f"{detail} - at `$.{name}`: {_short(value)}"))
        converted.append(one)
    return converted, faults


def _convert_one(value: Any, wire_type: Any, lenient: bool) -> Any:
    if lenient and isinstance(value, str) and value[:1] in ("[", "{") and str not in parts_of(wire_type):
        return msgspec.json.decode(value, type=wire_type | None)
    value = msgspec.convert(value, wire_type | None, strict=not lenient)
    if isinstance(value, str):
        value.encode()
    return value


#: The types that JSON knows.
_NATIVE = {type(None), bool, int, float, str, list, tuple, dict}


def _plain(value: Any) -> Any:
    """The value as JSON would have it."""
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[us]").item()
    elif isinstance(value, np.ndarray):
        return [_plain(item) for item in value.tolist()]
    elif isinstance(value, np.generic):
        return value.item()
    if isinstance(value, datetime.datetime | datetime.date):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return math.nan if value.is_snan() else float(value)
    return value


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer too long to write, a list too deep
        text = f"a value of type {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."
