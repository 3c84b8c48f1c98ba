"""JSON documents to columns without making the documents: compiled, for blocks of documents that are all plain.

Plain is an object of numbers, texts, lists of numbers, true, false and null, as most writers of events make it. One
document that is not sends its whole block to `streammtl.wire_json`, which is the one that knows every rule and finds
every fault: here nothing is ever rejected. Texts and other tokens are only cut out here; msgspec reads them, a column
at a time, so that a value is what it would be there.

Shape suffixes: F fields, M values of a field, B bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import cache
from typing import Any, NamedTuple, final

import msgspec
import numpy as np
import numpy.typing as npt

from streammtl.compiling import compiled
from streammtl.types import Floats, Ints
from streammtl.wire import Sparse
from streammtl.wire_texts import TextTokens

_Bytes = npt.NDArray[np.uint8]

#: Digits of a number that a 64-bit float holds exactly, so that one division by a power of ten rounds correctly
#: (W. D. Clinger, How to read floating point numbers accurately, PLDI 1990). A column with another number than these
#: is read by msgspec.
_MAX_DIGITS = 15

#: The type of a list of numbers. Those of a column are read all at once where the lists are equally long, because
#: Python's lists of a block, made and thrown away, take more time than everything else that is in it.
VECTOR = list[float | None]
_DECODE_VECTOR = msgspec.json.Decoder(VECTOR).decode

_POWERS = np.array([10.0**n for n in range(_MAX_DIGITS + 1)])


@final
class Scanner:
    """Reads blocks of JSON objects with fields of given types.

    >>> scanner = Scanner({"amount": float, "code": str | int}, max_record_bytes=100)
    >>> columns = scanner.read([b'{"code":"x","amount":1.5}', b'{"code":7,"other":true}'])
    >>> columns["amount"].places.tolist(), columns["amount"].values.tolist()
    ([0], [1.5])
    >>> columns["code"].values
    ['x', 7]
    >>> scanner.read([b'{"code":"x"}', b'{"code":']) is None
    True
    """

    def __init__(
        self,
        field_types: dict[str, Any],
        max_record_bytes: int,
        looked_up: Collection[str] = (),
        numbers: Collection[str] = (),
    ) -> None:
        """The texts of the fields that are `looked_up` may stay where they are, as `TextTokens`.

        The values of the fields in `numbers` may come as an array where all of them are numbers, whole or not.
        """
        self._max_record_bytes = max_record_bytes
        self._is_looked_up_F = [name in looked_up for name in field_types]
        self._may_be_number_F = np.array([kind is float or name in numbers for name, kind in field_types.items()])
        names = [name.encode() + b'":' for name in field_types]
        self._names_B: _Bytes = np.frombuffer(b"".join(names), dtype=np.uint8)
        self._name_ends_F = np.cumsum([len(name) for name in names])
        self._is_number_F = np.array([wire_type is float for wire_type in field_types.values()])
        self._is_vector_F = [wire_type == VECTOR for wire_type in field_types.values()]
        self._decode_of = {
            name: msgspec.json.Decoder(list[wire_type | None]).decode  # type: ignore[valid-type]
            for name, wire_type in field_types.items()
        }
        self._n_values_F = np.zeros(len(names), dtype=np.int64)
        self._is_read_F = np.zeros(len(names), dtype=np.bool_)
        self._is_plain_F = np.zeros(len(names), dtype=np.bool_)
        self._make_room(0)

    def read(self, values: Sequence[Any]) -> dict[str, Sparse] | None:
        """The columns of the documents; None where any of them is not plain or has any fault."""
        try:
            data_B: _Bytes = np.frombuffer(b"\n".join([*values, b""]), dtype=np.uint8)
        except TypeError:  # something that is no bytes
            return None
        n = len(values)
        if n > self._place_FM.shape[1]:
            self._make_room(n)
        arguments = (self._names_B, self._name_ends_F, self._is_number_F, self._max_record_bytes, _POWERS)
        kinds = (self._n_values_F, self._is_read_F, self._is_plain_F)
        found = (*kinds, self._place_FM, self._span_FM2, self._number_FM)
        self._n_values_F[:] = 0
        self._is_read_F[:] = self._may_be_number_F
        self._is_plain_F[:] = True
        if not _compiled().scan(data_B, *arguments, n, *found):
            return None
        columns: dict[str, Sparse] = {}
        for field, (name, decode) in enumerate(self._decode_of.items()):
            m = int(self._n_values_F[field])
            column: Sequence[Any] | Floats = self._number_FM[field, :m].copy()
            if self._is_looked_up_F[field] and self._is_plain_F[field]:
                column = TextTokens(data_B, self._span_FM2[field, :m].copy())
            elif not self._is_read_F[field]:
                span_M2 = self._span_FM2[field, :m]
                try:
                    vectors = self._read_vectors(data_B, span_M2) if self._is_vector_F[field] else None
                    column = self._read_tokens(data_B, span_M2, decode) if vectors is None else vectors
                except (msgspec.DecodeError, UnicodeError):
                    return None
                if self._is_number_F[field]:
                    column = np.array(column, dtype=np.float64)
            columns[name] = Sparse(self._place_FM[field, :m].copy(), column, n)
        return columns

    def _read_tokens(self, data_B: _Bytes, span_M2: Ints, decode: Callable[[Any], list[Any]]) -> list[Any]:
        """The values of the tokens at the spans, as msgspec reads them."""
        list_B = np.empty(int((span_M2[:, 1] - span_M2[:, 0]).sum()) + len(span_M2) + 2, dtype=np.uint8)
        return decode(list_B.data[: _compiled().gather(data_B, span_M2, list_B)])

    def _read_vectors(self, data_B: _Bytes, span_M2: Ints) -> Floats | None:
        """The numbers of lists that are equally long (M, L); null is a list of missing ones. None: they are not."""
        length, n_bytes = _compiled().measure_vectors(data_B, span_M2)
        if length == 0:
            return None
        list_B = np.empty(n_bytes, dtype=np.uint8)
        _compiled().gather_vectors(data_B, span_M2, length, list_B)
        numbers = _DECODE_VECTOR(list_B.data)
        if len(numbers) != len(span_M2) * length:  # `[ ]` is one number by its commas
            return None
        return np.array(numbers, dtype=np.float64).reshape(len(span_M2), length)

    def _make_room(self, n: int) -> None:
        """Arrays for the values of `n` documents; kept, because fresh memory costs more than what is done in it."""
        n_fields = len(self._decode_of)
        self._place_FM = np.zeros((n_fields, n), dtype=np.int64)
        self._span_FM2 = np.zeros((n_fields, n, 2), dtype=np.int64)
        self._number_FM = np.zeros((n_fields, n))


class _Compiled(NamedTuple):
    """The loops over bytes, compiled."""

    scan: Callable[..., bool]
    gather: Callable[..., int]
    measure_vectors: Callable[..., tuple[int, int]]
    gather_vectors: Callable[..., None]


@cache
def _compiled() -> _Compiled:
    return _Compiled(*compiled("the reader of JSON documents", scan, gather, measure_vectors, gather_vectors))


def gather(data_B: _Bytes, span_M2: Ints, list_B: _Bytes) -> int:
    """Write a JSON list of the tokens that lie at the spans; returns how many bytes it has."""
    list_B[0] = 91  # [
    at = 1
    for m in range(len(span_M2)):
        for i in range(span_M2[m, 0], span_M2[m, 1]):
            list_B[at] = data_B[i]
            at += 1
        list_B[at] = 44  # ,
        at += 1
    if len(span_M2) > 0:
        at -= 1
    list_B[at] = 93  # ]
    return at + 1


def measure_vectors(data_B: _Bytes, span_M2: Ints) -> tuple[int, int]:
    """How long the lists at the spans are, and how many bytes `gather_vectors` will write.

    The length is 0 where they are not lists, all of the same length, and nulls.
    """
    length = 0
    n_bytes = 1
    n_nulls = 0
    for m in range(len(span_M2)):
        first, last = span_M2[m, 0], span_M2[m, 1] - 1
        if data_B[first] == 110:  # n
            n_nulls += 1
            continue
        if data_B[first] != 91 or data_B[first + 1] == 93:  # [ and ]
            return 0, 0
        n_numbers = 1
        for i in range(first + 1, last):
            n_numbers += data_B[i] == 44  # ,
        if length > 0 and n_numbers != length:
            return 0, 0
        length = n_numbers
        n_bytes += last - first
    return length, n_bytes + n_nulls * 5 * length


def gather_vectors(data_B: _Bytes, span_M2: Ints, length: int, list_B: _Bytes) -> None:
    """Write one JSON list of the numbers in the lists that lie at the spans; a null is `length` nulls."""
    list_B[0] = 91  # [
    at = 1
    for m in range(len(span_M2)):
        first = span_M2[m, 0]
        if data_B[first] == 110:  # null
            for _ in range(length):
                for i in range(first, first + 4):
                    list_B[at] = data_B[i]
                    at += 1
                list_B[at] = 44  # ,
                at += 1
            continue
        for i in range(first + 1, span_M2[m, 1] - 1):
            list_B[at] = data_B[i]
            at += 1
        list_B[at] = 44
        at += 1
    list_B[at - 1] = 93  # ] in the place of the last comma


def scan(
    data_B: _Bytes,
    names_B: _Bytes,
    name_ends_F: Ints,
    is_number_F: npt.NDArray[np.bool_],
    max_record_bytes: int,
    powers: Floats,
    n_documents: int,
    n_values_F: Ints,
    is_read_F: npt.NDArray[np.bool_],
    is_plain_F: npt.NDArray[np.bool_],
    place_FM: Ints,
    span_FM2: Ints,
    number_FM: Floats,
) -> bool:
    """Find the values of all documents, each of which ends with a line feed; False: a document is not plain.

    For each field, how many documents have it, which, between which bytes its value lies, and of a number its value
    (NaN for null); a field of numbers is not read any further when one of them is too long for that. A field is plain
    when all its values are null or texts of ASCII without escapes. No loop needs to look for the end of the data: the
    line feed there is part of nothing.
    """
    n_fields = len(name_ends_F)
    candidate: Any
    first: Any
    value: Any
    mantissa: Any
    next_F = np.arange(1, n_fields + 1)  # the field that followed this one the last time; and the first of all
    next_F[n_fields - 1] = 0
    at = 0
    for document in range(n_documents):
        start = at
        before = n_fields - 1
        byte = data_B[at]
        if byte != 123:  # {
            return False
        while byte != 125:  # }
            at += 1
            if data_B[at] == 32 and byte == 44:  # a space after a comma
                at += 1
            if data_B[at] != 34:  # "
                return False
            at += 1

            # The key, and the colon.
            field = -1
            candidate = next_F[before]
            for _ in range(n_fields):
                first = name_ends_F[candidate - 1] if candidate > 0 else 0
                length = name_ends_F[candidate] - first
                i = 0
                while i < length and names_B[first + i] == data_B[at + i]:
                    i += 1
                if i == length:
                    field = candidate
                    next_F[before] = field
                    before = field
                    at += length
                    break
                candidate = candidate + 1 if candidate + 1 < n_fields else 0
            if field < 0:
                while data_B[at] != 34:
                    if data_B[at] < 32 or data_B[at] >= 127 or data_B[at] == 92:  # a backslash, or no plain ASCII
                        return False
                    at += 1
                if data_B[at + 1] != 58:  # :
                    return False
                at += 2
            if data_B[at] == 32:
                at += 1

            # The value.
            first = at
            value = np.nan
            is_number = False  # or null
            byte = data_B[at]
            if byte == 34:  # text, which msgspec looks into if the field is known
                at += 1
                byte = data_B[at]
                while byte != 34:
                    if byte < 32:
                        return False
                    if byte >= 127 or byte == 92:
                        if field < 0:
                            return False
                        is_plain_F[field] = False
                        if byte == 92:
                            at += 1
                            if data_B[at] < 32:
                                return False
                    at += 1
                    byte = data_B[at]
                at += 1
            elif byte == 45 or 48 <= byte <= 57:  # a number
                is_negative = byte == 45
                if is_negative:
                    at += 1
                digits = at
                mantissa = 0
                n_digits = 0
                n_decimals = 0
                while 48 <= data_B[at] <= 57 and n_digits <= 15:
                    mantissa = 10 * mantissa + (np.int64(data_B[at]) - 48)
                    n_digits += 1
                    at += 1
                if n_digits == 0 or (n_digits > 1 and data_B[digits] == 48):
                    return False
                if data_B[at] == 46:  # .
                    at += 1
                    while 48 <= data_B[at] <= 57 and n_digits <= 15:
                        mantissa = 10 * mantissa + (np.int64(data_B[at]) - 48)
                        n_digits += 1
                        n_decimals += 1
                        at += 1
                    if n_decimals == 0:
                        return False
                if n_digits <= 15 and not (is_negative and mantissa == 0):
                    value = mantissa / powers[n_decimals]
                    if is_negative:
                        value = -value
                if np.isnan(value) or (data_B[at] != 44 and data_B[at] != 125):  # , }
                    while 48 <= data_B[at] <= 57 or data_B[at] in (43, 45, 46, 69, 101):  # + - . E e
                        at += 1
                    if field < 0:
                        return False
                    is_read_F[field] = False
                is_number = True
            elif byte == 110:  # null
                if data_B[at + 1] != 117 or data_B[at + 2] != 108 or data_B[at + 3] != 108:
                    return False
                is_number = True
                at += 4
            elif byte == 116:  # true
                if data_B[at + 1] != 114 or data_B[at + 2] != 117 or data_B[at + 3] != 101:
                    return False
                at += 4
            elif byte == 102:  # false
                if data_B[at + 1] != 97 or data_B[at + 2] != 108 or data_B[at + 3] != 115 or data_B[at + 4] != 101:
                    return False
                at += 5
            elif byte == 91 and field >= 0:  # a list without texts, lists and objects
                while data_B[at] != 93:
                    at += 1
                    byte = data_B[at]
                    if byte < 32 or byte in (34, 91, 123, 125):
                        return False
                at += 1
            else:
                return False

            if field >= 0:
                m = n_values_F[field]
                if m > 0 and place_FM[field, m - 1] == document:  # it has the field twice
                    return False
                if is_number:
                    number_FM[field, m] = value
                elif is_number_F[field]:
                    return False
                else:
                    is_read_F[field] = False
                if data_B[first] != 34 and data_B[first] != 110:
                    is_plain_F[field] = False
                span_FM2[field, m, 0] = first
                span_FM2[field, m, 1] = at
                place_FM[field, m] = document
                n_values_F[field] = m + 1
            byte = data_B[at]
            if byte not in (44, 125):  # , }
                return False
        at += 1
        if data_B[at] != 10 or at - start > max_record_bytes:
            return False
        at += 1
    return at == len(data_B)
