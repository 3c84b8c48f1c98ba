"""What systemd wants to know of a service: that it is ready, that it lives, that it is stopping (sd_notify)."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from typing import final

from streammtl.clock import Clock
from streammtl.engine import Engine, TurnReport
from streammtl.run.observe import Observer, Saved

_log = logging.getLogger(__name__)

_EVERY_S = 1.0  # between two signs of life


@final
class Notify(Observer):
    """Writes to the socket that `NOTIFY_SOCKET` names: READY=1 after the first poll, WATCHDOG=1 every second.

    >>> from streammtl.clock import ManualClock
    >>> with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
    ...     manager.bind("\\0streammtl-example")
    ...     notify = Notify("@streammtl-example", ManualClock())
    ...     notify.polled(0, 0.0)
    ...     notify.before(lambda: True)(), manager.recv(100), manager.recv(100)
    (True, b'READY=1\\nWATCHDOG=1', b'STOPPING=1')
    """

    def __init__(self, address: str, clock: Clock) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._clock = clock
        self._is_ready = self._is_stopping = False
        self._last_s = -_EVERY_S

    def turn(self, report: TurnReport, engine: Engine) -> None:
        """A sign of life."""
        self._live()

    def polled(self, n_records: int, seconds: float) -> None:
        """The first time, everything is open."""
        if not self._is_ready:
            self._is_ready = True
            self._last_s = self._clock.monotonic()
            self._send("READY=1\nWATCHDOG=1")
        self._live()

    def saved(self, saved: Saved) -> None:
        """A sign of life."""
        self._live()

    def troubled(self, error: Exception, retry_s: float) -> None:
        """Waiting is no reason to be killed."""
        self._live()

    def before(self, stop: Callable[[], bool]) -> Callable[[], bool]:
        """The same as `stop`, and the manager hears of it when it says so."""

        def told() -> bool:
            if stop() and not self._is_stopping:
                self._is_stopping = True
                self._send("STOPPING=1")
            return self._is_stopping

        return told

    def _live(self) -> None:
        now_s = self._clock.monotonic()
        if self._is_ready and now_s - self._last_s >= _EVERY_S:
            self._last_s = now_s
            self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
                out.sendto(message.encode(), self._address)
        except OSError as error:
            _log.warning("cannot tell systemd %r: %s", message, error)
