"""Another source, with changes on the way."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self, final

import msgspec
import numpy as np
from pydantic import Field, model_validator

from streammtl.changes.base import Change
from streammtl.clock import Clock
from streammtl.component import OneOf
from streammtl.sources._several import inner_source
from streammtl.sources.base import Readers, Source, check_has_no_polls
from streammtl.types import Position, Records
from streammtl.worlds.base import TrueDrift

_DECODER = msgspec.json.Decoder(dict[str, Any])
_ENCODER = msgspec.json.Encoder()


@final
class ChangedSource(Source):
    """The records of another source after changes, such as drifts at places that one knows.

    The changes are done one after the other to every record; a record that no change touches, and one that cannot be
    read, pass as they are. Records are counted from the beginning of the stream, over all its partitions; a stream
    that does not begin at offset 0 cannot be counted.

    >>> from streammtl.sources.jsonl import JsonlSource
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "data.jsonl"
    ...     _ = path.write_text('{"a":1}\\n{"a":1}\\n')
    ...     drift = {"kind": "scale", "field": "a", "factor": 10, "at": 1}
    ...     config = ChangedSource.Config(source={"kind": "jsonl", "path": str(path)}, changes=[drift])
    ...     source = config.build()
    ...     source.open({})
    ...     records = source.poll(timeout_s=0.0)
    ...     source.close()
    >>> records.values, source.drifts(Readers({"a": ("a",)}, {}))[0].start_event
    ([b'{"a":1}', b'{"a":10.0}'], 1)
    """

    class Config(Source.Config):
        """Settings of a source with changes."""

        kind: Literal["changed"] = "changed"
        source: Annotated[Source.Config, OneOf("sources")] = Field(description="The source of the records.")
        changes: tuple[Annotated[Change.Config, OneOf("changes")], ...] = Field(
            min_length=1, description="What is done to them, in this order."
        )

        @model_validator(mode="after")
        def _check_polls(self) -> Self:
            return check_has_no_polls(self)

    def __init__(self, config: ChangedSource.Config, base: Path, clock: Clock) -> None:
        self.source = inner_source(config.source, base, clock)
        self._changes = [change.build() for change in config.changes]
        self._n_read = 0

    def open(self, position: Position) -> None:
        """Open the other source there."""
        self.source.open(position)
        self._n_read = sum(position.values())

    def poll(self, timeout_s: float) -> Records | None:
        """The next records, after the changes."""
        records = self.source.poll(timeout_s)
        if not records:
            return records
        numbers_N = np.arange(self._n_read, self._n_read + len(records))
        self._n_read += len(records)
        changes = [change for change in self._changes if change.strength(numbers_N).any()]
        if not changes:
            return records
        documents = [_document(value) for value in records.values]
        before = [None if document is None else dict(document) for document in documents]
        for change in changes:
            change.apply_all(documents, numbers_N)
        values: list[Any] = [
            given if document == old else _written(document, given)
            for document, old, given in zip(documents, before, records.values, strict=True)
        ]
        return replace(records, values=values)

    @property
    def n_records(self) -> int | None:
        """As many as the other source has."""
        return self.source.n_records

    def progress(self) -> float | None:
        """That of the other source."""
        return self.source.progress()

    def drifts(self, readers: Readers) -> tuple[TrueDrift, ...]:
        """Those of the other source, and the changes."""
        return (*self.source.drifts(readers), *(drift_of(change, readers) for change in self._changes))

    def close(self) -> None:
        """Close the other source."""
        self.source.close()


def drift_of(change: Change, readers: Readers) -> TrueDrift:
    """The drift that a change makes, by the names of the features and tasks that read its fields.

    What changes features but not labels changes what follows from them, for every task. `start_event` is the number
    of the record, which is that of the event where every record is one. The records alone know the time: it is NaN.
    """
    config = change.config
    features = tuple(name for field in change.fields for name in readers.features.get(field, ()))
    tasks = tuple(readers.tasks[field] for field in change.fields if field in readers.tasks)
    kind = str(config.model_dump(include={"kind"})["kind"])
    return TrueDrift(
        name=f"{kind} {' '.join(change.fields)}",
        kind=config.course,
        tasks=tuple(readers.tasks.values()) if features else tasks,
        features=features,
        start_s=math.nan,
        end_s=math.nan,
        start_event=config.at,
        description=f"injected from record {config.at} on: {kind} {', '.join(change.fields)}",
    )


def _document(value: Any) -> dict[str, Any] | None:
    """A record as a dictionary of its own; None where it cannot be read, which the decoder will say."""
    if isinstance(value, Mapping):
        return dict(value)
    try:
        return _DECODER.decode(value)
    except (msgspec.DecodeError, UnicodeError, RecursionError, TypeError):
        return None


def _written(document: dict[str, Any] | None, given: Any) -> Any:
    """The record in the form in which it came: JSON as bytes, or a mapping."""
    return document if isinstance(given, Mapping) else _ENCODER.encode(document)
