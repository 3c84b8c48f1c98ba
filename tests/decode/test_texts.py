"""Texts that are looked up where they lie in the documents."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streammtl.decode import Decoder, Schema
from streammtl.features.categorical import Categorical
from streammtl.features.numeric import Numeric
from streammtl.tasks.binary import BinaryTask
from streammtl.types import Records
from streammtl.wire_texts import TextTable, TextTokens

Values = list[object]


def tokens_of(texts: list[str | None]) -> TextTokens:
    parts = [json.dumps(text).encode() for text in texts]
    ends = np.cumsum([len(part) + 1 for part in parts], dtype=np.int64)
    starts = np.concatenate([[0], ends[:-1]]).astype(np.int64)
    data_B = np.frombuffer(b",".join([*parts, b""]), np.uint8)
    return TextTokens(data_B, np.stack([starts, ends - 1], axis=1) if parts else np.zeros((0, 2), np.int64))


ASCII = st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters='"\\'), max_size=6)


@settings(deadline=None)  # the first example compiles
@given(batches=st.lists(st.lists(st.none() | ASCII, max_size=30), max_size=5), n_remembered=st.integers(1, 12))
def test_number_is_that_of_the_text_whatever_was_met_before(batches: list[list[str | None]], n_remembered: int) -> None:
    table = TextTable(n_remembered)
    for texts in batches:
        numbers = table.numbers(tokens_of(texts), lambda text: sum(text.encode()))
        assert numbers.tolist() == [sum((text or "").encode()) for text in texts]


def test_each_of_many_texts_is_asked_for_once() -> None:
    table, asked = TextTable(10_000), []

    def number_of(text: str) -> int:
        asked.append(text)
        return int(text)

    texts: list[str | None] = [str(number % 3000) for number in range(9000)]
    for _ in range(2):
        assert table.numbers(tokens_of(texts), number_of).tolist() == [number % 3000 for number in range(9000)]
    assert len(asked) == 3000


def test_no_more_texts_are_remembered_than_may_be() -> None:
    table, asked = TextTable(600), []

    def number_of(text: str) -> int:
        asked.append(text)
        return len(text)

    texts: list[str | None] = [str(number) for number in range(5000)]
    table.numbers(tokens_of(texts), number_of)
    table.numbers(tokens_of(texts[:100]), number_of)
    assert len(asked) > 5000


def test_tokens_are_the_texts() -> None:
    tokens = tokens_of(["a", None, "", "bc"])
    assert list(tokens) == ["a", None, "", "bc"]
    assert tokens[3] == "bc"
    assert list(tokens[1:3]) == [None, ""]
    assert tokens.presence().tolist() == [True, False, False, True]


def decoder() -> Decoder:
    schema = Schema(
        id="id", features={"shop": Categorical.Config(table_size=64), "amount": Numeric.Config()}, record=None
    )
    return Decoder(schema, schema.build_features(seed=0), (BinaryTask.Config().build("fraud"),))


def rows_of(polls: list[list[bytes]]) -> tuple[list[list[int]], list[str]]:
    one, codes, rejected, start = decoder(), [], [], 0
    for values in polls:
        offset_N = np.arange(start, start + len(values))
        turn = one.decode(Records(values, ("events",), np.zeros(len(values), np.int32), offset_N))
        codes += turn.category_EC.tolist()
        rejected += [f"{r.offset} {r.reason}" for r in turn.rejected]
        start += len(values)
    return codes, rejected


@pytest.mark.parametrize(
    "odd",
    [
        '"caf\\u00e9"',
        '"café"',
        '"a\\"b"',
        "7",
        "1.5",
        "true",
        "null",
        '""',
        '"3.0"',
        '"True"',
        '"x", "amount": 2, "fraud": 1',
        '"x", "amount": "much"',
    ],
)
def test_categories_of_a_block_are_those_of_its_records(odd: str) -> None:
    documents = [f'{{"id": "e{i}", "shop": "s{i % 7}", "amount": {i}}}' for i in range(300)]
    documents[::50] = [f'{{"id": "o{i}", "shop": {odd}}}' for i in range(6)]
    documents[7::60] = [f'{{"id": "e{i}", "fraud": 1}}' for i in range(5)]
    documents[8] = '{"id": "last", "amount": 1}'
    values = [document.encode() for document in documents]
    assert rows_of([values]) == rows_of([[value] for value in values])


def test_records_and_times_of_a_block_are_those_of_its_records() -> None:
    """Also where the one or the other is wrong: then with the same message, 7 as 7 and 7.0 as 7.0."""
    schema = Schema(id="id", time="t", time_unit="s", record="is", features={"amount": Numeric.Config()})
    documents = [
        f'{{"id": "e{i}", "is": "{"label" if i % 3 else "event"}", "t": {i}.5, "fraud": 1}}' for i in range(300)
    ]
    odd = ['"t": -1e300', '"t": 1e13', '"t": 10000000000000', '"t": null', '"amount": 1', '"t": 1000.0', '"t": 7']
    documents[::40] = [f'{{"id": "o{i}", "is": "event", {time}}}' for i, time in enumerate(odd)] + ['{"id": "x"}']
    documents[5::50] = [f'{{"id": "p{i}", "t": 5, "fraud": 0, "is": {is_}}}' for i, is_ in enumerate(WRONG)]
    values = [document.encode() for document in documents]

    def read(polls: list[list[bytes]]) -> tuple[object, ...]:
        one = Decoder(schema, schema.build_features(seed=0), (BinaryTask.Config().build("fraud"),))
        start, times, events, rejected = 0, [], [], []
        for poll in polls:
            offset_N = np.arange(start, start + len(poll))
            turn = one.decode(Records(poll, ("all",), np.zeros(len(poll), np.int32), offset_N))
            times += turn.time_s_N.tolist()
            events += turn.is_event_N.tolist()
            rejected += list(turn.rejected)
            start += len(poll)
        return times, events, rejected

    assert read([values]) == read([[value] for value in values])


WRONG = ["null", '""', '"events"', '"Event"', '"label"', '"caf\\u00e9"']
