"""A name out of many: hashed into a table of fixed size."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any, Literal, final

import numpy as np
import xxhash
from pydantic import Field

from streammtl.features.base import Feature, FeatureProblem, as_list
from streammtl.seeds import named_seed
from streammtl.types import Floats, Floats32, Ints32
from streammtl.wire_texts import TextTable, TextTokens

#: How many distinct values a feature remembers the hash of; then it forgets them all. Results do not depend on it.
N_REMEMBERED = 65_536


@final
class Categorical(Feature):
    """One categorical column: the row of an embedding table that belongs to the value.

    `row = 1 + xxh3_64(text, seed) mod (table_size - 1)`, where `text` is the value as `category_text` writes it and
    `seed` comes from the run's seed and the feature's name. Row 0 is for a missing value alone.

    There is no dictionary of known values, so nothing grows and nothing has to be agreed upon before the stream
    starts. A value that was never seen before has its row already: a row that nothing has been learned for yet, or
    one that it shares with others. With n distinct values, the chance that a value shares its row is about
    1 - exp(-n / table_size), and that any two do, 1 - exp(-n^2 / (2 table_size)). So a table should be some times
    larger than the number of values that matter; and where a few matter much, far larger: of 12 values in 64 rows some
    share in two streams of three, in 1024 rows in one of fifteen.

    >>> import numpy as np
    >>> feature = Categorical.Config(table_size=1024).build("merchant_code")
    >>> category_BC = np.zeros((4, 1), dtype=np.int32)
    >>> feature.encode([3, 3.0, "3", None], np.zeros(4), np.zeros((4, 0), dtype=np.float32), category_BC)
    []
    >>> category_BC[:, 0].tolist()
    [604, 604, 604, 0]
    """

    takes_tokens = True

    class Config(Feature.Config):
        """Settings of a categorical feature."""

        kind: Literal["categorical"] = "categorical"
        table_size: int = Field(
            default=1024,
            ge=2,
            le=2**24,
            description="Rows of the embedding table, the row for missing values included. Values that hash to the "
            "same row are one value for the model; take some times the number of distinct values, and the default "
            "where they are few.",
        )

    def __init__(self, config: Config, name: str, seed: int = 0) -> None:
        super().__init__(config, name, seed)
        self._table_size = config.table_size
        hash_seed = named_seed(seed, "categorical", name)
        # Apart, because a dictionary takes True and 1 for the same key.
        self._text_rows = _Rows(hash_seed, config.table_size)
        self._number_rows = _Rows(hash_seed, config.table_size)
        self._token_rows = TextTable(N_REMEMBERED)

    @property
    def wire_type(self) -> Any:
        """Text, a number, or true and false."""
        return str | int | float | bool

    @property
    def category_names(self) -> tuple[str, ...]:
        """The feature's name."""
        return (self.name,)

    @property
    def table_sizes(self) -> tuple[int, ...]:
        """The size of the table."""
        return (self._table_size,)

    def encode(
        self, values: Sequence[Any], time_s_B: Floats, dense_BD: Floats32, category_BC: Ints32
    ) -> list[FeatureProblem]:
        """Write the column."""
        if isinstance(values, TextTokens):
            category_BC[:, 0] = self._token_rows.numbers(values, self._text_rows.row_of)
            return []
        values = as_list(values)
        kinds = set(map(type, values))
        if kinds <= {str, type(None)}:
            rows = map(self._text_rows.__getitem__, values)
        elif kinds <= {int, float, type(None)}:
            rows = map(self._number_rows.__getitem__, values)
        else:
            rows = map(self._text_rows.row_of, values)
        category_BC[:, 0] = np.fromiter(rows, dtype=np.int32, count=len(values))
        return []


class _Rows(dict[Any, int]):
    """The rows of values, remembered: a look-up costs a fifth of a hash."""

    def __init__(self, seed: int, table_size: int) -> None:
        super().__init__()
        self._seed = seed
        self._n_hashed = table_size - 1

    def __missing__(self, value: Any) -> int:
        row = self.row_of(value)
        if row or value is None:  # not NaN: every one would be another key
            if len(self) >= N_REMEMBERED:
                self.clear()
            self[value] = row
        return row

    def row_of(self, value: Any) -> int:
        text = category_text(value)
        if text is None:
            return 0
        # A lone surrogate, which Python's text may hold, has no UTF-8 of its own.
        return 1 + xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogatepass"), self._seed) % self._n_hashed


def category_text(value: Any) -> str | None:
    """The one text of a category, whatever the format that it came in; None for a missing value.

    3, 3.0, "3" and "3.0" are "3"; true and "True" are "true". Text that is exactly what Python writes for a float is
    that number, so that a CSV file means the same as the JSON that it was made from; all other text stays as it is
    ("3.00", "1.10", "007"). None, the empty text, NaN and infinity are missing.

    >>> [category_text(value) for value in (3, 3.0, "3.0", "3.00", 0.1, True, "False", "", float("nan"))]
    ['3', '3', '3', '3.00', '0.1', 'true', 'false', None, None]
    """
    if isinstance(value, str):
        return _settle_text(value)
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float):
        return _write_float(value)
    if isinstance(value, int) and value.bit_length() > 10_000:
        return hex(value)  # Python refuses to write so many decimal digits
    return None if value is None else str(value)


def _settle_text(text: str) -> str | None:
    if not text:
        return None
    if text in {"True", "False"}:
        return text.lower()
    if (text[-1].isdigit() and text[0] in "-0123456789") or text in {"nan", "inf", "-inf"}:
        try:
            number = float(text)
        except ValueError:
            return text
        return _write_float(number) if repr(number) == text else text
    return text


def _write_float(number: float) -> str | None:
    if not isfinite(number):
        return None
    return str(int(number)) if number.is_integer() else repr(float(number))
