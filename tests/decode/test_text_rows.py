from __future__ import annotations

import numpy as np

from streammtl.decode import Decoder, Schema
from streammtl.features.categorical import Categorical
from streammtl.features.numeric import Numeric
from streammtl.tasks.regression import RegressionTask
from streammtl.text_rows import TextRows
from streammtl.types import Records

ROWS = TextRows(("id", "amount", "shop", "y"), ["a", "1.5", "x", "2", "b", "", "y", "", "c", "much", "x", "1"])


def test_rows_are_the_dictionaries_that_they_stand_for() -> None:
    rows = list(ROWS)
    assert rows[1] == ROWS[1] == ROWS[-2] == {"id": "b", "amount": "", "shop": "y", "y": ""}
    assert rows == ROWS
    assert ROWS[1:] == rows[1:]
    assert ROWS[::-2] == rows[::-2]
    assert ROWS[3:] == []
    assert rows[1:] != ROWS


def test_they_decode_as_dictionaries_do() -> None:
    schema = Schema(
        id="id", features={"amount": Numeric.Config(), "shop": Categorical.Config(), "no": Numeric.Config()}
    )

    def read(values: TextRows | list[dict[str, str]]) -> tuple[object, ...]:
        decoder = Decoder(schema, schema.build_features(seed=0), (RegressionTask.Config().build("y"),))
        turn = decoder.decode(Records(values, ("all",), np.zeros(3, np.int32), np.arange(3), lenient=True))
        arrays = (turn.dense_ED, turn.category_EC, turn.labels_NT)
        return turn.ids, [str(array.tolist()) for array in arrays], turn.rejected, turn.n_unknown_fields

    assert read(ROWS) == read([dict(row) for row in ROWS])
    assert [one.reason for one in read(ROWS)[2]] == ["wrong_type"]  # type: ignore[attr-defined]
