"""Observers see what a run does and change nothing: progress, logs, metrics, the report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import final

from streammtl.engine import Engine, TurnReport


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint that was written."""

    path: Path
    n_records: int  # of the stream, since its beginning
    seconds: float  # to flush the sinks and to write it
    size_bytes: int


class Observer:
    """Is told of everything that happens in a run; each kind of observer overrides what it wants to know."""

    def next_stop(self, n_records: int) -> int | None:
        """Asked at `n_records` of the stream: at which later number a turn shall end; None: wherever it ends."""
        return None

    def turn(self, report: TurnReport, engine: Engine) -> None:
        """A turn ended."""

    def polled(self, n_records: int, seconds: float) -> None:
        """The source was asked for records and gave so many (0: none came)."""

    def saved(self, saved: Saved) -> None:
        """A checkpoint was written."""

    def save_failed(self, error: Exception) -> None:
        """A checkpoint could not be written; learning goes on without it."""

    def troubled(self, error: Exception, retry_s: float) -> None:
        """The source or a sink does not answer; it is tried again in `retry_s` seconds."""

    def recovered(self) -> None:
        """What did not answer answers again."""


@final
class Observers(Observer):
    """Several observers as one."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def next_stop(self, n_records: int) -> int | None:
        """The first that one of them wants."""
        wanted = [observer.next_stop(n_records) for observer in self._observers]
        return min((stop for stop in wanted if stop is not None), default=None)

    def turn(self, report: TurnReport, engine: Engine) -> None:
        """Tell all."""
        for observer in self._observers:
            observer.turn(report, engine)

    def polled(self, n_records: int, seconds: float) -> None:
        """Tell all."""
        for observer in self._observers:
            observer.polled(n_records, seconds)

    def saved(self, saved: Saved) -> None:
        """Tell all."""
        for observer in self._observers:
            observer.saved(saved)

    def save_failed(self, error: Exception) -> None:
        """Tell all."""
        for observer in self._observers:
            observer.save_failed(error)

    def troubled(self, error: Exception, retry_s: float) -> None:
        """Tell all."""
        for observer in self._observers:
            observer.troubled(error, retry_s)

    def recovered(self) -> None:
        """Tell all."""
        for observer in self._observers:
            observer.recovered()
