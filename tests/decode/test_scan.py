"""The compiled reader of plain JSON: what it takes it reads as the other does, and it takes what most writers write."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streammtl.wire_scan import Scanner
from tests.decode.streams import EVENT, assert_same, decode_in_polls, decoder, documents
from tests.decode.test_properties import STREAMS

QUICK = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
TYPES: dict[str, Any] = {
    "id": str | int,
    "amount": float,
    "place": list[float | None],
    "code": str | int | float | bool,
    "ü": str,
}
PLAIN = b'{"id":"a","amount":1.5,"place":[1, null],"code":true,"\xc3\xbc":"x"}'


def by_msgspec(values: list[bytes]) -> dict[str, list[tuple[int, Any]]]:
    """Place and value of each field that a document has; raises what msgspec raises."""
    fields = {f"f{index}": name for index, name in enumerate(TYPES)}
    wire = msgspec.defstruct(
        "Wire",
        [(f, TYPES[name] | None | msgspec.UnsetType, msgspec.UNSET) for f, name in fields.items()],
        rename=fields,
    )
    rows = [msgspec.json.decode(value, type=wire) for value in values]
    return {
        name: [(place, getattr(row, f)) for place, row in enumerate(rows) if getattr(row, f) is not msgspec.UNSET]
        for f, name in fields.items()
    }


def scanned(values: list[bytes]) -> dict[str, list[tuple[int, Any]]] | None:
    columns = Scanner(TYPES, max_record_bytes=1000).read(values)
    looked_up = Scanner(TYPES, max_record_bytes=1000, looked_up=("code", "ü")).read(values)
    assert (columns is None) == (looked_up is None)
    if columns is None or looked_up is None:
        return None
    found = {}
    for name, column in columns.items():
        listed = column.values
        assert name not in ("code", "ü") or list(looked_up[name].values) == listed
        if isinstance(listed, np.ndarray):
            listed = np.where(np.isnan(listed), None, listed).tolist()  # type: ignore[call-overload]
        found[name] = list(zip(column.places.tolist(), listed, strict=True))
    return found


def assert_takes_as_msgspec(values: list[bytes]) -> bool:
    """Every document it takes is one that msgspec takes, with the same values of the same types."""
    found = scanned(values)
    if found is None:
        return False
    assert repr(found) == repr(by_msgspec(values))
    return True


VALUES = st.sampled_from(["x", "a\\b", 'quo"te', "ü", "", 0, 7, -3, 10**15, 0.1, -2.75, 1e-7, 1e300, True, None]) | (
    st.floats(-1e9, 1e9).map(lambda number: round(number, 3))
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.lists(st.none() | st.integers(-9, 9), max_size=3)
)
ROWS = st.dictionaries(st.sampled_from([*TYPES, "other", "cod", "code2"]), VALUES, min_size=1, max_size=6)


@QUICK
@given(st.lists(ROWS, min_size=1, max_size=3), st.booleans(), st.booleans())
def test_what_it_takes_it_reads_as_msgspec(rows: list[dict[str, Any]], spaces: bool, ascii_only: bool) -> None:
    separators = (", ", ": ") if spaces else (",", ":")
    values = [json.dumps(row, separators=separators, ensure_ascii=ascii_only).encode() for row in rows]
    assert_takes_as_msgspec(values)


@QUICK
@given(st.data())
def test_no_damage_is_taken_for_plain(data: st.DataObject) -> None:
    damaged = bytearray(data.draw(st.sampled_from([PLAIN, b'{"amount":-10.25,"id":7}', b'{"code":"a\\"b","id":null}'])))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at : at + data.draw(st.integers(0, 2))] = data.draw(
            st.sampled_from(
                [b"", b'"', b"\\", b",", b"{", b"}", b"[", b"]", b" ", b"\n", b"\xff", b"0", b"-", b".", b"e"]
            )
        )
    assert_takes_as_msgspec([PLAIN, bytes(damaged)])


@pytest.mark.parametrize(
    "plain",
    [
        b'{"id":"a","amount":1.5}',
        b'{"id": "a", "amount": -0.001, "place": [1, 2.5, null]}',
        b'{"amount":0.1234567890123456,"code":1e-7,"id":12345678901234567890}',
        b'{"amount":-0,"code":-0.0}',
        b'{"amount":123456789012345,"id":0,"code":"a\\u00e4\\"b"}',
        b'{"other":"some text","id":null,"amount":null,"again":-1.5,"code":false}',
        '{"ü":"ß"}'.encode(),
    ],
)
def test_plain_documents_are_taken(plain: bytes) -> None:
    assert assert_takes_as_msgspec([plain, plain])


@pytest.mark.parametrize(
    "other",
    [
        b"",
        b"{}",
        b"[]",
        b'{"id":"a"} ',
        b'{"id":"a"}\n{"id":"b"}',
        b'{"id":"a","id":"b"}',
        b'{"id":{"a":1}}',
        b'{"other":{"a":1}}',
        b'{"other":"\xff"}',
        b'{"id":"\xff"}',
        b'{"id":"a\x01"}',
        b'{"id":"\\x"}',
        b'{"id":1.5}',
        b'{"amount":"1.5"}',
        b'{"amount":1e999}',
        b'{"amount":1e}',
        b'{"other":1e5}',
        b'{"amount":01}',
        b'{"amount":1.}',
        b'{"amount":.5}',
        b'{"amount":0.12345678901234567-}',
        b'{"amount":nul}',
        b'{"place":[1,]}',
        b'{"place":["x"]}',
        b'{"place":[[1]]}',
        b'{"id":"' + b"x" * 1000 + b'"}',
        b'{"id":"a"',
        b'{"id":"a',
        b'{"id',
        b"{",
    ],
)
def test_every_other_document_is_left_to_msgspec(other: bytes) -> None:
    good = b'{"id":"a"}'
    assert scanned([good, other, good]) is None
    assert scanned([good, good, other]) is None


def test_what_is_no_bytes_is_left_to_the_other_reader() -> None:
    assert Scanner(TYPES, 1000).read([b'{"id":"a"}', None]) is None


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STREAMS, st.sampled_from([0, 0, 0, 1]))
def test_large_polls_are_decoded_as_small_ones(rows: list[dict[str, Any]], n_broken: int) -> None:
    values = (documents(rows) * 300)[:300]
    values[len(rows) : len(rows) + n_broken] = [b'{"tx": 1, "amount": ['] * n_broken
    assert_same(decode_in_polls(decoder(), values, 5000), decode_in_polls(decoder(), values, 50))


def test_labels_and_features_of_a_large_poll_lie_at_their_records() -> None:
    event = {**EVENT, "place": None}
    label = {"tx": "a", "ts": 1_700_000_000, "loss": 2.5, "kind": "a"}
    values = documents([event, label, {**event, **label}, {**event, "amount": None}] * 75)
    large, small = decode_in_polls(decoder(), values, 300), decode_in_polls(decoder(), values, 50)
    assert_same(large, small)
    assert large[0].is_event_N[:4].tolist() == [True, False, True, True]
