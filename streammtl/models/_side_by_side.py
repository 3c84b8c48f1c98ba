"""Independent jobs on threads: compiled loops let go of the interpreter, so each can have a core of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar, final

_Result = TypeVar("_Result")


@final
class SideBySide:
    """Runs jobs that touch nothing of each other's; what they give does not depend on how many threads there are.

    >>> SideBySide(n_threads=2).run([lambda: 1, lambda: 2, lambda: 3])
    [1, 2, 3]
    """

    def __init__(self, n_threads: int) -> None:
        """The calling thread is one of them."""
        self._n_threads = n_threads
        self._pool: ThreadPoolExecutor | None = None
        self._process = 0  # that the pool belongs to: threads do not follow a process into its forks

    def run(self, jobs: Sequence[Callable[[], _Result]]) -> list[_Result]:
        """What each job returns, in their order; all have ended when this returns or raises."""
        if self._n_threads == 1 or len(jobs) < 2:
            return [job() for job in jobs]
        others = [self._threads().submit(job) for job in jobs[1:]]
        try:
            first = jobs[0]()
        finally:
            wait(others)
        return [first, *(other.result() for other in others)]

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None or self._process != os.getpid():
            self._pool = ThreadPoolExecutor(self._n_threads - 1, thread_name_prefix="experts")
            self._process = os.getpid()
        return self._pool
