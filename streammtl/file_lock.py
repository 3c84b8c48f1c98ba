"""A lock on a folder that the operating system releases when its holder ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import final

from streammtl.errors import CheckpointError


@final
class FileLock:
    """An exclusive lock (`flock`) on a file, which also says who holds it.

    A child that was forked meanwhile holds it too, as long as it runs. The file stays when the lock is released:
    removing it would let two processes lock two files of the same name.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     lock = FileLock(Path(folder) / "lock")
    ...     try:
    ...         FileLock(Path(folder) / "lock")
    ...     except CheckpointError as error:
    ...         print("held by this process already" in str(error))
    ...     lock.release()
    True
    """

    def __init__(self, path: Path) -> None:
        self._file: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)
        except BlockingIOError:
            holder = _holder(os.pread(self._file, 32, 0))
            self.release()
            raise CheckpointError(f"{path.parent} is held by {holder}: stop it, or use another folder") from None
        except OSError:
            self.release()
            raise

    def release(self) -> None:
        """Let others have it. May be called twice."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _holder(text: bytes) -> str:
    pid = text.decode("ascii", "replace").strip()
    if pid == str(os.getpid()):
        return f"this process already (process {pid})"
    return f"process {pid}" if pid.isdigit() else "another process"


__all__ = ["FileLock"]
