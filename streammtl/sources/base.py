"""The family of sources: ordered records with a position that one can come back to."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeVar, cast

from pydantic import Field

from streammtl.clock import Clock, SystemClock
from streammtl.component import Component
from streammtl.errors import SourceError
from streammtl.journal import Runs
from streammtl.types import Position, Records
from streammtl.worlds.base import TrueDrift


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a reader is behind the end of its source."""

    n_records: int
    seconds: float  # since the last record that was read was written; 0 at the end of the source


@dataclass(frozen=True, slots=True)
class Readers:
    """Who reads the fields of a stream, by field."""

    features: Mapping[str, tuple[str, ...]]
    tasks: Mapping[str, str]  # whose label it is


class Source(Component):
    """Gives records in their order, from a position on.

    Opening is explicit: a source is usable between `open` and `close`. Reading the same source twice from the same
    position gives the same records in the same order, whatever the sizes of the polls.
    """

    family: ClassVar[str] = "sources"

    class Config(Component.Config):
        """Settings of every source."""

        max_poll_records: int = Field(
            default=5000, ge=1, le=1_000_000, description="How many records one poll returns at most."
        )

        def build(self, base: Path = Path(), clock: Clock | None = None) -> Source:
            """The source; relative paths are taken from `base`."""
            return cast(Source, self.owner(self, base, clock or SystemClock()))

    @abstractmethod
    def open(self, position: Position) -> None:
        """Get ready to read from `position` on (empty: from the beginning).

        Raises `SourceError` when the source is not there or no longer holds that position.
        """

    @abstractmethod
    def poll(self, timeout_s: float) -> Records | None:
        """The next records; empty when none came within `timeout_s`; None at the end of a source that ends."""

    @property
    def n_records(self) -> int | None:
        """How many records there are in all, where that is known without reading them: for progress bars."""
        return None

    def progress(self) -> float | None:
        """Share of the source that was read (0 to 1), where it can be told: for progress bars without `n_records`."""
        return None

    def drifts(self, readers: Readers) -> tuple[TrueDrift, ...]:
        """The changes that the stream is known to have: in simulations, and where they were put in."""
        return ()

    def commit(self, position: Position) -> None:
        """Tell whoever watches the source how far we are; for dashboards only, so that it never fails."""
        return

    @property
    def needs_journal(self) -> bool:
        """Whether another run from the same position could give the same records in another order.

        Then what `poll` returns is appended to the journal (see `streammtl.journal`) before anything is published.
        """
        return False

    def follow(self, runs: Runs, *, end: bool = False) -> None:
        """After `open`: give the records of `runs` first, in their order; then go on freely, or with `end`, end there.

        For sources with `needs_journal`; to all others there is only one order.
        """
        assert not self.needs_journal, "a source that needs a journal must be able to follow it"

    def identity(self) -> dict[str, str]:
        """What a position belongs to, besides names: the ids of topics, say. Goes into the checkpoint."""
        return {}

    def expect(self, identity: Mapping[str, str]) -> None:
        """Before `open`: the `identity` with which the position was saved. `open` or `poll` raise if it is another."""

    def lag(self) -> Lag | None:
        """How far the reader is behind the end of the source; None where that is not known."""
        return None

    @property
    def n_skipped(self) -> int:
        """How many offsets were passed over because they were gone, as configured, since the source was opened."""
        return 0

    @abstractmethod
    def close(self) -> None:
        """Let go of files and connections. May be called twice."""


_Config = TypeVar("_Config", bound=Source.Config)


def check_has_no_polls(config: _Config) -> _Config:
    """Raise ValueError when a source of sources has `max_poll_records` of its own, which would have no effect."""
    if "max_poll_records" in config.model_fields_set:
        raise ValueError("max_poll_records is a setting of the sources within, not of what is made of them")
    return config


def check_partitions(position: Position, partitions: Sequence[str]) -> None:
    """Raise `SourceError` when `position` names a partition that the source does not have."""
    unknown = sorted(position.keys() - set(partitions))
    if unknown:
        raise SourceError(
            f"the position to resume from names {', '.join(unknown)}, but this source has "
            f"{', '.join(partitions)}: it is the position of another source. Use the source that the checkpoint was "
            "made with, or start without it"
        )
