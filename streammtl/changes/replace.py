"""Values that now mean something else."""

from __future__ import annotations

from typing import Any, Literal, Self, final

from pydantic import Field, field_validator, model_validator

from streammtl.changes.base import Change


@final
class Replace(Change):
    """Puts other values in the place of some: classes that exchange their names, a code that is given anew.

    Values are compared as text, so 1, "1" and true stand for themselves in every format (`1`, `1`, `true`). A value
    that is not named stays.

    >>> record = {"y": 0}
    >>> Replace.Config(field="y", values={"0": 1, "1": 0}).build().apply(record, strength=1.0, chance=0.0)
    >>> record
    {'y': 1}
    """

    class Config(Change.Config):
        """Settings of the values that are replaced."""

        kind: Literal["replace"] = "replace"
        field: str = Field(min_length=1, description="The field.")
        values: dict[str, str | int | float | bool] = Field(
            min_length=1, description="The new value for each old one, which is written as text."
        )

        @field_validator("values", mode="before")
        @classmethod
        def _write_as_text(cls, values: Any) -> Any:
            return {_text(old): new for old, new in values.items()} if isinstance(values, dict) else values

        @model_validator(mode="after")
        def _check_something_changes(self) -> Self:
            same = [old for old, new in self.values.items() if old == _text(new)]
            if same:
                raise ValueError(f"values: {', '.join(same)} would stay what it is; leave it out")
            return self

    config: Replace.Config

    @property
    def fields(self) -> tuple[str, ...]:
        """The one field."""
        return (self.config.field,)

    def apply(self, record: dict[str, Any], strength: float, chance: float) -> None:
        """Replace the value, if it is one of those."""
        if self.config.field in record:
            old = record[self.config.field]
            record[self.config.field] = self.config.values.get(_text(old), old)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
