"""The only reader of the wall clock.

Durations come from `monotonic`, which never jumps. Learned state never depends on either.
"""

from __future__ import annotations

import time
from typing import Protocol, final


class Clock(Protocol):
    """What the engine, the sources and the daemon ask for the time."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment; never goes back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


@final
class SystemClock:
    """The clock of the machine."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment; never goes back."""
        return time.perf_counter()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


@final
class ManualClock:
    """A clock for tests: it moves only when told to, or when somebody sleeps."""

    def __init__(self, start_s: float = 0.0) -> None:
        self._now_s = start_s

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._now_s

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment; never goes back."""
        return self._now_s

    def sleep(self, seconds: float) -> None:
        """Move on by `seconds`."""
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Move on by `seconds`."""
        self._now_s += seconds
