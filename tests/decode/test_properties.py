"""What holds for any input: nothing raises, nothing vanishes, polls and formats do not matter."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streammtl.types import Role
from tests.decode.streams import EVENT, FULL, assert_same, decode_in_polls, decoder, documents, records

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from([*EVENT, "fraud", "loss", "kind", "unknown", ""])
ROWS = st.dictionaries(FIELDS, ANYTHING, max_size=6)


@QUICK
@given(st.lists(st.binary(max_size=60) | ROWS.map(lambda row: json.dumps(row, default=str).encode()), max_size=6))
def test_any_bytes_are_decoded_or_rejected(values: list[bytes]) -> None:
    turn = decoder().decode(records(values))
    assert len(turn) + len(turn.rejected) == len(values)


@QUICK
@given(st.lists(ROWS | st.none() | st.integers(), max_size=5), st.booleans(), st.sampled_from(list(Role)))
def test_any_mappings_are_decoded_or_rejected(values: list[Any], lenient: bool, role: Role) -> None:
    turn = decoder(FULL | {"labels": "unknown"}).decode(records(values, lenient, (role,)))
    assert len(turn) + len(turn.rejected) == len(values)
    assert np.all(np.isfinite(turn.dense_ED) | np.isnan(turn.dense_ED))


NUMBERS = st.floats(-1e6, 1e6, allow_nan=False) | st.integers(-1000, 1000)
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=6)
CATEGORIES = st.sampled_from(["DE", "a,b", 'quo"te', "true", "3", 3, 3.0, 0.5, True, False, "x y", "1e3", 1e20])
MAYBE_EVENT = st.fixed_dictionaries(
    {
        "tx": st.integers(0, 99) | WORDS,
        "ts": st.integers(0, 2_000_000_000) | st.just("2024-02-29T12:00:00"),
        "card": st.none() | st.integers(0, 5),
        "amount": st.none() | NUMBERS,
        "online": st.none() | st.booleans(),
        "code": st.none() | CATEGORIES,
        "place": st.none() | st.lists(NUMBERS, min_size=1, max_size=2),
        "note": st.none() | st.sampled_from(["lost card", "Card", "!"]),
        "fraud": st.none() | st.booleans() | st.integers(0, 2),
        "loss": st.none() | NUMBERS,
        "kind": st.none() | st.sampled_from(["a", "b", "c", "d"]),
        "other": st.just(1),
    }
)
STREAMS = st.lists(MAYBE_EVENT, min_size=1, max_size=12)


@QUICK
@given(STREAMS, st.lists(st.integers(0, 11), max_size=2))
def test_polls_do_not_matter(rows: list[dict[str, Any]], broken: list[int]) -> None:
    values = documents(rows)
    for row in broken:
        values[row % len(values)] = b'{"tx": 1, "amount": ['
    whole = decode_in_polls(decoder(), values, 5000)
    for size in (1, 7):
        assert_same(decode_in_polls(decoder(), values, size), whole)
    mappings = decode_in_polls(decoder(), rows, 5000)
    assert_same(decode_in_polls(decoder(), rows, 1), mappings)


@QUICK
@given(STREAMS)
def test_formats_do_not_matter(rows: list[dict[str, Any]]) -> None:
    from_json = decode_in_polls(decoder(), documents(rows), 5000)
    assert_same(decode_in_polls(decoder(), rows, 5000), from_json)
    assert_same(decode_in_polls(decoder(), as_csv(rows), 5000, lenient=True), from_json)


def as_csv(rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    """The rows as Python's csv module writes them and reads them back."""
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]))
    writer.writeheader()
    for row in rows:
        writer.writerow({name: json.dumps(value) if isinstance(value, list) else value for name, value in row.items()})
    file.seek(0)
    return list(csv.DictReader(file))


@pytest.mark.parametrize("text", ["nan", "NaN", "inf", "-inf", "Infinity", ""])
def test_cell_that_is_not_finite_is_missing(text: str) -> None:
    cells = [{"tx": "1", "ts": "5", "amount": text, "loss": text, "code": "x"}]
    turn = decoder().decode(records(cells, lenient=True))
    assert math.isnan(turn.dense_ED[0, 0])
    assert math.isnan(turn.labels_NT[0, 1])


def test_number_that_is_not_finite_is_missing_in_python() -> None:
    rows = [{"tx": "1", "ts": 5, "amount": value, "loss": value, "code": value} for value in (math.nan, math.inf)]
    turn = decoder().decode(records(rows, roles=(Role.EVENTS,)))
    assert np.isnan(turn.dense_ED[:, 0]).all()
    assert np.isnan(turn.labels_NT).all()
    assert (turn.category_EC == 0).all()
