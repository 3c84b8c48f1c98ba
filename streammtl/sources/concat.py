"""Several sources, one after the other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, Self, final

import numpy as np
from pydantic import Field, model_validator

from streammtl.clock import Clock
from streammtl.component import OneOf
from streammtl.sources._several import Part, inner_source, mean_progress, open_parts, sum_of
from streammtl.sources.base import Source, check_has_no_polls
from streammtl.types import Position, Records, Role


@final
class ConcatSource(Source):
    """The records of several sources, each to its end before the next begins: a change of everything, say.

    All are opened at the beginning, so that their partitions are known. Ids that are used by more than one of them, and
    time that goes back where the next one begins, are what they would be in any stream: duplicates and late records.
    A source `changed` by `prefix` and `scale` mends both.

    >>> from streammtl.sources.jsonl import JsonlSource
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in "ab":
    ...         _ = (Path(folder) / name).write_text(f'{{"{name}":1}}\\n')
    ...     parts = [{"kind": "jsonl", "path": str(Path(folder) / name)} for name in "ab"]
    ...     source = ConcatSource.Config(sources=parts).build()
    ...     source.open({})
    ...     first, second = source.poll(timeout_s=0.0), source.poll(timeout_s=0.0)
    ...     source.close()
    >>> first.values, second.values, [name[:2] for name in second.partitions]
    ([b'{"a":1}'], [b'{"b":1}'], ['0/', '1/'])
    """

    class Config(Source.Config):
        """Settings of sources that follow one another."""

        kind: Literal["concat"] = "concat"
        sources: tuple[Annotated[Source.Config, OneOf("sources")], ...] = Field(
            min_length=2, description="The sources, in their order; each must end, but for the last."
        )

        @model_validator(mode="after")
        def _check_polls(self) -> Self:
            return check_has_no_polls(self)

    def __init__(self, config: ConcatSource.Config, base: Path, clock: Clock) -> None:
        self._parts = [Part(inner_source(s, base, clock), number) for number, s in enumerate(config.sources)]
        self._at = 0
        self._partitions: tuple[str, ...] = ()
        self._roles: tuple[Role, ...] = ()

    def open(self, position: Position) -> None:
        """Open all of them: those that were read have nothing left."""
        self._partitions, self._roles = open_parts(self._parts, position)
        self._at = 0

    def poll(self, timeout_s: float) -> Records | None:
        """The next records of the source whose turn it is."""
        while self._at < len(self._parts):
            part = self._parts[self._at]
            records = part.poll(timeout_s)
            if records is not None:
                partition_N = records.partition_N + np.int32(part.first_partition)
                return replace(records, partitions=self._partitions, partition_N=partition_N, roles=self._roles)
            self._at += 1
        return None

    @property
    def n_records(self) -> int | None:
        """As many as all have, where all can tell."""
        return sum_of([part.source.n_records for part in self._parts])

    def progress(self) -> float | None:
        """The mean over the sources."""
        return mean_progress([part.source for part in self._parts])

    def close(self) -> None:
        """Close all of them."""
        for part in self._parts:
            part.source.close()
