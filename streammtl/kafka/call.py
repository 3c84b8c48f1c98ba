"""Calls of client libraries that wait for the broker longer than we have time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import final

_log = logging.getLogger(__name__)

_NAME = "kafka-call"


@final
class Call:
    """A call that waits as long as the broker is away, in a thread of its own: the caller looks in now and then."""

    def __init__(self, call: Callable[[], None]) -> None:
        self.error: BaseException | None = None
        self._call = call
        self._thread = threading.Thread(target=self._run, name=_NAME, daemon=True)
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


def let_go(closing: Sequence[Callable[[], object]], timeout_s: float) -> bool:
    """Close clients one after the other, and wait so long for it; False: it goes on without us.

    The thread ends with the process at the latest, and keeps the clients until then, so that nobody else destroys them
    and waits instead.
    """

    def close() -> None:
        for call in closing:
            call()

    call = Call(close)
    if not call.ended_within(timeout_s):
        _log.info("the client library waits for the broker before it lets go; we do not")
        return False
    if call.error is not None:
        raise call.error
    return True


def is_one_waiting() -> bool:
    """Whether a call that nobody waits for any more still waits for the broker."""
    return any(thread.name == _NAME for thread in threading.enumerate())
