"""Two fields in each other's place."""

from __future__ import annotations

from typing import Any, Literal, Self, final

from pydantic import Field, model_validator

from streammtl.changes.base import MISSING, Change, exchange


@final
class Swap(Change):
    """Two fields exchange their values: what each of them meant for the tasks now belongs to the other.

    Swapping features is the usual way of putting a drift of the concept into recorded data, at a place that one knows,
    since all labels stay what they were.

    >>> record = {"a": 1, "b": 2}
    >>> Swap.Config(fields=("a", "b")).build().apply(record, strength=1.0, chance=0.0)
    >>> record
    {'a': 2, 'b': 1}
    """

    class Config(Change.Config):
        """Settings of a swap."""

        kind: Literal["swap"] = "swap"
        fields: tuple[str, str] = Field(description="The two fields.")

        @model_validator(mode="after")
        def _check_they_differ(self) -> Self:
            if self.fields[0] == self.fields[1]:
                raise ValueError(f"both fields are {self.fields[0]!r}; name two that differ")
            return self

    config: Swap.Config

    @property
    def fields(self) -> tuple[str, ...]:
        """Both fields."""
        return self.config.fields

    def apply(self, record: dict[str, Any], strength: float, chance: float) -> None:
        """Exchange the values; one that is missing is then missing in the other field."""
        one, other = self.config.fields
        exchange(record, {one: record.get(other, MISSING), other: record.get(one, MISSING)})
