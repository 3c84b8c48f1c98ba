"""Patience with sources and sinks that do not answer: what cannot be done now is tried again, with growing pauses."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar, final

from streammtl.clock import Clock
from streammtl.errors import SinkUnavailableError, SourceUnavailableError
from streammtl.run.observe import Observer

_log = logging.getLogger(__name__)

_T = TypeVar("_T")

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0
_REMIND_EVERY_S = 30.0  # of a trouble that lasts
_NAP_S = 0.1  # how long a stop may go unnoticed


@final
class Patience:
    """Repeats an action until the source or the sink answers, and tells the observer of trouble and of its end.

    After `limit_s` seconds (None: never) it loses its patience, and the error is raised.
    """

    def __init__(self, clock: Clock, observer: Observer, limit_s: float | None = None) -> None:
        self._clock = clock
        self._observer = observer
        self._limit_s = limit_s
        self._since_s: float | None = None  # when the trouble began; None: there is none
        self._told_s = 0.0  # when the log was told last
        self._pause_s = _FIRST_PAUSE_S

    def until_done(self, action: Callable[[], _T], stop: Callable[[], bool] = lambda: False) -> _T:
        """What `action` returns, as soon as it does; its error, as soon as `stop` says so."""
        while True:
            try:
                result = action()
            except (SourceUnavailableError, SinkUnavailableError) as error:
                self._wait(error, stop)
            else:
                self._recover()
                return result

    def _wait(self, error: Exception, stop: Callable[[], bool]) -> None:
        now_s = self._clock.monotonic()
        is_new = self._since_s is None
        self._since_s = now_s if self._since_s is None else self._since_s
        if stop() or (self._limit_s is not None and now_s - self._since_s > self._limit_s):
            raise error
        self._observer.troubled(error, self._pause_s)
        if is_new or now_s - self._told_s >= _REMIND_EVERY_S:
            self._told_s = now_s
            _log.warning("waiting, for %.0f s so far: %s", now_s - self._since_s, error)
        until_s = now_s + self._pause_s
        while not stop() and (left_s := until_s - self._clock.monotonic()) > 0:
            self._clock.sleep(min(_NAP_S, left_s))
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)

    def _recover(self) -> None:
        if self._since_s is not None:
            _log.warning("going on after %.1f s", self._clock.monotonic() - self._since_s)
            self._since_s = None
            self._pause_s = _FIRST_PAUSE_S
            self._observer.recovered()
