"""What sources that are made of several others share: their partitions are called `<number of the source>/<name>`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import final

from streammtl.clock import Clock
from streammtl.errors import ConfigError, SourceError
from streammtl.sources.base import Source
from streammtl.types import Position, Records, Role


def inner_source(config: Source.Config, base: Path, clock: Clock) -> Source:
    """A source within another. Raises `ConfigError` for one whose order has to be journalled: nobody would."""
    source = config.build(base, clock)
    if source.needs_journal:
        raise ConfigError(
            f"a source of the kind {config.model_dump()['kind']} cannot be within another, because its order across "
            "partitions is kept in a journal: write its records to a file first, and take that"
        )
    return source


@final
class Part:
    """One of several sources, with the partitions that it has in the whole."""

    def __init__(self, source: Source, number: int) -> None:
        self.source = source
        self.names: tuple[str, ...] = ()
        self.roles: tuple[Role, ...] = ()
        self.first_partition = 0  # among those of the whole
        self._number = number
        self._first: Records | None = None

    def open(self, position: Position) -> None:
        """Open the source there, and look at what comes first, which has the names of its partitions."""
        self.source.open(position)
        self._first = self.source.poll(timeout_s=0.0)
        if self._first is not None:
            self.names = tuple(f"{self._number}/{name}" for name in self._first.partitions)
            self.roles = self._first.roles or (Role.MIXED,) * len(self.names)

    def poll(self, timeout_s: float) -> Records | None:
        """The next records, by the source's own partitions."""
        first, self._first = self._first, None
        return first or self.source.poll(timeout_s)


def open_parts(parts: Sequence[Part], position: Position) -> tuple[tuple[str, ...], tuple[Role, ...]]:
    """Open all of them; the partitions of the whole, and their roles.

    Raises `SourceError` when it is the position of something else.
    """
    positions: list[Position] = [{} for _ in parts]
    for name, offset in position.items():
        number, _, partition = name.partition("/")
        if not partition or not number.isdigit() or int(number) >= len(parts):
            raise SourceError(
                f"the position to resume from names {name}, but this source is made of {len(parts)} others, whose "
                f"partitions begin with 0/ to {len(parts) - 1}/: it is the position of another source. Use the source "
                "that the checkpoint was made with, or start without it"
            )
        positions[int(number)][partition] = offset
    names: list[str] = []
    roles: list[Role] = []
    for part, own in zip(parts, positions, strict=True):
        part.open(own)
        part.first_partition = len(names)
        names += part.names
        roles += part.roles
    return tuple(names), tuple(roles) if any(roles) else ()


def sum_of(numbers: Sequence[int | None]) -> int | None:
    """The sum, where all are known."""
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None


def mean_progress(sources: Sequence[Source]) -> float | None:
    """The mean share that was read, where every source can tell."""
    shares = [source.progress() for source in sources]
    known = [share for share in shares if share is not None]
    return sum(known) / len(known) if len(known) == len(shares) else None
