"""One who leads and others who follow, on threads of their own: compiled loops let go of the interpreter."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from queue import SimpleQueue
from typing import Generic, TypeVar, final

_Lot = TypeVar("_Lot")
_Result = TypeVar("_Result")
_Led = TypeVar("_Led")


@final
class SideBySide(Generic[_Lot]):
    """Runs who touch nothing of each other's; what they return does not depend on how many threads there are.

    >>> def lead(give):
    ...     for lot in (1, 2):
    ...         give(lot)
    ...     return "led"
    >>> SideBySide(n_threads=2).run(lead, [lambda lot: 10 * lot, lambda lot: -lot])
    ('led', [[10, 20], [-1, -2]])
    """

    def __init__(self, n_threads: int) -> None:
        """The calling thread is one of them."""
        self._n_threads = n_threads
        self._pool: ThreadPoolExecutor | None = None
        self._process = 0  # that the pool belongs to: threads do not follow a process into its forks

    def run(
        self, lead: Callable[[Callable[[_Lot], None]], _Led], followers: Sequence[Callable[[_Lot], _Result]]
    ) -> tuple[_Led, list[list[_Result]]]:
        """What `lead` returns, and each follower of every lot that `lead` gives; they take them in order.

        The leader works in this thread. All have ended when this returns or raises.
        """
        n_workers = min(self._n_threads - 1, len(followers))
        if n_workers == 0:
            return one_by_one(lead, followers)
        queues: list[SimpleQueue[_Lot | None]] = [SimpleQueue() for _ in range(n_workers)]
        pool = self._threads()
        workers = [pool.submit(_follow, queue, followers[i::n_workers]) for i, queue in enumerate(queues)]
        try:

            def give(lot: _Lot) -> None:
                for queue in queues:
                    queue.put(lot)

            led = lead(give)
        finally:
            for queue in queues:
                queue.put(None)
            wait(workers)
        results = [worker.result() for worker in workers]
        return led, [results[i % n_workers][i // n_workers] for i in range(len(followers))]

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None or self._process != os.getpid():
            self._pool = ThreadPoolExecutor(self._n_threads - 1, thread_name_prefix="experts")
            self._process = os.getpid()
        return self._pool


def one_by_one(
    lead: Callable[[Callable[[_Lot], None]], _Led], followers: Sequence[Callable[[_Lot], _Result]]
) -> tuple[_Led, list[list[_Result]]]:
    """The same in one thread."""
    results: list[list[_Result]] = [[] for _ in followers]
    return lead(lambda lot: _take(lot, followers, results)), results


def _follow(queue: SimpleQueue[_Lot | None], followers: Sequence[Callable[[_Lot], _Result]]) -> list[list[_Result]]:
    results: list[list[_Result]] = [[] for _ in followers]
    while (lot := queue.get()) is not None:
        _take(lot, followers, results)
    return results


def _take(lot: _Lot, followers: Sequence[Callable[[_Lot], _Result]], results: list[list[_Result]]) -> None:
    for follow, own in zip(followers, results, strict=True):
        own.append(follow(lot))
