"""CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, final

from pydantic import Field, field_validator

from streammtl.clock import Clock
from streammtl.errors import SinkError
from streammtl.sinks._append import AppendFile
from streammtl.sinks._documents import encode_value, flatten
from streammtl.sinks.base import Documents, Sink, number_in
from streammtl.types import State


@final
class CsvSink(Sink):
    """One row per document; nested fields become columns with dots, lists JSON, absent values and NaN empty cells.

    The columns are those of the first document, or `columns`. A later document with another field raises `SinkError`:
    dropping it silently would be a loss, and a file cannot grow a column in its middle. Documents of several shapes
    belong in JSON lines. Keys are not written. The position is the file's size and its columns.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "predictions.csv"
    ...     sink = CsvSink.Config(path=path).build()
    ...     sink.open(None)
    ...     sink.publish(Documents(["a", "b"], [{"id": "a", "fraud": {"probability": 0.5}}, {"id": "b"}]))
    ...     sink.close()
    ...     print(path.read_text(), end="")
    id,fraud.probability
    a,0.5
    b,
    """

    class Config(Sink.Config):
        """Settings of CSV."""

        kind: Literal["csv"] = "csv"
        path: Path = Field(description="The file; folders are made. A relative path starts at the current folder.")
        columns: tuple[str, ...] | None = Field(
            default=None, description="The columns, e.g. [id, fraud.probability]. Default: those of the first document."
        )

        @field_validator("path")
        @classmethod
        def _check_path(cls, path: Path) -> Path:
            if path.suffix == ".gz":
                raise ValueError("nothing is compressed here; take the .gz off the name")
            return path

        @field_validator("columns")
        @classmethod
        def _check_columns(cls, columns: tuple[str, ...] | None) -> tuple[str, ...] | None:
            if columns is not None and (not columns or len(set(columns)) < len(columns)):
                raise ValueError("name at least one column, and none twice")
            return columns

    def __init__(self, config: CsvSink.Config, base: Path, clock: Clock) -> None:
        self._path = base / config.path
        self._given_columns = config.columns
        self._columns: tuple[str, ...] | None = None  # None: the header is not written yet
        self._file: AppendFile | None = None

    def open(self, position: State | None) -> None:
        """Replace the file, or cut it back to the position."""
        self.close()
        if position is None:
            self._file = AppendFile(self._path, None)
            self._columns = None
            return
        size_bytes = number_in(position, "bytes", str(self._path))
        columns = position.get("columns")
        self._columns = None if columns is None else tuple(columns)
        if self._given_columns is not None and self._columns not in (None, self._given_columns):
            raise SinkError(
                f"{self._path} was begun with the columns {', '.join(self._columns or ())}, but columns now asks for "
                f"{', '.join(self._given_columns)}; put them back, or start without the checkpoint"
            )
        self._file = AppendFile(self._path, size_bytes)

    def publish(self, documents: Documents) -> None:
        """Append a row per document, and before the first a header."""
        assert self._file is not None, "open the sink first"
        if not len(documents):
            return
        flat = [flatten(key, document) for key, document in zip(documents.keys, documents.documents, strict=True)]
        columns = self._columns or self._given_columns or tuple(flat[0])
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if self._columns is None:
            writer.writerow(columns)
        known = frozenset(columns)
        for key, row in zip(documents.keys, flat, strict=True):
            if not row.keys() <= known:
                self._refuse(key, row, columns)
            writer.writerow([_cell(row.get(column)) for column in columns])
        try:
            content = text.getvalue().encode()
        except UnicodeEncodeError as problem:
            raise SinkError(f"a document for {self._path} cannot be written as UTF-8: {problem}") from problem
        self._file.write(content)
        self._columns = columns

    def flush(self) -> State:
        """Wait for the disk."""
        assert self._file is not None, "open the sink first"
        return {"bytes": self._file.sync(), "columns": None if self._columns is None else list(self._columns)}

    def close(self) -> None:
        """Sync and close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _refuse(self, key: str, row: dict[str, Any], columns: Sequence[str]) -> None:
        extra = next(column for column in row if column not in columns)
        raise SinkError(
            f"the document {key!r} has the field {extra!r}, which is not a column of {self._path} "
            f"({', '.join(columns)}). Set columns to all that may come, or use a sink of kind jsonl"
        )


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if value is None or isinstance(value, str | int | float) else encode_value(value)
