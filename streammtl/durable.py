"""File operations that are on the disk when they return, each announced so that a test can end the process there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import final


def _say_nothing(step: str) -> None:
    """The announcement of a program that is not being tested."""


@final
class Disk:
    """Writes, renames and removes below one folder.

    `announce` is called with `before X` and `after X` around every operation X; whatever it raises ends the operation.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Disk(print).write(Path(folder) / "a.txt", b"hello")
    before write a.txt
    after write a.txt
    before fsync a.txt
    after fsync a.txt
    """

    def __init__(self, announce: Callable[[str], None] = _say_nothing) -> None:
        self._announce = announce

    def write(self, path: Path, content: bytes) -> None:
        """Write a new file and wait until its content is on the disk."""
        with path.open("xb", buffering=0) as file:
            self._announce(f"before write {path.name}")
            rest = memoryview(content)
            while rest:
                rest = rest[file.write(rest) :]
            self._announce(f"after write {path.name}")
            self._fsync(file.fileno(), path)

    def make_folder(self, path: Path) -> None:
        """Make an empty folder."""
        self._announce(f"before make {path.name}")
        path.mkdir()
        self._announce(f"after make {path.name}")

    def sync_folder(self, path: Path) -> None:
        """Wait until the names in a folder are on the disk."""
        file = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self._fsync(file, path)
        finally:
            os.close(file)

    def rename(self, path: Path, target: Path) -> None:
        """Give a folder another name, in one step."""
        self._announce(f"before rename {path.name} to {target.name}")
        path.rename(target)
        self._announce(f"after rename {path.name} to {target.name}")

    def remove(self, path: Path) -> None:
        """Remove a folder with all that is in it, or a file."""
        self._announce(f"before remove {path.name}")
        if path.is_dir() and not path.is_symlink():
            for entry in sorted(path.iterdir()):
                self.remove(entry)
            path.rmdir()
        else:
            path.unlink()
        self._announce(f"after remove {path.name}")

    def _fsync(self, file: int, path: Path) -> None:
        self._announce(f"before fsync {path.name}")
        os.fsync(file)
        self._announce(f"after fsync {path.name}")


__all__ = ["Disk"]
