"""Texts with something in front."""

from __future__ import annotations

from typing import Any, Literal, final

from pydantic import Field

from streammtl.changes.base import Change


@final
class Prefix(Change):
    """Puts a text in front of a value: so that two streams that are joined to one do not share their ids.

    A number becomes text; a value that is missing stays missing.

    >>> record = {"id": 7}
    >>> Prefix.Config(field="id", text="b-").build().apply(record, strength=1.0, chance=0.0)
    >>> record
    {'id': 'b-7'}
    """

    class Config(Change.Config):
        """Settings of the text in front."""

        kind: Literal["prefix"] = "prefix"
        field: str = Field(min_length=1, description="The field.")
        text: str = Field(min_length=1, description="What is put in front of its value.")

    config: Prefix.Config

    @property
    def fields(self) -> tuple[str, ...]:
        """The one field."""
        return (self.config.field,)

    def apply(self, record: dict[str, Any], strength: float, chance: float) -> None:
        """Put the text in front of the value, if there is one."""
        value = record.get(self.config.field)
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            record[self.config.field] = f"{self.config.text}{value}"
