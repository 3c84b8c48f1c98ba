"""When a run must not go on."""

from __future__ import annotations

from pydantic import Field, model_validator

from streammtl.component import Settings


class Limits(Settings):
    """When a run must not go on; null: no limit.

    >>> Limits(rejects_ratio=0.1).rejects_window
    1000
    """

    rejects_in_row: int | None = Field(
        default=None, ge=1, description="Stop when more records in a row are rejected; exit code 3."
    )
    rejects_ratio: float | None = Field(
        default=None,
        ge=0.0,
        lt=1.0,
        description="Stop when a larger share of the last `rejects_window` records is rejected; exit code 3.",
    )
    rejects_window: int = Field(default=1000, ge=1, le=1_000_000, description="Records of which the share is taken.")
    unavailable_s: float | None = Field(
        default=None,
        gt=0.0,
        description="Stop when the source or a sink has not answered for so many seconds; exit code 1. null: wait as "
        "long as it takes; nothing is lost meanwhile.",
    )

    @model_validator(mode="after")
    def _check_window(self) -> Limits:
        if self.rejects_ratio is None and "rejects_window" in self.model_fields_set:
            raise ValueError("rejects_window has no effect without rejects_ratio")
        return self
