"""A yes or no."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, final

import numpy as np

from streammtl.features.base import Feature, FeatureProblem, as_list, to_dense
from streammtl.types import Floats, Floats32, Ints32


@final
class Boolean(Feature):
    """One dense column with 1 for true and 0 for false, not scaled. The numbers 1 and 0 stand for true and false.

    Missing is NaN, and thereby something else than false. Any other number is a problem.

    >>> import numpy as np
    >>> feature = Boolean.Config().build("is_online")
    >>> dense_BD = np.zeros((4, 1), dtype=np.float32)
    >>> feature.encode([True, 0, None, 7], np.zeros(4), dense_BD, np.zeros((4, 0), dtype=np.int32))
    [(3, 'expected true, false, 1 or 0, found 7')]
    >>> dense_BD[:, 0].tolist()
    [1.0, 0.0, nan, nan]
    """

    class Config(Feature.Config):
        """Settings of a boolean feature."""

        kind: Literal["boolean"] = "boolean"

    @property
    def wire_type(self) -> Any:
        """True, false, or one of the numbers that stand for them."""
        return bool | int | float

    @property
    def dense_names(self) -> tuple[str, ...]:
        """The feature's name."""
        return (self.name,)

    def encode(
        self, values: Sequence[Any], time_s_B: Floats, dense_BD: Floats32, category_BC: Ints32
    ) -> list[FeatureProblem]:
        """Write the column."""
        values = as_list(values)
        problems: list[FeatureProblem] = []
        if not set(map(type, values)) <= {bool, type(None)}:
            values = list(values)
            for row, value in enumerate(values):
                # Comparing an integer of any size with 0 and 1 is exact; turning it into a float could overflow.
                if value is not None and value not in (0, 1):
                    values[row] = None
                    if not isinstance(value, float) or np.isfinite(value):
                        problems.append((row, f"expected true, false, 1 or 0, found {value!s:.40}"))
        dense_BD[:, 0] = to_dense(np.array(values, dtype=np.float64))
        return problems
