"""Calls of client libraries that wait for the broker longer than we have time."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import final


@final
class Call:
    """A call that waits as long as the broker is away, in a thread of its own: the caller looks in now and then."""

    def __init__(self, call: Callable[[], None]) -> None:
        self.error: BaseException | None = None
        self._call = call
        self._thread = Thread(target=self._run, name="kafka-commit", daemon=True)
        self._thread.start()

    def ended_within(self, timeout_s: float) -> bool:
        """Wait for its end; then `error` says how it went."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._call()
        except BaseException as error:
            self.error = error
