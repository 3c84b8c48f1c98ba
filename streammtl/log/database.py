"""The SQLite file below the embedded log: whose file it is, transactions, and errors for people.

Durability: WAL mode with `synchronous=FULL`. SQLite then syncs the write-ahead log before a commit becomes visible,
so a transaction that returned survives a power loss, and a reader never acts on a record that a power loss could take
back (with NORMAL it could, and other records would later get the offsets that its checkpoint already counted). The
price is one sync per transaction: append in batches. A process killed in the middle of one leaves nothing of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeAlias, final

from streammtl.clock import Clock
from streammtl.errors import SinkError, SourceError

APPLICATION_ID = 0x534D4C47  # "SMLG", in the header of the file
FORMAT_VERSION = 1  # the file's `user_version`: raise it with every change of the tables

_RETRY_S = 0.01  # between attempts where SQLite does not wait by itself: switching a new file to WAL mode

#: A log is both read and written: which of the two errors a failure is, depends on what was asked.
LogFailure: TypeAlias = type[SourceError] | type[SinkError]


@final
class Database:
    """A connection to one file that holds `tables` and that we, and nobody else, have made."""

    def __init__(self, path: Path, tables: Sequence[str], create: bool, busy_timeout_s: float, clock: Clock) -> None:
        self.path = path
        self._busy_timeout_s = busy_timeout_s
        self._failure: LogFailure = SinkError if create else SourceError
        if create:
            _make_folder(path.parent)
        elif not path.is_file():
            raise SourceError(f"there is no log {path}; check the path, or start what writes it first")
        with self.explaining(self._failure, "open it"):
            self.connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}",
                uri=True,
                timeout=busy_timeout_s,
                isolation_level=None,
            )
        try:
            with self.explaining(self._failure, "open it"):
                self._prepare(tables, create, clock)
        except BaseException:
            self.connection.close()
            raise

    @contextmanager
    def explaining(self, failure: LogFailure, action: str) -> Iterator[None]:
        """Turn SQLite's errors into `failure`s that say what could not be done, where, and what to do."""
        try:
            yield
        except sqlite3.Error as problem:
            raise failure(f"the log {self.path}: cannot {action}: {problem}{self._advice(problem)}") from problem

    @contextmanager
    def transaction(self, mode: Literal["DEFERRED", "IMMEDIATE"]) -> Iterator[None]:
        """All or nothing; IMMEDIATE takes the write lock first, DEFERRED reads one unchanging snapshot."""
        self.connection.execute(f"BEGIN {mode}")
        try:
            yield
            self.connection.execute("COMMIT")
        finally:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")

    def _prepare(self, tables: Sequence[str], create: bool, clock: Clock) -> None:
        with self.transaction("DEFERRED"):  # one view of the file, while another process may be making it
            is_ours = self._is_ours()
        if is_ours:
            self.connection.execute("PRAGMA synchronous=FULL")
            return
        if not create:
            raise SourceError(f"the log {self.path} is empty; start what writes it first")
        self._switch_to_wal(clock)
        self.connection.execute("PRAGMA synchronous=FULL")
        with self.transaction("IMMEDIATE"):
            if self._is_ours():  # another process was faster
                return
            for table in tables:
                self.connection.execute(table)
            self.connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            self.connection.execute(f"PRAGMA user_version={FORMAT_VERSION}")

    def _is_ours(self) -> bool:
        """False: the file is empty. Raises when it is somebody else's, or newer; nothing was changed in it then."""
        application_id = self._number("PRAGMA application_id")
        version = self._number("PRAGMA user_version")
        n_tables = self._number("SELECT count(*) FROM sqlite_master")
        if application_id == APPLICATION_ID:
            if version > FORMAT_VERSION:
                raise self._failure(
                    f"the log {self.path} has format {version}, this streammtl knows formats up to {FORMAT_VERSION}; "
                    "upgrade streammtl"
                )
            return True
        if application_id or version or n_tables:
            raise self._failure(
                f"{self.path} is an SQLite file of another program (application id {application_id}, {n_tables} "
                "tables), not a streammtl log; nothing was changed in it. Take another path"
            )
        return False

    def _number(self, query: str) -> int:
        return int(self.connection.execute(query).fetchone()[0])

    def _switch_to_wal(self, clock: Clock) -> None:
        """SQLite answers "locked" at once, without waiting, when two processes switch a new file together."""
        deadline_s = clock.monotonic() + self._busy_timeout_s
        while True:
            try:
                self.connection.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError:
                if clock.monotonic() >= deadline_s:
                    raise
                clock.sleep(_RETRY_S)

    def _advice(self, problem: sqlite3.Error) -> str:
        text = str(problem)
        if "locked" in text:
            return f" (another process held it for more than {self._busy_timeout_s:g} s; is one of them stuck?)"
        if "not a database" in text:
            return " (this is another kind of file; take another path)"
        if "readonly" in text or "unable to open" in text:
            return " (the file and its folder must be writable, also for reading: readers share an index beside it)"
        if "malformed" in text:
            return " (the file is damaged; `sqlite3 FILE .recover` may save what is left)"
        return ""


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise SinkError(f"cannot make the folder {folder} for the log: {problem.strerror}") from problem
