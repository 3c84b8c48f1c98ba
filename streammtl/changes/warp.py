"""Time that goes faster or slower."""

from __future__ import annotations

from typing import Any, Literal, final

from pydantic import Field

from streammtl.changes.base import Change, as_number


@final
class Warp(Change):
    """Event time goes faster or slower from a moment on: t becomes origin + factor * (t - origin) for t > origin.

    The field holds the time as a number (seconds or milliseconds, as in the data). Horizons and delays are event time:
    with a factor of 2, labels come twice as late and horizons end after half as many events.

    >>> record = {"t": 130.0}
    >>> Warp.Config(field="t", origin=100.0, factor=2.0).build().apply(record, strength=1.0, chance=0.0)
    >>> record
    {'t': 160.0}
    """

    class Config(Change.Config):
        """Settings of the warp."""

        kind: Literal["warp"] = "warp"
        field: str = Field(min_length=1, description="The field that holds the time.")
        origin: float = Field(description="The moment that stays what it is, in the units of the field.")
        factor: float = Field(gt=0.0, le=1e6, description="How much longer everything takes after it.")

    config: Warp.Config

    @property
    def fields(self) -> tuple[str, ...]:
        """The field of the time."""
        return (self.config.field,)

    def apply(self, record: dict[str, Any], strength: float, chance: float) -> None:
        """Move the time, if it is a number after the origin."""
        time, origin = as_number(record.get(self.config.field)), self.config.origin
        if time is not None and time > origin:
            record[self.config.field] = origin + self.config.factor * (time - origin)
