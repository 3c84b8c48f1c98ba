"""Parquet files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, final

import numpy as np

from streammtl.clock import Clock
from streammtl.errors import MissingExtraError, SourceError
from streammtl.sources._files import FilesSource, RecordFile
from streammtl.types import Ints, Position

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH_ROWS = 8192  # decoded at once, within a row group


@final
class ParquetSource(FilesSource):
    """Rows of a Parquet file, streamed row group by row group; the values are mappings of column to value.

    An offset is a row number from 0. Timestamps come out as ISO 8601 text in UTC (a timestamp without a zone is taken
    as UTC), dates as ISO 8601 text, decimals as floats. Needs the extra `parquet`.

    >>> import tempfile, pyarrow, pyarrow.parquet
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "events.parquet"
    ...     pyarrow.parquet.write_table(pyarrow.table({"id": ["a", "b"], "amount": [1.5, None]}), path)
    ...     source = ParquetSource.Config(path=path).build()
    ...     source.open({})
    ...     records = source.poll(timeout_s=0.0)
    ...     source.close()
    >>> records.values
    [{'id': 'a', 'amount': 1.5}, {'id': 'b', 'amount': None}]
    """

    class Config(FilesSource.Config):
        """Settings of Parquet files."""

        kind: Literal["parquet"] = "parquet"

    def __init__(self, config: ParquetSource.Config, base: Path, clock: Clock) -> None:
        super().__init__(config, base, clock)
        try:
            import pyarrow  # noqa: F401  only to fail before the stream starts
        except ImportError:
            raise MissingExtraError("pyarrow", "parquet", "Reading Parquet") from None
        self._n_records: int | None = None

    def open(self, position: Position) -> None:
        """Look at every file, and pass over what the position says was read; whole row groups are not decoded."""
        super().open(position)
        files = [_ParquetFile(path) for path in self.paths]
        self._n_records = sum(file.n_rows for file in files)
        for file in files:
            file.close()

    @property
    def n_records(self) -> int | None:
        """Rows of all files, from their footers; None before `open`."""
        return self._n_records

    def open_file(self, path: Path) -> RecordFile:
        """One file of rows."""
        return _ParquetFile(path)


@final
class _ParquetFile(RecordFile):
    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._path = path
        self._errors = (pa.ArrowException, OSError)
        if path.is_dir():
            raise SourceError(f"{path} is a folder; name the file, or the list of files, in it")
        try:
            self._file = pq.ParquetFile(path)
        except FileNotFoundError:
            raise SourceError(f"there is no file {path}; check the source's path") from None
        except self._errors as problem:
            raise SourceError(f"{path} cannot be read as Parquet: {problem}") from problem
        names = self._file.schema_arrow.names
        for name in names:
            if names.count(name) > 1 or not name:
                self._file.close()
                raise SourceError(f"{path} has a column without a name, or two called {name!r}; rename it")
        self.n_rows: int = self._file.metadata.num_rows
        self._next_offset = 0
        self._rows: list[dict[str, Any]] = []
        self._failure: SourceError | None = None
        self._batches = self._read_batches(0)

    def take(self, n: int) -> tuple[list[dict[str, Any]], Ints]:
        while len(self._rows) < n and self._failure is None:
            try:
                batch = next(self._batches, None)
            except self._errors as problem:
                row = self._next_offset + len(self._rows)
                self._failure = SourceError(f"{self._path} is damaged after row {row}: {problem}")
                break
            if batch is None:
                break
            self._rows += batch.to_pylist()
        if not self._rows and self._failure is not None:
            raise self._failure
        rows, self._rows = self._rows[:n], self._rows[n:]
        start = self._next_offset
        self._next_offset += len(rows)
        return rows, np.arange(start, self._next_offset)

    def skip(self, n: int) -> None:
        """Start to read at the row group that holds the row."""
        assert not self._next_offset, "skip comes before take"
        target = min(n, self.n_rows)
        group = 0
        while group < self._file.num_row_groups:
            n_rows = self._file.metadata.row_group(group).num_rows
            if self._next_offset + n_rows > target:
                break
            self._next_offset += n_rows
            group += 1
        self._batches = self._read_batches(group)
        super().skip(target - self._next_offset)

    @property
    def next_offset(self) -> int:
        return self._next_offset

    @property
    def share_read(self) -> float:
        return self._next_offset / self.n_rows if self.n_rows else 1.0

    def close(self) -> None:
        self._file.close()

    def _read_batches(self, first_group: int) -> Iterator[pa.RecordBatch]:
        for group in range(first_group, self._file.num_row_groups):
            for batch in self._file.iter_batches(batch_size=_BATCH_ROWS, row_groups=[group]):
                yield _json_like(batch)


def _json_like(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with timestamps and dates as ISO 8601 text and decimals as floats."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = []
    for column in batch.columns:
        kind = column.type
        if pa.types.is_timestamp(kind):
            in_utc = column.cast(pa.timestamp(kind.unit, "UTC"))
            columns.append(pc.strftime(in_utc, format="%Y-%m-%dT%H:%M:%SZ"))
        elif pa.types.is_date(kind):
            columns.append(pc.strftime(column, format="%Y-%m-%d"))
        elif pa.types.is_decimal(kind):
            columns.append(column.cast(pa.float64()))
        else:
            columns.append(column)
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
