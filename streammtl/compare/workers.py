"""Runs jobs in processes of their own, several at a time, and keeps every result as soon as it is there.

A process takes one job after the other. One that dies (of memory, of a signal) takes the job with it that it was
doing, which is told as that job's error, and another takes its place. A result is written by the process that has it,
in one step (a draft, then a new name), so that whatever is killed, and whenever, a result is there in full or not at
all. When the process that gave the jobs is gone, the others end at their next turn.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import final

from streammtl.compare.jobs import Job
from streammtl.compare.process import do_jobs

_LOOK_EVERY_S = 0.25  # whether somebody said stop


def run_jobs(
    jobs: Sequence[Job],
    folder: Path,
    n_processes: int,
    *,
    observe: Callable[[Job, str, int], None],
    stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Run the jobs and keep their results in `folder`; False: somebody said stop before the end.

    `observe` is told of each job that ended: its error, or "", and how many are running.
    """
    waiting = list(reversed(jobs))
    workers = [_Worker(folder) for _ in range(min(n_processes, len(jobs)))]
    try:
        while waiting or any(worker.job for worker in workers):
            if stop():
                return False
            for i in range(len(workers)):
                if waiting and workers[i].job is None:
                    if not workers[i].is_alive():
                        workers[i] = _Worker(folder)
                    workers[i].give(waiting.pop())
            busy = [worker for worker in workers if worker.job]
            ready = wait([thing for worker in busy for thing in worker.to_wait_for], _LOOK_EVERY_S)
            for worker in busy:
                if any(thing in ready for thing in worker.to_wait_for):
                    job, error = worker.take()
                    observe(job, error, sum(1 for other in workers if other.job))
        return True
    finally:
        for worker in workers:
            worker.end()


@final
class _Worker:
    """A process that does one job at a time."""

    def __init__(self, folder: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=do_jobs, args=(theirs, folder), daemon=True)
        self._process.start()
        theirs.close()
        self.job: Job | None = None

    @property
    def to_wait_for(self) -> tuple[Connection, int]:
        """What becomes ready when the job is done, or the process dead."""
        return self._connection, self._process.sentinel

    def is_alive(self) -> bool:
        return self._process.is_alive()

    def give(self, job: Job) -> None:
        self.job = job
        with contextlib.suppress(OSError):  # it is dead: `take` will say so
            self._connection.send(job)

    def take(self) -> tuple[Job, str]:
        """The job that ended, and its error."""
        job, self.job = self.job, None
        assert job is not None
        try:
            if self._connection.poll():
                return job, str(self._connection.recv())
        except (EOFError, OSError):
            pass
        self._process.join()
        code = self._process.exitcode or 0
        how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        return job, f"its process ended {how}"

    def end(self) -> None:
        """End the process, also in the middle of a job."""
        self._connection.close()
        self._process.terminate()
        self._process.join()
