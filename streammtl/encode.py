"""From columns of fields to the rows that the model reads.

Shape suffixes: B rows, D dense columns of all features, C categorical columns of all features.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, final

import numpy as np

from streammtl.errors import ConfigError
from streammtl.features.base import Feature, FeatureProblem, encode_numbers
from streammtl.types import Floats, Floats32, Ints32, RowLayout


@final
class RowEncoder:
    """Puts the columns of all features side by side, in the order of the features.

    >>> import numpy as np
    >>> from streammtl.features.categorical import Categorical
    >>> from streammtl.features.numeric import Numeric
    >>> encoder = RowEncoder((Numeric.Config().build("amount"), Categorical.Config(table_size=8).build("country")))
    >>> columns = {"amount": [12.5, None], "country": ["DE", None]}
    >>> dense_BD, category_BC, problems = encoder.encode(columns, np.zeros(2))
    >>> dense_BD.tolist(), category_BC.tolist(), problems
    ([[12.5], [nan]], [[5], [0]], [])
    """

    def __init__(self, features: tuple[Feature, ...]) -> None:
        self.features = features
        self.layout = RowLayout(
            dense_names=tuple(name for feature in features for name in feature.dense_names),
            dense_is_scaled=tuple(scaled for feature in features for scaled in feature.dense_is_scaled),
            category_names=tuple(name for feature in features for name in feature.category_names),
            table_sizes=tuple(size for feature in features for size in feature.table_sizes),
        )
        _check_names_differ(self.layout.dense_names + self.layout.category_names)
        self._numbers: list[Feature] = []
        number_columns: list[int] = []  # the dense column of each
        self._others: list[tuple[Feature, slice, slice]] = []  # each with its columns
        dense_from = category_from = 0
        for feature in features:
            dense_to = dense_from + len(feature.dense_names)
            category_to = category_from + len(feature.category_names)
            if feature.is_number:
                self._numbers.append(feature)
                number_columns.append(dense_from)
            else:
                self._others.append((feature, slice(dense_from, dense_to), slice(category_from, category_to)))
            dense_from, category_from = dense_to, category_to
        self._number_columns = np.array(number_columns, dtype=np.int64)

    def encode(
        self, columns: Mapping[str, Sequence[Any] | Floats], time_s_B: Floats
    ) -> tuple[Floats32, Ints32, list[FeatureProblem]]:
        """The rows `dense_BD` and `category_BC`, and the problems as (row, what is wrong) in order of the rows.

        `columns` holds the values of each field that a feature reads, None (NaN in an array) where missing; a field
        that is not there is missing in every row. A row with a problem has columns, too, but must not be used.
        """
        n_rows = len(time_s_B)
        dense_BD = np.empty((n_rows, self.layout.n_dense), dtype=np.float32)
        category_BC = np.empty((n_rows, self.layout.n_categories), dtype=np.int32)
        problems: list[FeatureProblem] = []
        if self._numbers:
            values_FB = [_values(columns, number.field, n_rows) for number in self._numbers]
            dense_BD[:, self._number_columns] = encode_numbers(self._numbers, values_FB)
        for feature, dense, category in self._others:
            values = _values(columns, feature.field, n_rows)
            found = feature.encode(values, time_s_B, dense_BD[:, dense], category_BC[:, category])
            if found:
                problems.extend((row, f"feature {feature.name!r}: {detail}") for row, detail in found)
        problems.sort(key=lambda problem: problem[0])
        return dense_BD, category_BC, problems


def _values(columns: Mapping[str, Sequence[Any] | Floats], field: str | None, n_rows: int) -> Any:
    """Nothing for a feature that is made of the event's time alone."""
    if field is None:
        return ()
    found = columns.get(field)
    return [None] * n_rows if found is None else found


def _check_names_differ(names: Iterable[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ConfigError(
            f"two features give columns of the same name: {', '.join(twice)}; rename one of them under schema.features"
        )
