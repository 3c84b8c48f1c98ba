"""SIGTERM and SIGINT ask a run to stop at its next opportunity; a second SIGINT interrupts at once."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_log = logging.getLogger(__name__)


@contextmanager
def ignore_hangup() -> Iterator[None]:
    """Within the context, SIGHUP (the terminal is gone; reload) is a log line. For the main thread only."""

    def note(number: int, frame: FrameType | None) -> None:
        _log.info("ignoring SIGHUP: the configuration is read at the start only; restart the process to read it again")

    before = signal.signal(signal.SIGHUP, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


@contextmanager
def stop_on_signals() -> Iterator[Callable[[], bool]]:
    """Within the context, the function given says whether somebody asked to stop. For the main thread only."""
    asked = False

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked = True

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
