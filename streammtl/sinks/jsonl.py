"""JSON lines."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, final

from pydantic import Field, field_validator

from streammtl.clock import Clock
from streammtl.sinks._append import AppendFile
from streammtl.sinks._documents import encode_lines
from streammtl.sinks.base import Documents, Sink, number_in
from streammtl.types import State


@final
class JsonlSink(Sink):
    """One JSON document per line of a file; NaN and infinity become null, keys are not written.

    The position is the file's size: on resume the file is cut back to it.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "predictions.jsonl"
    ...     sink = JsonlSink.Config(path=path).build()
    ...     sink.open(None)
    ...     sink.publish(Documents(["a"], [{"id": "a", "fraud": {"probability": 0.5}}]))
    ...     position = sink.flush()
    ...     sink.close()
    ...     print(position, path.read_text(), end="")
    {'bytes': 39} {"id":"a","fraud":{"probability":0.5}}
    """

    class Config(Sink.Config):
        """Settings of JSON lines."""

        kind: Literal["jsonl"] = "jsonl"
        path: Path = Field(description="The file; folders are made. A relative path starts at the current folder.")

        @field_validator("path")
        @classmethod
        def _check_path(cls, path: Path) -> Path:
            if path.suffix == ".gz":
                raise ValueError("nothing is compressed here; take the .gz off the name")
            return path

    def __init__(self, config: JsonlSink.Config, base: Path, clock: Clock) -> None:
        self._path = base / config.path
        self._file: AppendFile | None = None

    def open(self, position: State | None) -> None:
        """Replace the file, or cut it back to the position."""
        self.close()
        self._file = AppendFile(self._path, None if position is None else number_in(position, "bytes", str(self._path)))

    def publish(self, documents: Documents) -> None:
        """Append a line per document."""
        assert self._file is not None, "open the sink first"
        self._file.write(encode_lines(documents))

    def flush(self) -> State:
        """Wait for the disk."""
        assert self._file is not None, "open the sink first"
        return {"bytes": self._file.sync()}

    def close(self) -> None:
        """Sync and close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
