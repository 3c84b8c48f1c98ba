"""From the plan of a comparison to its results: run what is not kept yet, and write what came out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, final

from streammtl.compare.document import to_json
from streammtl.compare.jobs import Job
from streammtl.compare.kept import DRAFT, path_of, read_kept
from streammtl.compare.markdown import to_markdown
from streammtl.compare.method import method
from streammtl.compare.page import to_page
from streammtl.compare.plan import Plan
from streammtl.compare.results import Results, RunName, assemble
from streammtl.compare.summary import Summary, summarise
from streammtl.compare.workers import run_jobs
from streammtl.errors import CheckpointError, MissingExtraError, SinkError
from streammtl.file_lock import FileLock
from streammtl.report import vega

RUNS, RESULTS, TABLES, PAGE = "runs", "results.json", "tables.md", "compare.html"


class Progress(Protocol):
    """Who is told how far a comparison has come."""

    def begin(self, n_kept: int, n_to_run: int) -> None:
        """So many results were kept from before."""
        ...

    def ended(self, job: Job, error: str, n_running: int) -> None:
        """A run ended, with an error or with none ("")."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a comparison."""

    summary: Summary | None  # None: somebody said stop
    n_kept: int  # results in the folder that belong to it
    n_runs: int


@final
class Silence:
    """Progress that nobody sees."""

    def begin(self, n_kept: int, n_to_run: int) -> None:
        """Say nothing."""

    def ended(self, job: Job, error: str, n_running: int) -> None:
        """Say nothing."""


def carry_out(
    plan: Plan,
    folder: Path,
    n_processes: int,
    *,
    progress: Progress | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Run what is not kept in `folder`, `n_processes` at a time, and write results, tables and page there.

    A run that failed is not kept: it is tried again the next time. Raises `SinkError` where the folder cannot be used.
    """
    progress = progress or Silence()
    _require_extra()
    runs = folder / RUNS
    try:
        runs.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
    except (OSError, CheckpointError) as error:
        raise SinkError(f"cannot keep results in {folder}: {error}") from None
    try:
        for draft in runs.glob(f"*{DRAFT}"):
            draft.unlink()  # of a process that was killed while it wrote
        paths = {job.key: path_of(job, runs) for job in plan.jobs}
        to_run = {job.key: job for job in plan.jobs if read_kept(paths[job.key]) is None}
        progress.begin(len(paths) - len(to_run), len(to_run))
        errors: dict[str, str] = {}

        def observe(job: Job, error: str, n_running: int) -> None:
            if error:
                errors[job.key] = error
            progress.ended(job, error, n_running)

        if not run_jobs(list(to_run.values()), runs, n_processes, observe=observe, stop=stop):
            kept = sum(path.exists() for path in paths.values())
            return Outcome(None, kept, len(paths))
        summary = summarise(_results(plan, paths, errors))
        _write(summary, plan, folder)
        return Outcome(summary, len(paths) - len(errors), len(paths))
    finally:
        lock.release()


def _require_extra() -> None:
    """Raise before anything runs, not after hours, where what is written at the end needs a package."""
    vega.vl_convert("compare")
    if find_spec("scipy") is None:
        raise MissingExtraError("scipy", "report", "compare")


def _results(plan: Plan, paths: Mapping[str, Path], errors: Mapping[str, str]) -> Results:
    documents: dict[RunName, dict[str, Any]] = {}
    failed: dict[RunName, str] = {}
    for job in plan.jobs:
        name = (job.learner, job.stream, job.seed)
        document = read_kept(paths[job.key])
        if document is None:
            failed[name] = errors.get(job.key, "its result was removed")
        else:
            documents[name] = document
    return assemble(documents, failed, plan.learners, plan.peers, plan.streams, plan.reference, plan.n_seeds)


def _write(summary: Summary, plan: Plan, folder: Path) -> None:
    how = method(summary, plan.has_world)
    document = to_json(summary, how)
    texts = {
        RESULTS: json.dumps(document, indent=1) + "\n",
        TABLES: to_markdown(summary, how),
        PAGE: to_page(summary, how, document),
    }
    for name, text in texts.items():
        try:
            (folder / name).write_text(text, encoding="utf-8")
        except OSError as error:
            raise SinkError(f"cannot write {folder / name}: {error.strerror}") from None
