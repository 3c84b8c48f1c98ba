"""JSON lines, plain or gzip."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, final

import numpy as np

from streammtl.sources._files import FilesSource, RecordFile
from streammtl.sources._lines import LineFile
from streammtl.types import Ints


@final
class JsonlSource(FilesSource):
    """One JSON document per line of a `.jsonl` or `.jsonl.gz` file; the values are the lines as bytes.

    An offset is a line number from 0. Blank lines are skipped, and counted.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "events.jsonl"
    ...     _ = path.write_text('{"a": 1}\\n\\n{"a": 2}\\n')
    ...     source = JsonlSource.Config(path=path).build()
    ...     source.open({})
    ...     records = source.poll(timeout_s=0.0)
    ...     source.close()
    >>> records.values, records.offset_N.tolist()
    ([b'{"a": 1}', b'{"a": 2}'], [0, 2])
    """

    class Config(FilesSource.Config):
        """Settings of JSON lines."""

        kind: Literal["jsonl"] = "jsonl"

    def open_file(self, path: Path) -> RecordFile:
        """One file of lines."""
        return _JsonlFile(path)


@final
class _JsonlFile(RecordFile):
    def __init__(self, path: Path) -> None:
        self._lines = LineFile(path)
        self._next_offset = 0

    def take(self, n: int) -> tuple[list[bytes], Ints]:
        lines = self._lines.take(n)
        start = self._next_offset
        self._next_offset += len(lines)
        if all(lines) and not any(map(bytes.isspace, lines)):
            return lines, np.arange(start, self._next_offset)
        full = [i for i, line in enumerate(lines) if line and not line.isspace()]
        return [lines[i] for i in full], np.array(full, np.int64) + start

    @property
    def next_offset(self) -> int:
        return self._next_offset

    @property
    def share_read(self) -> float:
        return self._lines.share_read

    def close(self) -> None:
        self._lines.close()
