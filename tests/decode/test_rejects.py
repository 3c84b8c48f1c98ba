"""Every reason for which a record is rejected; none raises, none disturbs its neighbours."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from streammtl.decode import REASONS
from streammtl.types import Role
from tests.decode.streams import EVENT, FULL, decoder, documents, reasons, records

GOOD = json.dumps(EVENT).encode()


def changed(**fields: Any) -> bytes:
    return json.dumps(EVENT | fields).encode()


BAD_DOCUMENTS: list[tuple[str, Any]] = [
    ("empty", b""),
    ("empty", None),
    ("empty", b"{}"),
    ("empty", b'{"something": 1}'),
    ("empty", b'{"tx": "", "amount": null}'),
    ("malformed", b"{"),
    ("malformed", b"[]"),
    ("malformed", b"null"),
    ("malformed", b"12"),
    ("malformed", GOOD + b" x"),
    ("malformed", b'{"amount": NaN}'),
    ("malformed", b'{"amount": Infinity}'),
    ("malformed", b"\xff\xfe"),
    ("malformed", b'{"code": "\xff"}'),
    ("malformed", b'{"code": "\\ud800"}'),
    ("malformed", 12),
    ("too_large", b'{"note": "' + b"x" * 1_000_000 + b'"}'),
    ("too_large", b"[" * 10_000_000),
    ("too_deep", b'{"other": ' + b"[" * 501 + b"]" * 501 + b"}"),
    ("too_deep", b'{"other": ' + b'{"a": ' * 100_000),
    ("wrong_type", changed(amount="2.5")),
    ("wrong_type", changed(amount=True)),
    ("wrong_type", changed(amount=[1])),
    ("wrong_type", changed(online="yes")),
    ("wrong_type", changed(code=["DE"])),
    ("wrong_type", changed(place=[1, "x"])),
    ("wrong_type", changed(note=5)),
    ("wrong_type", changed(tx=1.5)),
    ("wrong_type", changed(ts=True)),
    ("wrong_type", changed(loss="much")),
    ("out_of_range", b'{"amount": 1e999}'),
    ("out_of_range", b'{"loss": -1e400}'),
    ("out_of_range", b'{"tx": ' + b"9" * 5000 + b"}"),
    ("missing_id", changed(tx=None)),
    ("missing_id", changed(tx="")),
    ("bad_time", changed(ts=None)),
    ("bad_time", changed(ts="noon")),
    ("bad_time", changed(ts=1e300)),
    ("no_label", b'{"tx": "a", "ts": 5}'),
    ("bad_feature", changed(place=[1.0])),
    ("bad_feature", changed(online=2)),
    ("bad_label", changed(fraud=2)),
    ("bad_label", b'{"tx": "a", "ts": 5, "loss": 1e300}'),
]


@pytest.mark.parametrize(("reason", "value"), BAD_DOCUMENTS, ids=lambda value: repr(value)[:40])
def test_bad_document_is_rejected_between_good_ones(reason: str, value: Any) -> None:
    roles = (Role.LABELS,) if reason == "no_label" else ()
    values = [value] if roles else [GOOD, value, GOOD]
    turn = decoder().decode(records(values, roles=roles))
    assert reasons(turn) == [(0 if roles else 1, reason)]
    assert turn.rejected[0].detail
    assert turn.rejected[0].partition == "p"
    assert len(turn) == len(values) - 1


def test_every_reason_is_tried() -> None:
    assert {reason for reason, _ in BAD_DOCUMENTS} | {"bad_record"} == set(REASONS)


def test_unknown_kind_of_record_is_rejected() -> None:
    schema = FULL | {"record": "what"}
    values = documents(
        [EVENT | {"what": "event"}, EVENT | {"what": "evnt"}, EVENT, EVENT | {"what": "label", "loss": 1}]
    )
    turn = decoder(schema).decode(records(values))
    assert reasons(turn) == [(1, "bad_record"), (2, "bad_record")]
    assert turn.is_event_N.tolist() == [True, False]


def test_nesting_up_to_the_limit_is_no_fault() -> None:
    deep = b"[" * 499 + b"]" * 499
    assert len(decoder().decode(records([GOOD[:-1] + b', "other": ' + deep + b"}"]))) == 1


def test_brackets_within_text_are_no_nesting() -> None:
    assert len(decoder().decode(records([changed(note='"[{' * 2000)]))) == 1


def test_limit_of_bytes_is_a_setting() -> None:
    turn = decoder(FULL | {"max_record_bytes": len(GOOD)}).decode(records([GOOD, GOOD + b" "]))
    assert reasons(turn) == [(1, "too_large")]
    assert f"{len(GOOD)}" in turn.rejected[0].detail


def test_rejected_value_is_cut() -> None:
    values = [b"x" * 5000, b'{"a": 1}']
    rejected = decoder().decode(records(values)).rejected
    assert [one.value for one in rejected] == [b"x" * 1000, b'{"a": 1}']


def test_rejected_mapping_is_kept_as_json() -> None:
    row = EVENT | {"amount": "much"}
    rejected = decoder().decode(records([row, {"": "1,2,,x"}, {"big": 10**400}], lenient=True)).rejected
    assert json.loads(rejected[0].value) == row
    assert (rejected[1].reason, rejected[1].value) == ("malformed", b"1,2,,x")
    assert rejected[2].reason == "empty"


HOLDS_ITSELF: dict[str, Any] = dict(EVENT, amount={})
HOLDS_ITSELF["amount"]["again"] = HOLDS_ITSELF

BAD_ROWS: list[tuple[str, Any]] = [
    ("empty", None),
    ("empty", {}),
    ("empty", {"tx": "", "amount": float("nan")}),
    ("malformed", 5),
    ("malformed", b"{}"),
    ("malformed", {"": "a,b"}),
    ("malformed", EVENT | {"tx": "\ud800"}),
    ("malformed", EVENT | {"code": "\ud800"}),
    ("wrong_type", EVENT | {"amount": "2.5"}),
    ("wrong_type", EVENT | {"amount": object()}),
    ("wrong_type", EVENT | {"amount": True}),
    ("wrong_type", EVENT | {"place": np.array([[1.0], [2.0]])}),
    ("wrong_type", EVENT | {"place": ["x", "y"]}),
    ("wrong_type", HOLDS_ITSELF),
    ("out_of_range", EVENT | {"amount": 10**400}),
    ("bad_time", EVENT | {"ts": 10**400}),
    ("bad_time", EVENT | {"ts": np.datetime64("NaT")}),
    ("bad_time", EVENT | {"ts": datetime.date(1600, 1, 1)}),
    ("bad_feature", EVENT | {"place": np.array([1.0])}),
    ("bad_label", EVENT | {"loss": 10**32}),
]


@pytest.mark.parametrize(("reason", "value"), BAD_ROWS, ids=lambda value: repr(value)[:40])
def test_bad_mapping_is_rejected_between_good_ones(reason: str, value: Any) -> None:
    turn = decoder().decode(records([EVENT, value, EVENT]))
    assert reasons(turn) == [(1, reason)]
    assert len(turn) == 2


@pytest.mark.parametrize(
    ("reason", "field", "text"),
    [
        ("wrong_type", "amount", "1_000"),
        ("wrong_type", "amount", "much"),
        ("wrong_type", "online", "perhaps"),
        ("wrong_type", "place", "1;2"),
        ("wrong_type", "place", "[1"),
        ("bad_feature", "place", "[1]"),
        ("out_of_range", "amount", "1e999"),
        ("bad_time", "ts", "noon"),
        ("bad_time", "ts", ""),
        ("missing_id", "tx", ""),
        ("bad_label", "fraud", "perhaps"),
        ("wrong_type", "loss", "much"),
    ],
)
def test_bad_cell_is_rejected_between_good_ones(reason: str, field: str, text: str) -> None:
    good = {name: str(value) for name, value in EVENT.items()} | {"fraud": "0", "loss": "1", "kind": "a"}
    turn = decoder().decode(records([good, good | {field: text}, good], lenient=True))
    assert reasons(turn) == [(1, reason)]
    assert len(turn) == 2


def test_numbers_of_other_libraries_are_taken() -> None:
    odd = EVENT | {
        "tx": np.str_("a"),
        "ts": np.int64(1_700_000_000),
        "card": np.int32(7),
        "amount": Decimal("2.5"),
        "online": np.True_,
        "place": np.array([1.0, -1.0], dtype=np.float32),
        "loss": np.float32(0.5),
    }
    plain, other = decoder().decode(records([EVENT | {"loss": 0.5}])), decoder().decode(records([odd]))
    assert reasons(other) == []
    np.testing.assert_array_equal(plain.dense_ED, other.dense_ED)
    np.testing.assert_array_equal(plain.labels_NT, other.labels_NT)
    assert (plain.ids, plain.entities) == (other.ids, other.entities)


@pytest.mark.parametrize(
    "moment",
    [
        datetime.datetime(2023, 11, 14, 22, 13, 20),
        datetime.datetime(2023, 11, 14, 23, 13, 20, tzinfo=datetime.timezone(datetime.timedelta(hours=1))),
        np.datetime64("2023-11-14T22:13:20"),
        np.datetime64("2023-11-14T22:13:20", "ns"),
        "2023-11-14T22:13:20Z",
    ],
)
@pytest.mark.parametrize("unit", ["auto", "s", "ms", "iso"])
def test_moments_are_times_in_every_unit(moment: Any, unit: str) -> None:
    turn = decoder(FULL | {"time_unit": unit}).decode(records([EVENT | {"ts": moment}]))
    assert turn.time_s_N.tolist() == [1_700_000_000.0]
