"""The family of sources: ordered records with a position that one can come back to."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, cast

from pydantic import Field

from streammtl.clock import Clock, SystemClock
from streammtl.component import Component
from streammtl.errors import SourceError
from streammtl.types import Position, Records


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

    @abstractmethod
    def close(self) -> None:
        """Let go of files and connections. May be called twice."""


def check_partitions(position: Position, partitions: Sequence[str]) -> None:
    """Raise `SourceError` when `position` names a partition that the source does not have."""
    unknown = sorted(position.keys() - set(partitions))
    if unknown:
        raise SourceError(
            f"the position to resume from names {', '.join(unknown)}, but this source has "
            f"{', '.join(partitions)}: it is the position of another source. Use the source that the checkpoint was "
            "made with, or start without it"
        )
