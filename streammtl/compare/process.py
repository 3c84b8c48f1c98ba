"""A process that does one job after the other; `streammtl.compare.workers` starts it and gives it the jobs.

Nothing that is heavy, or that reads the number of threads when it is imported, may be imported at the top.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import traceback
from multiprocessing.connection import Connection
from pathlib import Path

_DONE = ""  # instead of an error


def do_jobs(jobs: Connection, folder: Path) -> None:
    """Do jobs until there are no more; runs in a process of its own."""
    # Ctrl-C goes to every process of a terminal; what becomes of these, the one that started them decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OMP_NUM_THREADS"] = "1"  # one process per core: before anything is imported that reads it
    from streammtl.compare.execute import StoppedError, execute
    from streammtl.compare.kept import keep, path_of

    parent = multiprocessing.parent_process()

    def is_alone() -> bool:
        return parent is not None and not parent.is_alive()

    while True:
        try:
            job = jobs.recv()
        except (EOFError, OSError):
            return
        error = _DONE
        try:
            keep(execute(job, stop=is_alone), path_of(job, folder))
        except StoppedError:
            return
        except Exception as problem:  # a run that fails stops no other
            error = _told(problem)
        try:
            jobs.send(error)
        except OSError:
            return


def _told(problem: Exception) -> str:
    """The error in a line or two, with the place of the mistake where it is not one of ours."""
    from streammtl.errors import StreamMtlError

    if isinstance(problem, StreamMtlError):
        return str(problem)
    last = traceback.extract_tb(problem.__traceback__)[-1]
    text = f"{type(problem).__name__}: {problem}".strip()
    return f"{text} ({Path(last.filename).name}:{last.lineno} in {last.name})"
