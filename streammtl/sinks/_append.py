"""A file that grows at its end and can be cut back to a size that it had."""

from __future__ import annotations

import os
from io import FileIO
from pathlib import Path
from typing import final

from streammtl.errors import SinkError


@final
class AppendFile:
    """Writes without a buffer of its own: a reader, and what a killed process leaves, see whole writes in order.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "new" / "a.txt"
    ...     file = AppendFile(path, size_bytes=None)
    ...     file.write(b"one ")
    ...     size_bytes = file.sync()
    ...     file.write(b"lost")
    ...     file.close()
    ...     file = AppendFile(path, size_bytes)
    ...     file.write(b"two")
    ...     file.close()
    ...     path.read_text()
    'one two'
    """

    def __init__(self, path: Path, size_bytes: int | None) -> None:
        """Open the file and cut it to `size_bytes`; None: replace it by an empty one."""
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # A missing file is made only where nothing is missing in it.
            self._file = FileIO(os.open(path, os.O_RDWR | (0 if size_bytes else os.O_CREAT), 0o666), "r+b")
        except FileNotFoundError:
            raise SinkError(
                f"{path} is gone, but the checkpoint to resume from has {size_bytes} bytes of it; restore the file, or "
                "start without the checkpoint"
            ) from None
        except OSError as problem:
            raise SinkError(f"cannot open {path} for writing: {problem.strerror}") from problem
        try:
            self._cut_to(size_bytes or 0)
            sync_folder(path.parent)
        except BaseException:
            self._file.close()
            raise
        self._size_bytes = size_bytes or 0

    def write(self, content: bytes) -> None:
        """Append all of `content`, or, when that fails, nothing of it."""
        rest = memoryview(content)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as problem:
            self._cut_to(self._size_bytes)
            raise SinkError(f"cannot write to {self._path}: {problem.strerror}") from problem
        self._size_bytes += len(content)

    def sync(self) -> int:
        """Wait until everything is on the disk; the size in bytes."""
        try:
            os.fsync(self._file.fileno())
        except OSError as problem:
            raise SinkError(f"cannot write to {self._path}: {problem.strerror}") from problem
        return self._size_bytes

    def close(self) -> None:
        """Sync and let go of the file. May be called twice."""
        if not self._file.closed:
            try:
                self.sync()
            finally:
                self._file.close()

    def _cut_to(self, size_bytes: int) -> None:
        found = self._file.seek(0, os.SEEK_END)
        if found < size_bytes:
            raise SinkError(
                f"{self._path} has {found} bytes, but the checkpoint to resume from has {size_bytes} bytes of it; "
                "restore the file, or start without the checkpoint"
            )
        try:
            self._file.truncate(size_bytes)
        except OSError as problem:
            raise SinkError(f"cannot cut {self._path} back to {size_bytes} bytes: {problem.strerror}") from problem
        self._file.seek(size_bytes)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as problem:
        raise SinkError(f"cannot sync the folder {folder}: {problem.strerror}") from problem
