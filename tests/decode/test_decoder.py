"""What records mean: events, labels, ids, times, fields."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from streammtl.decode import Decoder, Schema
from streammtl.errors import ConfigError
from streammtl.types import Records, Role
from tests.decode.streams import EVENT, FULL, decoder, documents, reasons, records, tasks

NAN = np.nan
SMALL: dict[str, Any] = {"id": "tx", "features": {"amount": "numeric", "code": "categorical"}}


def test_event_label_and_event_with_labels_inside_are_told_apart() -> None:
    values = [
        b'{"tx": 1, "amount": 5}',
        b'{"tx": 1, "fraud": true, "loss": 2.5}',
        b'{"tx": "2", "code": "x", "loss": 0}',
        b'{"tx": 3}',
        b'{"tx": 4, "amount": null, "code": "", "kind": "b"}',
    ]
    turn = decoder(SMALL).decode(records(values))
    assert turn.ids == ["1", "1", "2", "3", "4"]
    assert turn.is_event_N.tolist() == [True, False, True, True, False]
    np.testing.assert_array_equal(turn.dense_ED, [[5.0], [NAN], [NAN]])
    assert (turn.category_EC[:, 0] > 0).tolist() == [False, True, False]
    expected = [[NAN, NAN, NAN], [1, 2.5, NAN], [NAN, 0, NAN], [NAN, NAN, NAN], [NAN, NAN, 0]]
    np.testing.assert_array_equal(turn.labels_NT, expected)


def test_id_time_and_entity_do_not_make_a_label_an_event() -> None:
    schema = {"id": "tx", "time": "ts", "entity": "card", "features": {"card": "categorical", "amount": "numeric"}}
    turn = decoder(schema).decode(records([b'{"tx": 1, "ts": 5, "card": 7, "fraud": 1}']))
    assert turn.is_event_N.tolist() == [False]
    assert turn.entities == ["7"]


def test_partition_decides_what_its_records_are() -> None:
    values = [b'{"tx": 1, "fraud": 1}', b'{"tx": 1, "amount": 3, "fraud": 1}', b'{"tx": 2, "fraud": 1}']
    three = Records(
        values, ("e", "l", "m"), np.arange(3, dtype=np.int32), np.arange(3), (Role.EVENTS, Role.LABELS, Role.MIXED)
    )
    turn = decoder(SMALL).decode(three)
    assert turn.is_event_N.tolist() == [True, False, False]
    assert turn.partitions == ("e", "l", "m")


def test_field_decides_what_a_record_is() -> None:
    values = [b'{"tx": 1, "what": "event", "fraud": 1}', b'{"tx": 1, "what": "label", "amount": 3, "fraud": 1}']
    turn = decoder(SMALL | {"record": "what"}).decode(records(values))
    assert turn.is_event_N.tolist() == [True, False]


def test_record_without_an_id_field_is_known_by_its_place() -> None:
    turn = decoder({"features": {"amount": "numeric"}}).decode(
        records([b'{"amount": 1, "loss": 2}', b'{"loss": 2}'], first_offset=41)
    )
    assert turn.ids == ["p@41"]
    assert reasons(turn) == [(42, "missing_id")]


def test_record_without_a_time_field_has_no_time() -> None:
    np.testing.assert_array_equal(decoder(SMALL).decode(records([b'{"tx": 1}'])).time_s_N, [NAN])


def test_labels_may_be_nested() -> None:
    nested = SMALL | {"labels": "labels"}
    rows: list[dict[str, Any]] = [
        {"tx": 1, "amount": 1.0, "labels": {"loss": 3.0, "else": 1}},
        {"tx": 2, "amount": 1.0, "labels": None},
        {"tx": 3, "amount": 1.0, "loss": 9.0},
        {"tx": 1, "labels": {"fraud": False}},
        {"tx": 1, "amount": 1.0, "labels": [1]},
        {"tx": 1, "amount": 1.0, "labels": {"loss": "x"}},
    ]
    for values in (documents(rows), rows):
        turn = decoder(nested).decode(records(values))
        assert turn.is_event_N.tolist() == [True, True, True, False]
        np.testing.assert_array_equal(turn.labels_NT[:, :2], [[NAN, 3.0], [NAN, NAN], [NAN, NAN], [0.0, NAN]])
        assert reasons(turn) == [(4, "wrong_type"), (5, "wrong_type")]


def test_nested_labels_of_a_csv_cell_are_json() -> None:
    cells = [{"tx": "1", "amount": "2", "labels": '{"loss": 3}'}, {"tx": "1", "amount": "2", "labels": "loss=3"}]
    turn = decoder(SMALL | {"labels": "labels"}).decode(records(cells, lenient=True))
    np.testing.assert_array_equal(turn.labels_NT, [[NAN, 3.0, NAN]])
    assert reasons(turn) == [(1, "wrong_type")]


def test_class_of_a_rejected_record_is_not_discovered() -> None:
    values = documents(
        [EVENT | {"place": [1.0], "kind": "x"}, EVENT | {"fraud": 5, "kind": "y"}, EVENT | {"kind": "z"}]
    )
    turn = decoder().decode(records(values[:1] + values[2:]))
    np.testing.assert_array_equal(turn.labels_NT[:, 2], [0.0])


def test_label_record_is_rejected_whole() -> None:
    turn = decoder(SMALL).decode(records([b'{"tx": 1, "loss": 5, "fraud": "perhaps"}', b'{"tx": 1, "loss": 6}']))
    np.testing.assert_array_equal(turn.labels_NT, [[NAN, 6.0, NAN]])


@pytest.mark.parametrize("field", ["class", "1d", "a.b", "with space", "müßig", "$", "f0", "__class__"])
def test_field_may_have_any_name(field: str) -> None:
    schema = {"features": {"x": {"kind": "numeric", "field": field}, "f1": "numeric"}}
    for values in (documents([{field: 2.5, "f1": 1}]), [{field: 2.5, "f1": 1}]):
        turn = decoder(schema).decode(records(values))
        assert turn.dense_ED.tolist() == [[2.5, 1.0]]


def test_two_features_may_read_one_field() -> None:
    schema = {"features": {"amount": "numeric", "band": {"kind": "categorical", "field": "amount"}}}
    for values, lenient in (([b'{"amount": 3}'], False), ([{"amount": "3.0"}], True), ([{"amount": 3}], False)):
        turn = decoder(schema).decode(records(values, lenient))
        assert turn.dense_ED.tolist() == [[3.0]]
        np.testing.assert_array_equal(
            turn.category_EC, decoder(schema).decode(records([b'{"amount": 3.0}'])).category_EC
        )


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"features": {"loss": "numeric"}}, r"label of task 'loss' and is also read by feature 'loss'"),
        ({"id": "fraud", "features": {"a": "numeric"}}, r"label of task 'fraud' and is also read by schema.id"),
        ({"features": {"t": "text", "n": {"kind": "numeric", "field": "t"}}}, r"read as text by feature 't', and as a"),
        ({"id": "t", "features": {"t": "vector"}}, None),
        ({"features": {'a"b': "numeric"}}, r"must not be empty, nor hold quotation marks"),
    ],
)
def test_what_does_not_go_together_is_a_configuration_error(schema: dict[str, Any], message: str | None) -> None:
    if message is None:
        with pytest.raises(ValidationError, match="length"):
            decoder(schema)
        return
    with pytest.raises(ConfigError, match=message):
        decoder(schema)


def test_two_tasks_may_not_share_a_label() -> None:
    settings = Schema.model_validate(SMALL)
    with pytest.raises(ConfigError, match="label of task 'loss' and task 'loss'"):
        Decoder(settings, settings.build_features(0), (tasks()[1], tasks()[1]))


@pytest.mark.parametrize("key", ["labels", "record"])
def test_schema_field_may_not_be_a_feature_too(key: str) -> None:
    with pytest.raises(ValidationError, match=rf"schema.{key} and schema.features.amount both name the field 'amount'"):
        Schema.model_validate(SMALL | {key: "amount"})


def test_schema_needs_a_feature() -> None:
    with pytest.raises(ValidationError, match="features"):
        Schema.model_validate({"features": {}})


def test_unknown_fields_are_counted_in_every_64th_record() -> None:
    rows = [{"amount": 1, "new": 2, "newer": None}] * 130
    schema = {"features": {"amount": "numeric"}}
    for values in (documents(rows), rows):
        assert decoder(schema).decode(records(values)).n_unknown_fields == 3 * 2
        assert decoder(schema).decode(records(values[:60], first_offset=1)).n_unknown_fields == 0


def test_no_record_gives_empty_columns() -> None:
    turn = decoder().decode(records([]))
    assert (len(turn), turn.rejected) == (0, ())
    assert turn.dense_ED.shape == (0, decoder().layout.n_dense)
    assert turn.category_EC.shape == (0, 1)
    assert turn.labels_NT.shape == (0, 3)


def test_order_of_the_records_is_kept_around_rejects() -> None:
    values = [
        b'{"tx": 1, "amount": 1}',
        b"{",
        b'{"tx": 1, "loss": 1}',
        b'{"tx": 2, "amount": "x"}',
        b'{"tx": 3, "amount": 3}',
    ]
    turn = decoder(SMALL).decode(records(values, first_offset=10))
    assert turn.offset_N.tolist() == [10, 12, 14]
    assert turn.dense_ED.tolist() == [[1.0], [3.0]]
    assert reasons(turn) == [(11, "malformed"), (13, "wrong_type")]


def test_entity_is_empty_where_missing() -> None:
    turn = decoder(FULL).decode(records(documents([EVENT, EVENT | {"card": None}])))
    assert turn.entities == ["7", ""]


def test_integer_too_long_for_decimals_is_an_id_all_the_same() -> None:
    turn = decoder(SMALL).decode(records([{"tx": 10**5000}, {"tx": 10**5000 + 1}, {"tx": 12}]))
    assert turn.ids == [hex(10**5000), hex(10**5000 + 1), "12"]


def test_rows_of_rejected_events_are_taken_out() -> None:
    values = documents(
        [
            EVENT | {"amount": 1.0},
            EVENT | {"amount": 2.0, "place": [1.0]},
            EVENT | {"amount": 3.0},
            EVENT | {"amount": 4.0, "fraud": 7},
            EVENT | {"amount": 5.0},
        ]
    )
    turn = decoder().decode(records(values))
    assert turn.dense_ED[:, 0].tolist() == [1.0, 3.0, 5.0]
    assert len(turn.category_EC) == 3
    assert reasons(turn) == [(1, "bad_feature"), (3, "bad_label")]


def test_long_poll_keeps_the_order_of_its_records() -> None:
    values: list[bytes] = documents([{"tx": i, "amount": i} for i in range(600)])
    values[300] = b"{"
    turn = decoder(SMALL).decode(records(values))
    assert turn.dense_ED[:, 0].tolist() == [i for i in range(600) if i != 300]
    assert turn.ids == [str(i) for i in range(600) if i != 300]
