"""Lines of plain and gzip files, read in large blocks."""

from __future__ import annotations

import zlib
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import BinaryIO, final

from streammtl.errors import SourceError

_BLOCK_BYTES = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_FORMAT = 31  # zlib's number for "a gzip header and the largest window"
_UTF8_MARK = b"\xef\xbb\xbf"  # some programs write it at the start of a text file; it is not text


@final
class LineFile:
    """The lines of a file, without their line feeds; a name that ends in `.gz` is unpacked.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "three.txt"
    ...     _ = path.write_bytes(b"one\\ntwo\\nthree")
    ...     lines = LineFile(path)
    ...     print(lines.take(2), lines.take(2), lines.take(2))
    ...     lines.close()
    [b'one', b'two'] [b'three'] []
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = _open(path)
        self._size_bytes = max(1, path.stat().st_size)
        self._blocks = self._read_blocks()
        self._lines: list[bytes] = []
        self._begun: list[bytes] = []  # parts of a line whose end was not read yet
        self._at_end = False
        self._failure: SourceError | None = None

    def take(self, n: int) -> list[bytes]:
        """The next `n` lines; fewer only before the end or before a failure, which the call after it raises."""
        while len(self._lines) < n and not self._at_end and self._failure is None:
            try:
                self._read_more()
            except SourceError as failure:
                self._failure = failure
        if not self._lines and self._failure is not None:
            raise self._failure
        taken, self._lines = self._lines[:n], self._lines[n:]
        return taken

    @property
    def share_read(self) -> float:
        """Share of the file's bytes that were read, 0 to 1."""
        return 1.0 if self._file.closed else min(1.0, self._file.tell() / self._size_bytes)

    def close(self) -> None:
        """Let go of the file. May be called twice."""
        self._file.close()

    def _read_more(self) -> None:
        block = next(self._blocks, None)
        if block is None:
            self._at_end = True
            last = b"".join(self._begun)
            self._begun = []
            if last:
                self._lines.append(last)
            return
        first, feed, rest = block.partition(b"\n")
        self._begun.append(first)
        if feed:  # joining only here keeps a line of many blocks from being copied once per block
            lines = rest.split(b"\n")
            self._lines += [b"".join(self._begun), *lines[:-1]]
            self._begun = [lines[-1]]

    def _read_blocks(self) -> Iterator[bytes]:
        is_gzip = self._path.suffix == ".gz"
        start = self._read()
        if start.startswith(_GZIP_MAGIC) != is_gzip:
            found = f"starts with the bytes {start[:4].hex(' ')}" if start else "is empty"
            raise SourceError(
                f"{self._path} ends in .gz, but {found} and is not a gzip file; take the .gz off its name"
                if is_gzip
                else f"{self._path} is a gzip file; its name must end in .gz"
            )
        blocks = self._unpack(start) if is_gzip else self._plain(start)
        yield next(blocks, b"").removeprefix(_UTF8_MARK)
        yield from blocks

    def _plain(self, start: bytes) -> Iterator[bytes]:
        while start:
            yield start
            start = self._read()

    def _unpack(self, packed: bytes) -> Iterator[bytes]:
        """The members of a gzip file, one after the other; zero bytes between and after them are padding."""
        while packed:
            packed = yield from self._unpack_member(packed)
            packed = packed.lstrip(b"\0")
            while not packed and (more := self._read()):
                packed = more.lstrip(b"\0")

    def _unpack_member(self, packed: bytes) -> Generator[bytes, None, bytes]:
        """Blocks of one member; returns what was read beyond it."""
        member = zlib.decompressobj(wbits=_GZIP_FORMAT)
        while True:
            try:
                yield member.decompress(packed, _BLOCK_BYTES)
            except zlib.error as problem:
                raise SourceError(
                    f"{self._path} is damaged near byte {self._file.tell()} ({problem}); the records before it were "
                    "read. Get a new copy of the file"
                ) from problem
            if member.eof:
                return member.unused_data
            packed = member.unconsumed_tail or self._read()
            if not packed:
                yield member.flush()
                raise SourceError(
                    f"{self._path} is truncated: the gzip data stop at byte {self._file.tell()} before their end; the "
                    "complete records before it were read. Get a complete copy of the file"
                )

    def _read(self) -> bytes:
        try:
            return self._file.read(_BLOCK_BYTES)
        except OSError as problem:
            raise SourceError(f"cannot read {self._path}: {problem.strerror}") from problem


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise SourceError(f"there is no file {path}; check the source's path") from None
    except IsADirectoryError:
        raise SourceError(f"{path} is a folder; name the file, or the list of files, in it") from None
    except OSError as problem:
        raise SourceError(f"cannot open {path}: {problem.strerror}") from problem
