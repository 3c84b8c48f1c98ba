"""Documents kept as columns are, in every way, the documents that they stand for."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from streammtl.sinks._documents import encode_each, encode_lines
from streammtl.sinks.base import Documents
from streammtl.table import Choice, Table


def table(n: int) -> Table:
    return Table(
        {
            "id": [f'"{number}"\n' for number in range(n)],
            "time": np.where(np.arange(n) % 3 == 0, np.nan, np.arange(n) / 7.0),
            "offset": np.arange(n),
            "partition": Choice(("a", "ü"), np.arange(n) % 2),
            "predictions": {
                "fraud": {"probability": np.linspace(0.0, 1.0, n)},
                'a "class"': {"best": Choice(["x", "y"], np.zeros(n, dtype=np.int64)), "all": {"x": np.ones(n)}},
                "found": [{"class": None} if number % 2 else {"class": "b", "n": 1} for number in range(n)],
            },
        }
    )


@pytest.mark.parametrize("n", [0, 1, 256, 300])
def test_lines_are_those_of_the_documents(n: int) -> None:
    documents = list(table(n))
    assert len(table(n)) == len(documents) == n
    assert table(n).encode_lines(msgspec.json.Encoder()) == msgspec.json.Encoder().encode_lines(documents)


def test_a_document_holds_what_its_columns_hold() -> None:
    assert table(2)[1] == {
        "id": '"1"\n',
        "time": 1 / 7,
        "offset": 1,
        "partition": "ü",
        "predictions": {
            "fraud": {"probability": 1.0},
            'a "class"': {"best": "x", "all": {"x": 1.0}},
            "found": {"class": None},
        },
    }
    assert table(3)[1:3] == list(table(3))[1:3]


def test_sinks_write_a_table_as_they_write_its_documents() -> None:
    keys = [str(number) for number in range(300)]
    documents: list[dict[str, Any]] = list(table(300))
    assert encode_lines(Documents(keys, table(300))) == encode_lines(Documents(keys, documents))
    assert encode_each(Documents(keys, table(300))) == encode_each(Documents(keys, documents))
