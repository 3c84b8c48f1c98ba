"""Loops over bytes that are compiled when they are first called, kept beside their source, and announced."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

_log = logging.getLogger(__name__)

#: Functions that are compiled together, and what they are for; of those that were announced, nothing.
_to_announce: dict[Callable[..., Any], list[str]] = {}


def compiled(what: str, *functions: Callable[..., Any]) -> tuple[Callable[..., Any], ...]:
    """The functions, compiled at their first call where they were not kept on this machine; one log line says so.

    `what` they are for stands in the log line.
    """
    import numba

    if not _to_announce:
        _listen()
    once = [what]
    _to_announce.update((function, once) for function in functions)
    return tuple(numba.njit(cache=True, nogil=True)(function) for function in functions)


def _listen() -> None:
    from numba.core import event

    class Announcer(event.Listener):
        def on_start(self, beginning: Any) -> None:
            once = _to_announce.get(beginning.data["dispatcher"].py_func)
            if once:
                _log.info("compiling %s, once on this machine: some seconds", once.pop())

        def on_end(self, end: Any) -> None:
            return

    event.register("numba:compile", Announcer())  # type: ignore[no-untyped-call]
