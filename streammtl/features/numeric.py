"""A number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, final

import numpy as np
from pydantic import Field

from streammtl.features.base import Feature, FeatureProblem, encode_numbers
from streammtl.types import Floats, Floats32, Ints32


@final
class Numeric(Feature):
    """One dense column with the number itself; the model standardises it online.

    `transform: log1p_signed` gives sign(x) log(1 + |x|): for amounts and counts, whose few large values would
    otherwise make all the others look alike. The logarithm is taken in float64, before the rounding to float32.

    >>> import numpy as np
    >>> feature = Numeric.Config(transform="log1p_signed").build("amount")
    >>> dense_BD = np.zeros((3, 1), dtype=np.float32)
    >>> feature.encode([1.718281828, None, -1.718281828], np.zeros(3), dense_BD, np.zeros((3, 0), dtype=np.int32))
    []
    >>> dense_BD[:, 0].tolist()
    [1.0, nan, -1.0]
    """

    is_number = True

    class Config(Feature.Config):
        """Settings of a numeric feature."""

        kind: Literal["numeric"] = "numeric"
        transform: Literal["none", "log1p_signed"] = Field(
            default="none",
            description="What is done to the number first: nothing (none), or sign(x) log(1 + |x|) (log1p_signed).",
        )

    def __init__(self, config: Config, name: str, seed: int = 0) -> None:
        super().__init__(config, name, seed)
        self._is_log = config.transform == "log1p_signed"

    @property
    def wire_type(self) -> Any:
        """A number."""
        return float

    @property
    def dense_names(self) -> tuple[str, ...]:
        """The feature's name."""
        return (self.name,)

    @property
    def dense_is_scaled(self) -> tuple[bool, ...]:
        """Scaled."""
        return (True,)

    def transformed(self, number_B: Floats) -> Floats:
        """As set."""
        return np.copysign(np.log1p(np.abs(number_B)), number_B) if self._is_log else number_B

    def encode(
        self, values: Sequence[Any], time_s_B: Floats, dense_BD: Floats32, category_BC: Ints32
    ) -> list[FeatureProblem]:
        """Write the column."""
        dense_BD[:] = encode_numbers([self], [values])
        return []
