"""Fields that are not there any more."""

from __future__ import annotations

from typing import Any, Literal, final

from pydantic import Field

from streammtl.changes.base import Change


@final
class Drop(Change):
    """Takes fields out of a share of the records: a sensor that fails, or labels that never come.

    All named fields of a record go together.

    >>> record = {"a": 1, "y": 2}
    >>> Drop.Config(fields=("y",), share=0.9).build().apply(record, strength=1.0, chance=0.5)
    >>> record
    {'a': 1}
    """

    class Config(Change.Config):
        """Settings of what is dropped."""

        kind: Literal["drop"] = "drop"
        fields: tuple[str, ...] = Field(min_length=1, description="The fields; labels are fields, too.")
        share: float = Field(default=1.0, gt=0.0, le=1.0, description="Share of the records that lose them.")

    config: Drop.Config

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that are dropped."""
        return self.config.fields

    def apply(self, record: dict[str, Any], strength: float, chance: float) -> None:
        """Take the fields out, if chance says so."""
        if chance < self.config.share:
            for name in self.config.fields:
                record.pop(name, None)
