"""Numbers in another unit, or from another place."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, final

from pydantic import Field

from streammtl.changes.base import Change, as_number


@final
class Scale(Change):
    """A number x becomes factor * x + offset: a sensor that is recalibrated, prices that rise, another unit.

    On an incremental course with the strength s it becomes x + s * (factor * x + offset - x). Of a feature that is a
    drift of its distribution; of a label, of what is to be predicted.

    >>> record = {"t": 20.0}
    >>> Scale.Config(field="t", factor=1.8, offset=32.0).build().apply(record, strength=1.0, chance=0.0)
    >>> record
    {'t': 68.0}
    """

    is_gradable: ClassVar[bool] = True

    class Config(Change.Config):
        """Settings of a change of scale."""

        kind: Literal["scale"] = "scale"
        field: str = Field(min_length=1, description="The field that holds the number.")
        factor: float = Field(default=1.0, description="What the number is multiplied by.")
        offset: float = Field(default=0.0, description="What is added to it afterwards.")

    config: Scale.Config

    @property
    def fields(self) -> tuple[str, ...]:
        """The one field."""
        return (self.config.field,)

    def apply(self, record: dict[str, Any], strength: float, chance: float) -> None:
        """Change the number, if there is one."""
        number = as_number(record.get(self.config.field))
        if number is not None:
            changed = self.config.factor * number + self.config.offset
            record[self.config.field] = number + strength * (changed - number) if strength < 1.0 else changed
