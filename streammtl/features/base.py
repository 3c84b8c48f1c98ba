"""The family of features: from a field of an event to columns of a feature row.

Shape suffixes: B rows, D dense columns of this feature, C categorical columns of this feature.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, cast

import numpy as np
from pydantic import Field

from streammtl.component import Component
from streammtl.types import Floats, Floats32, Ints32

#: A value that could not be used: (row, what is wrong with it, for a person).
FeatureProblem = tuple[int, str]


class Feature(Component):
    """One input of the model. A feature has no state: what is learned about it (mean, variance) is the model's."""

    family: ClassVar[str] = "features"
    #: Whether `encode` also takes texts that were never made, as `streammtl.wire_texts.TextTokens`.
    takes_tokens: ClassVar[bool] = False
    #: True: it is one dense column, which is `transformed` of its number alone. Such are encoded all at once.
    is_number: ClassVar[bool] = False

    class Config(Component.Config):
        """Settings of every feature."""

        field: str | None = Field(
            default=None, min_length=1, description="Field of the event. Default: the feature's name."
        )

        def build(self, name: str, seed: int = 0) -> Feature:
            """The feature under its name; `seed` goes into hashes."""
            return cast(Feature, self.owner(self, name, seed))

    def __init__(self, config: Feature.Config, name: str, seed: int = 0) -> None:
        self.name = name
        self.field: str | None = config.field or name  # None: made of the event's time alone

    @property
    @abstractmethod
    def wire_type(self) -> Any:
        """Type annotation of the field for the typed decoder, without the `| None`."""

    @property
    def dense_names(self) -> tuple[str, ...]:
        """Names of the dense columns; none by default."""
        return ()

    @property
    def dense_is_scaled(self) -> tuple[bool, ...]:
        """For each dense column: does the model standardise it online?"""
        return tuple(False for _ in self.dense_names)

    @property
    def category_names(self) -> tuple[str, ...]:
        """Names of the categorical columns; none by default."""
        return ()

    @property
    def table_sizes(self) -> tuple[int, ...]:
        """Rows of the embedding table of each categorical column, row 0 (missing) included."""
        return ()

    def transformed(self, number_B: Floats) -> Floats:
        """What is done to its number (NaN = missing), where the feature is one; nothing by default."""
        return number_B

    @abstractmethod
    def encode(
        self, values: Sequence[Any], time_s_B: Floats, dense_BD: Floats32, category_BC: Ints32
    ) -> list[FeatureProblem]:
        """Write the columns of `values` (None = missing; empty when `field` is None) into the two views.

        Where `wire_type` is float, or a union with it, `values` may be an array of float64 (NaN = missing).

        NaN is a missing dense value, 0 a missing category; what is not finite counts as missing. A value of the
        right type that still cannot be used (a vector of the wrong length) is returned as a problem, and its record
        is rejected.
        """


def encode_numbers(features: Sequence[Feature], values_FB: Sequence[Sequence[Any] | Floats]) -> Floats32:
    """The columns (B, F) of features that are numbers: all of them take little more time than one."""
    number_FB = _as_floats(values_FB)
    for feature, number_B in zip(features, number_FB, strict=True):
        number_B[:] = feature.transformed(number_B)
    return to_dense(number_FB).T


def _as_floats(values_FB: Sequence[Sequence[Any] | Floats]) -> Floats:
    try:
        return np.array(values_FB, dtype=np.float64)
    except OverflowError:  # an integer beyond float64 is as good as infinite
        return np.array([[_bounded(value) for value in values_B] for values_B in values_FB], np.float64)


def _bounded(value: Any) -> Any:
    return np.nan if isinstance(value, int) and value.bit_length() > 1023 else value


def as_list(values: Any) -> Sequence[Any]:
    """The values of `Feature.encode` as Python objects; a missing number may be NaN."""
    return values.tolist() if isinstance(values, np.ndarray) else values  # type: ignore[no-any-return]


def to_dense(values_B: Floats) -> Floats32:
    """The values as float32; what is not finite there is missing (NaN).

    That includes a finite float64 beyond float32's largest number, 3.4e38: a reading of that size says that the sensor
    is broken, not that it was large, and clipped to 3.4e38 it would destroy every running mean that it entered.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        dense_B = np.asarray(values_B, dtype=np.float64).astype(np.float32)
    dense_B[~np.isfinite(dense_B)] = np.nan
    return dense_B
