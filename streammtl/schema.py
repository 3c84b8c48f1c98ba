"""The `schema` section of a run configuration: how a record is read."""

from __future__ import annotations

from typing import Annotated, final

from pydantic import Field, model_validator

from streammtl.component import OneOf, Settings
from streammtl.features.base import Feature
from streammtl.times import TimeUnit


@final
class Schema(Settings):
    """Which fields of a record are its id, its time, its labels and its features.

    >>> schema = Schema.model_validate({"id": "tx_id", "time": "ts", "features": {"amount": "numeric"}})
    >>> [feature.dense_names for feature in schema.build_features(seed=0)]
    [('amount',)]
    """

    id: str | None = Field(
        default=None,
        min_length=1,
        description="Field with the id under which later labels find their event: text or a whole number. Default: "
        "none; then a record's partition and offset are its id, and labels must come inside their events.",
    )
    time: str | None = Field(default=None, min_length=1, description="Field with the event time. Default: none.")
    time_unit: TimeUnit = Field(
        default="auto",
        description="How the event time is read. A number counts seconds (s) or milliseconds (ms), or milliseconds "
        "above 1e11 and else seconds (auto); in these three, text that is no number is read as ISO 8601. iso: ISO "
        "8601 text only. Text without an offset from UTC is UTC.",
    )
    entity: str | None = Field(
        default=None, min_length=1, description="Field with what the event is about, such as a customer."
    )
    labels: str | None = Field(
        default=None,
        min_length=1,
        description="Field that holds the labels as an object of their own. Default: none; they lie beside the "
        "features.",
    )
    record: str | None = Field(
        default=None,
        min_length=1,
        description='Field that says "event" or "label". Default: none; then a record that has a label and no '
        "feature is a label, and every other record an event.",
    )
    features: dict[str, Annotated[Feature.Config, OneOf("features")]] = Field(
        min_length=1, description="The inputs of the model, by name."
    )
    max_record_bytes: int = Field(
        default=1_000_000, ge=16, le=100_000_000, description="JSON documents of more bytes are rejected undecoded."
    )

    @model_validator(mode="after")
    def _check_fields(self) -> Schema:
        alone = [(key, name) for key in ("labels", "record") if (name := getattr(self, key)) is not None]
        read = {name: f"schema.{key}" for key in ("id", "time", "entity") if (name := getattr(self, key)) is not None}
        read |= {config.field or name: f"schema.features.{name}" for name, config in self.features.items()}
        for key, name in alone:
            if name in read:
                raise ValueError(f"schema.{key} and {read[name]} both name the field {name!r}; a field is one of them")
            read[name] = f"schema.{key}"
        return self

    def build_features(self, seed: int) -> tuple[Feature, ...]:
        """The features in their order; `seed` goes into hashes."""
        return tuple(config.build(name, seed) for name, config in self.features.items())
