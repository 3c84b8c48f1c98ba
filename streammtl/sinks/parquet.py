"""A folder of Parquet files."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, final

from pydantic import Field

from streammtl.clock import Clock
from streammtl.errors import MissingExtraError, SinkError
from streammtl.sinks._append import sync_folder
from streammtl.sinks._documents import encode_value, flatten
from streammtl.sinks.base import Documents, Sink, number_in
from streammtl.types import State

if TYPE_CHECKING:
    import pyarrow as pa

_KINDS = {bool: "boolean", int: "number", float: "number", str: "text"}


@final
class ParquetSink(Sink):
    """A folder with a Parquet file per flush: `name-000001.parquet`, `name-000002.parquet`, ...

    A Parquet file can be neither cut nor continued, so a file is written as a whole, when the sink is flushed or
    closed or `rows_per_part` rows have come, and appears under its name only when it is complete. The position is the
    number of files; on resume the later ones are deleted.

    Nested fields become columns with dots; numbers are doubles, lists JSON text, absent values and NaN null. A column
    keeps its kind (number, text, boolean) over all files; while none of its values has been seen it is written as a
    number. A new field is a new column from its file on. Keys are not written. Needs the extra `parquet`.

    >>> import tempfile, pyarrow.parquet
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sink = ParquetSink.Config(path=Path(folder) / "predictions").build()
    ...     sink.open(None)
    ...     sink.publish(Documents(["a"], [{"id": "a", "fraud": {"probability": 0.5}}]))
    ...     sink.close()
    ...     print(pyarrow.parquet.read_table(Path(folder) / "predictions" / "predictions-000001.parquet").to_pylist())
    [{'id': 'a', 'fraud.probability': 0.5}]
    """

    class Config(Sink.Config):
        """Settings of Parquet files."""

        kind: Literal["parquet"] = "parquet"
        path: Path = Field(description="The folder; it is made. A relative path starts at the current folder.")
        rows_per_part: int = Field(
            default=100_000, ge=1, le=10_000_000, description="Rows in a file at most; they wait in memory until then."
        )

    def __init__(self, config: ParquetSink.Config, base: Path, clock: Clock) -> None:
        try:
            import pyarrow  # noqa: F401  only to fail before the stream starts
        except ImportError:
            raise MissingExtraError("pyarrow", "parquet", "Writing Parquet") from None
        self._folder = base / config.path
        self._stem = self._folder.stem
        self._rows_per_part = config.rows_per_part
        self._rows: list[dict[str, Any]] = []
        self._kinds: dict[str, str | None] = {}  # by column, in order of appearance; None: no value seen yet
        self._n_parts = 0
        self._is_open = False

    def open(self, position: State | None) -> None:
        """Delete the files beyond the position (all of this name, without one)."""
        self.close()
        n_parts = 0 if position is None else number_in(position, "parts", str(self._folder))
        self._kinds = {} if position is None else dict(position.get("columns", ()))
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._keep(n_parts)
        except OSError as problem:
            raise SinkError(f"cannot write to the folder {self._folder}: {problem.strerror}") from problem
        self._n_parts = n_parts
        self._is_open = True

    def publish(self, documents: Documents) -> None:
        """Keep the rows, and write them as soon as they make a file."""
        assert self._is_open, "open the sink first"
        for key, document in zip(documents.keys, documents.documents, strict=True):
            row = flatten(key, document)
            for column, value in row.items():
                self._note_kind(key, column, value)
            self._rows.append(row)
            if len(self._rows) == self._rows_per_part:
                self._write_part()

    def flush(self) -> State:
        """Write what is waiting as a file."""
        assert self._is_open, "open the sink first"
        if self._rows:
            self._write_part()
        # Pairs, not a mapping: whoever stores the position may sort a mapping, and the order is that of the columns.
        return {"parts": self._n_parts, "columns": [[column, kind] for column, kind in self._kinds.items()]}

    def close(self) -> None:
        """Write what is waiting."""
        if self._is_open:
            self.flush()
            self._is_open = False

    def _keep(self, n_parts: int) -> None:
        numbered = re.compile(re.escape(self._stem) + r"-(\d{6,})\.parquet(\.unfinished)?")
        kept, surplus = set(), []
        for path in sorted(self._folder.iterdir()):
            match = numbered.fullmatch(path.name)
            if match is None:
                continue
            if match[2] or int(match[1]) > n_parts:
                surplus.append(path)
            else:
                kept.add(int(match[1]))
        missing = sorted(set(range(1, n_parts + 1)) - kept)
        if missing:
            raise SinkError(
                f"{self._part(missing[0])} is gone, but the checkpoint to resume from has {n_parts} files; restore "
                "it, or start without the checkpoint"
            )
        for path in surplus:
            path.unlink()

    def _note_kind(self, key: str, column: str, value: Any) -> None:
        if value is None:
            self._kinds.setdefault(column, None)
            return
        kind = _KINDS.get(type(value), "text")
        known = self._kinds.get(column)
        if known is None:
            self._kinds[column] = kind
        elif known != kind:
            raise SinkError(
                f"the document {key!r} has the {kind} {value!r} in the column {column!r} of {self._folder}, which "
                f"held a {known} before; use a sink of kind jsonl for columns that change"
            )

    def _write_part(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self._part(self._n_parts + 1)
        unfinished = path.with_name(path.name + ".unfinished")
        arrays = [_column([row.get(column) for row in self._rows], kind) for column, kind in self._kinds.items()]
        try:
            with unfinished.open("wb") as file:
                pq.write_table(pa.table(dict(zip(self._kinds, arrays, strict=True))), file)
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(path)
        except (OSError, pa.ArrowException) as problem:
            raise SinkError(f"cannot write {path}: {problem}") from problem
        sync_folder(self._folder)
        self._n_parts += 1
        self._rows = []

    def _part(self, number: int) -> Path:
        return self._folder / f"{self._stem}-{number:06}.parquet"


def _column(values: list[Any], kind: str | None) -> pa.Array:
    import pyarrow as pa

    if kind == "boolean":
        return pa.array(values, pa.bool_())
    if kind == "text":
        texts = [v if v is None or isinstance(v, str) else encode_value(v) for v in values]
        return pa.array(texts, pa.string())
    return pa.array([None if v is None else float(v) for v in values], pa.float64())
