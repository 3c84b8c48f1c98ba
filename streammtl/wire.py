"""What a stream's records look like on the wire: the fields that are read, and the type of each.

Every field has one type, however many read it: the values that all of its readers can take. The same plan serves JSON
documents (`streammtl.wire_json`) and mappings (`streammtl.wire_rows`), so that a value that one refuses the other
refuses, too.
"""

from __future__ import annotations

import math
import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import compress
from operator import itemgetter, or_
from typing import Any, NamedTuple, TypeAlias, Union, final, get_args, get_origin

import msgspec
import numpy as np

from streammtl.errors import ConfigError
from streammtl.types import Bools, Floats, Ints
from streammtl.wire_texts import TextTokens

#: Why a record is rejected. The words become labels of a metric; keep the set small and the words as they are.
REASONS: dict[str, str] = {
    "empty": "no value, or nothing in it that the schema knows",
    "malformed": "not a JSON object, not a row of the table, or not valid UTF-8",
    "too_large": "more bytes than schema.max_record_bytes",
    "too_deep": "objects and lists nested more than 500 deep",
    "wrong_type": "a field does not hold what its feature, task or role in the schema reads",
    "out_of_range": "a number that no 64-bit float can hold",
    "missing_id": "no id, where the schema names a field for it; or a label without the id of its event",
    "bad_time": "no event time, or none that can be read, where the schema names a field for it",
    "bad_record": "the field that says what a record is says neither event nor label",
    "no_label": "a label record without any label",
    "bad_feature": "a feature cannot use the value: for example a vector of the wrong length",
    "bad_label": "a task cannot use the value: for example a class that is not among the declared ones",
}

#: Deeper nesting is rejected by count, before Python's recursion limit, which depends on who calls, could decide.
MAX_DEPTH = 500

#: Fields that the schema does not know are counted in the records whose offset this number divides: to look into
#: every record would cost as much as decoding it.
UNKNOWN_EVERY = 64


class Fault(NamedTuple):
    """A record that is rejected."""

    row: int  # among the records of the turn, or among those of a step that says so
    reason: str
    detail: str


#: The values of a field: None is missing.
Column: TypeAlias = "Sequence[Any] | Sparse"


@dataclass(frozen=True, slots=True)
class Columns:
    """The values of the records that could be read, by field.

    `row_N` are their places among the records of the turn.
    """

    columns: Mapping[str, Column]
    row_N: Ints
    faults: list[Fault]
    n_unknown_fields: int


@final
@dataclass(frozen=True, slots=True)
class Sparse:
    """A column of which only the records that have the field are held: M of N.

    >>> Sparse(np.array([0, 2]), ["a", None], 3).at(np.array([0, 1]))
    ['a', None]
    """

    places: Ints  # increasing
    #: None: null; of numbers an array, NaN: null; of equally long lists (M, L); of fields that are looked up, tokens.
    values: Sequence[Any] | Floats
    n: int

    def __len__(self) -> int:
        """N."""
        return self.n

    def at(self, index_K: Ints) -> Sequence[Any] | Floats:
        """The values at increasing places; None, or NaN of numbers, where there is none."""
        if np.array_equal(self.places, index_K):
            return self.values
        if isinstance(self.values, np.ndarray):
            all_N = np.full((self.n, *self.values.shape[1:]), np.nan)
            all_N[self.places] = self.values
            return all_N[index_K]
        if isinstance(self.values, TextTokens) and np.isin(index_K, self.places, assume_unique=True).all():
            return self.values.among(np.isin(self.places, index_K, assume_unique=True))
        value_of = dict(zip(self.places.tolist(), self.values, strict=True))
        return list(map(value_of.get, index_K.tolist()))


@dataclass(slots=True)
class WirePlan:
    """The type of every field that is read, and the object in which labels are nested, if they are.

    >>> plan = WirePlan()
    >>> plan.add("amount", float, "feature 'amount'")
    >>> plan.add("amount", str | int | float | bool, "feature 'amount_band'")
    >>> plan.types
    {'amount': <class 'float'>}
    """

    labels_field: str | None = None
    types: dict[str, Any] = field(default_factory=dict)
    label_types: dict[str, Any] = field(default_factory=dict)
    _readers: dict[str, list[str]] = field(default_factory=dict)

    def add(self, name: str, wire_type: Any, reader: str) -> None:
        """`reader` reads the field as `wire_type`. Raises `ConfigError` when other readers need something else."""
        _check_name(name, reader)
        readers = self._readers.setdefault(name, [])
        if name not in self.types:
            self.types[name] = wire_type
        else:
            common = _both(self.types[name], wire_type)
            if common is None:
                raise ConfigError(
                    f"the field {name!r} is read as {describe_type(self.types[name])} by {' and '.join(readers)}, "
                    f"and as {describe_type(wire_type)} by {reader}: no value is both; rename one of the fields"
                )
            self.types[name] = common
        readers.append(reader)

    def add_label(self, name: str, wire_type: Any, reader: str) -> None:
        """`reader`, a task, reads the field as its label. Raises `ConfigError` when anything else reads it."""
        _check_name(name, reader)
        if name in self.label_types:
            both = " and ".join([*self._readers[name], reader])
            raise ConfigError(f"the field {name!r} is the label of {both}; give each task its own label field")
        if name in self._readers:
            raise ConfigError(
                f"the field {name!r} is the label of {reader} and is also read by {self._readers[name][0]}: a label "
                "must never be a feature, or what is to be predicted is known beforehand; remove one of the two"
            )
        self._readers[name] = [reader]
        self.label_types[name] = wire_type

    @property
    def known(self) -> frozenset[str]:
        """Every field that is read, at the top of a record."""
        nested = () if self.labels_field is None else (self.labels_field,)
        return frozenset((*self.types, *self.label_types, *nested))


def is_present(value: Any) -> bool:
    """Is it something? None, empty text, NaN, infinity, and a list of nothing but None are missing."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, list):
        return not value or any(item is not None for item in value)
    return value is not None and value != ""


def presence(column: Column) -> Bools:
    """`is_present` of each value."""
    place_M, _ = present(column)
    if len(place_M) == len(column):
        return np.ones(len(column), dtype=np.bool_)
    is_there_N = np.zeros(len(column), dtype=np.bool_)
    is_there_N[place_M] = True
    return is_there_N


def present(column: Column) -> tuple[Ints, Sequence[Any]]:
    """The places of the values that are something (see `is_present`), increasing, and those values."""
    if isinstance(column, Sparse):
        if isinstance(column.values, np.ndarray) and column.values.ndim == 2:
            is_there_M = ~np.isnan(column.values).all(axis=1)
            return column.places[is_there_M], column.values[is_there_M].tolist()
        if isinstance(column.values, TextTokens):
            is_there_M = column.values.presence()
            return column.places[is_there_M], column.values.among(is_there_M)
        values = column.values.tolist() if isinstance(column.values, np.ndarray) else column.values
        place_M, values = present(values)
        return column.places[place_M], values
    n_missing = column.count(None)
    if n_missing == len(column):
        return np.zeros(0, dtype=np.int64), ()
    place_M, values = np.arange(len(column)), column
    if n_missing:
        place_M = np.array([place for place, value in enumerate(column) if value is not None], dtype=np.int64)
        values = take(column, place_M)
    if all_present(values):
        return place_M, values
    is_something = list(map(is_present, values))
    return place_M[is_something], list(compress(values, is_something))


def all_present(values: Sequence[Any]) -> bool:
    """Is every one of these values something? None of them is None."""
    kinds = set(map(type, values))
    if str in kinds and "" in values:
        return False
    if list in kinds:
        return all(map(is_present, values))
    if float not in kinds:
        return True
    return kinds == {float} and bool(np.isfinite(np.array(values, dtype=np.float64)).all())


def take(values: Sequence[Any], index_K: Ints) -> Sequence[Any]:
    """The values at increasing places."""
    if len(index_K) == len(values):
        return values
    if len(index_K) < 2:
        return [values[place] for place in index_K.tolist()]
    return tuple(itemgetter(*index_K.tolist())(values))


def values_at(column: Column, index_K: Ints) -> Sequence[Any] | Floats:
    """The values at increasing places; of a sparse column of numbers as an array."""
    return column.at(index_K) if isinstance(column, Sparse) else take(column, index_K)


def listed(column: Column) -> Sequence[Any]:
    """All values; a missing number may be NaN."""
    values = column.at(np.arange(len(column))) if isinstance(column, Sparse) else column
    return values.tolist() if isinstance(values, np.ndarray) else values


def parts_of(wire_type: Any) -> tuple[Any, ...]:
    """The members of a union, or the type itself, without None."""
    if get_origin(wire_type) in {Union, types.UnionType}:
        return tuple(part for part in get_args(wire_type) if part is not type(None))
    return (wire_type,)


def describe_type(wire_type: Any) -> str:
    """A type as a person reads it."""
    names = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}
    parts = parts_of(wire_type)
    if float in parts:
        parts = tuple(part for part in parts if part is not int)
    return " or ".join(names.get(part) or ("a list" if get_origin(part) is list else str(part)) for part in parts)


def explain(error: Exception) -> tuple[str, str]:
    """Reason and detail of what msgspec says about a value."""
    text = str(error)
    if isinstance(error, RecursionError):
        return "too_deep", f"nested more than {MAX_DEPTH} deep"
    if isinstance(error, UnicodeError):
        return "malformed", f"not valid UTF-8: {text}"
    if isinstance(error, msgspec.ValidationError):
        if text.startswith(("Number out of range", "Integer value out of range")):
            return "out_of_range", text
        return ("wrong_type" if " - at `" in text else "malformed"), text
    return "malformed", text


def _both(one: Any, other: Any) -> Any:
    """The type of the values that both types take; None: there are none."""
    if Any in {one, other}:
        return other if one is Any else one
    parts, other_parts = _widened(one), _widened(other)
    common = [part for part in parts if part in other_parts]
    # Where one of the readers knows numbers only as floats, it gets whole numbers as floats, too.
    if float in common and int in common and not (int in parts_of(one) and int in parts_of(other)):
        common.remove(int)
    return reduce(or_, common) if common else None


def _widened(wire_type: Any) -> tuple[Any, ...]:
    parts = parts_of(wire_type)
    return (*parts, int) if float in parts and int not in parts else parts


def _check_name(name: str, reader: str) -> None:
    forbidden: Iterable[str] = (c for c in name if c in '"\\' or ord(c) < 32)
    if not name or any(True for _ in forbidden):
        raise ConfigError(
            f"{reader} reads the field {name!r}: the name of a field must not be empty, nor hold quotation marks, "
            "backslashes or control characters"
        )
