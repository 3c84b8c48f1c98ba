"""A list of numbers of fixed length."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, Literal, final

import numpy as np
from pydantic import Field

from streammtl.features.base import Feature, FeatureProblem, to_dense
from streammtl.types import Floats, Floats32, Ints32


@final
class Vector(Feature):
    """One dense column for each place of a list of numbers, such as an embedding made elsewhere or a spectrum.

    A list of another length is a problem. A missing vector is NaN in all columns, a missing place in its own; a list of
    nulls alone is missing, however long.

    >>> import numpy as np
    >>> feature = Vector.Config(length=2).build("embedding")
    >>> dense_BD = np.zeros((3, 2), dtype=np.float32)
    >>> feature.encode([[1.0, None], None, [1.0]], np.zeros(3), dense_BD, np.zeros((3, 0), dtype=np.int32))
    [(2, 'expected 2 numbers, found 1')]
    >>> dense_BD.tolist()
    [[1.0, nan], [nan, nan], [nan, nan]]
    """

    class Config(Feature.Config):
        """Settings of a vector feature."""

        kind: Literal["vector"] = "vector"
        length: int = Field(ge=1, le=65_536, description="How many numbers the list holds.")
        scaled: bool = Field(
            default=True,
            description="Does the model standardise each place online? Say false for vectors of unit length.",
        )

    def __init__(self, config: Config, name: str, seed: int = 0) -> None:
        super().__init__(config, name, seed)
        self._length = config.length
        self._is_scaled = config.scaled
        self._names = tuple(f"{name}[{place}]" for place in range(config.length))

    @property
    def wire_type(self) -> Any:
        """A list of numbers; null is a missing number."""
        return list[float | None]

    @property
    def dense_names(self) -> tuple[str, ...]:
        """The feature's name with the place: `embedding[0]`."""
        return self._names

    @property
    def dense_is_scaled(self) -> tuple[bool, ...]:
        """As set."""
        return (self._is_scaled,) * self._length

    def encode(
        self, values: Sequence[Any], time_s_B: Floats, dense_BD: Floats32, category_BC: Ints32
    ) -> list[FeatureProblem]:
        """Write the columns. `values` may be an array (B, L) of equally long lists, NaN where there is none."""
        if isinstance(values, np.ndarray):
            if values.shape[1] == self._length:
                dense_BD[:] = to_dense(values)
                return []
            values = np.where(np.isnan(values), None, values).tolist()
        there = [row for row, value in enumerate(values) if value is not None]
        vectors = [values[row] for row in there]
        problems: list[FeatureProblem] = []
        if not set(map(len, vectors)) <= {self._length}:
            problems = [
                (row, f"expected {self._length} numbers, found {len(vector)}")
                for row, vector in zip(there, vectors, strict=True)
                if len(vector) != self._length and not _is_missing(vector)
            ]
            there = [row for row in there if len(values[row]) == self._length]
            vectors = [values[row] for row in there]
        numbers = np.array(list(chain.from_iterable(vectors)), dtype=np.float64)
        if len(there) < len(values):
            dense_BD[:] = np.nan
        dense_BD[np.array(there, dtype=np.int64)] = to_dense(numbers).reshape(len(there), self._length)
        return problems


def _is_missing(vector: Sequence[Any]) -> bool:
    """A list of nulls alone says no more than null, however long it is."""
    return len(vector) > 0 and all(value is None for value in vector)
