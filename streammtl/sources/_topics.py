"""Which topics a source reads, and what is in them: settings that logs and brokers share."""

from __future__ import annotations

from pydantic import Field, model_validator

from streammtl.component import Settings
from streammtl.types import Role


class EventsAndLabels(Settings):
    """Two topics that are read together."""

    events: str = Field(min_length=1, description="The topic of the events.")
    labels: str = Field(min_length=1, description="The topic of the labels.")

    @model_validator(mode="after")
    def _check_they_differ(self) -> EventsAndLabels:
        if self.events == self.labels:
            raise ValueError(f"both topics are {self.events!r}; for events and labels in one topic, set topic: instead")
        return self


def check_one_of(topic: str | None, topics: EventsAndLabels | None) -> None:
    """Raise ValueError unless exactly one of the two settings is set."""
    if (topic is None) == (topics is None):
        raise ValueError("set either topic, or topics with events and labels")


def roles_by_topic(topic: str | None, topics: EventsAndLabels | None) -> dict[str, Role]:
    """What the records of each topic are, events before labels."""
    if topics is not None:
        return {topics.events: Role.EVENTS, topics.labels: Role.LABELS}
    assert topic is not None, "checked by `check_one_of`"
    return {topic: Role.MIXED}
