"""The family of simulated worlds: seeded streams whose drifts and best possible predictions are known."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast

from pydantic import Field

from streammtl.component import Component
from streammtl.types import Floats


@dataclass(frozen=True, slots=True)
class TrueDrift:
    """A change that the world really made."""

    name: str
    kind: Literal["abrupt", "gradual", "incremental", "recurring"]
    tasks: tuple[str, ...]  # whose relation to the features changed
    features: tuple[str, ...]  # whose distribution changed
    start_s: float  # event time
    end_s: float  # equal to start_s when abrupt
    start_event: int  # number of the first event affected
    description: str


@dataclass(frozen=True, slots=True)
class WorldRecords:
    """A batch of the stream in the order in which it would arrive: events and labels (and dirt, on request).

    N records. `value_N` are JSON documents. `event_N[i]` is the number of the event that record i carries, or -1 for
    a label or a dirty record. `best_EO` are the best possible published outputs (all tasks side by side, in the order
    of the recommended configuration) of the batch's events, in order; NaN where the world cannot say.
    """

    value_N: list[bytes]
    is_label_N: list[bool]
    event_ids: list[str]  # E
    best_EO: Floats


class World(Component):
    """A seeded, bit-reproducible simulation. The same configuration gives the same bytes on every machine."""

    family: ClassVar[str] = "worlds"

    class Config(Component.Config):
        """Settings of every world."""

        seed: int = Field(default=0, ge=0, description="Seed of everything random.")
        events: int = Field(default=100_000, ge=1, description="Number of events until the world ends.")

        def build(self) -> World:
            """The world."""
            return cast(World, self.owner(self))

    @abstractmethod
    def records(self) -> Iterator[WorldRecords]:
        """The whole stream from its beginning, batch by batch. The batches do not depend on who reads them."""

    @abstractmethod
    def drifts(self) -> tuple[TrueDrift, ...]:
        """Every drift within the configured number of events."""

    @abstractmethod
    def run_config(self) -> dict[str, Any]:
        """The recommended `schema` and `tasks` sections of a run configuration over this world."""
