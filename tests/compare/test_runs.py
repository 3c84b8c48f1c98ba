"""Whole comparisons of tiny streams, as their users start them."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streammtl.compare.jobs import Job, JobMaker
from streammtl.compare.workers import run_jobs
from streammtl.config import RunConfig
from tests.cli.commands import NOT_COMPILED, streammtl, write_small

ROOT = Path(__file__).parents[2]
DEADLINE_S = 120.0


@pytest.fixture(autouse=True)
def _needs_the_extra() -> None:
    pytest.importorskip("vl_convert", reason="needs the extra `report`")


def arguments(config: Path, out: Path, *more: str) -> list[str]:
    return ["compare", str(config), "--set", NOT_COMPILED, "--out", str(out), "--jobs", "1", *more]


def figures(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "results.json").read_text(encoding="utf-8"))
    return found


def kept(out: Path) -> dict[str, int]:
    """The finished runs, and when each was written."""
    return {path.name: path.stat().st_mtime_ns for path in (out / "runs").glob("*.json")}


def test_variants_and_peers_are_compared_on_one_stream(tmp_path: Path) -> None:
    more = ("--vary", "weighting=equal,geometric", "--peers", "no-change,river-linear", "--seeds", "2")
    result = streammtl(*arguments(write_small(tmp_path), tmp_path / "out", *more, "--events", "150"))
    assert result.exit_code == 0, result.output
    found = figures(tmp_path / "out")
    assert found["learners"] == ["equal", "geometric", "no-change", "river-linear"]
    assert found["streams"] == {"small": 150}
    assert len(found["runs"]) == 8
    assert len(found["tasks"]) == 2
    task = found["tasks"][0]
    # The peer and the rule beside every score are the same, but for the first event.
    assert task["learners"]["no-change"]["mean"] == pytest.approx(task["no_change"], abs=0.02)
    assert "has the best mean rank" in result.output

    before = kept(tmp_path / "out")
    again = streammtl(*arguments(tmp_path / "small.yaml", tmp_path / "out", *more, "--events", "150"))
    assert "8 results are kept from before" in again.stderr
    assert kept(tmp_path / "out") == before
    assert figures(tmp_path / "out") == found


@pytest.mark.slow
def test_a_run_that_fails_is_told_and_stops_no_other(tmp_path: Path) -> None:
    vary = "scores.composite=null,{weights: {nobody: 1.0}}"
    result = streammtl(*arguments(write_small(tmp_path), tmp_path / "out", "--vary", vary, "--seeds", "1"))
    assert result.exit_code == 1
    assert "1 of 2 runs failed" in result.stderr
    (error,) = figures(tmp_path / "out")["errors"]
    assert error["learner"] == "{weights: {nobody: 1.0}}"
    assert "names the task 'nobody', which does not exist" in error["error"]
    assert "nobody" in (tmp_path / "out" / "tables.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (("--vary", "weighting=equal,fammo"), "did you mean 'famo'?"),
        (("--vary", "wieghting=equal"), "did you mean 'weighting'?"),
        (("--peers", "river-liner"), "did you mean 'river-linear'?"),
        (("--peers", "{kind: river-arf, trees: 0}"), "trees"),
        (("--vary", "weighting=equal", "--reference", "famo"), "there is no such learner"),
    ],
)
def test_a_mistake_is_told_before_anything_runs(tmp_path: Path, more: tuple[str, ...], expected: str) -> None:
    result = streammtl(*arguments(write_small(tmp_path), tmp_path / "out", *more))
    assert result.exit_code == 2
    assert expected in result.stderr
    assert not (tmp_path / "out" / "runs").exists()


def start(tmp_path: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "streammtl.run.cli", *arguments(tmp_path / "small.yaml", tmp_path / "out", *more)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)


def wait_until(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end_s, "waited in vain"
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=lambda number: number.name)
def test_who_interrupts_and_starts_again_loses_and_repeats_no_finished_run(
    tmp_path: Path, number: signal.Signals
) -> None:
    write_small(tmp_path, n=2000)
    more = ("--vary", "weighting=equal,geometric", "--seeds", "6")
    first = start(tmp_path, *more)
    wait_until(lambda: len(kept(tmp_path / "out")) >= 3)
    first.send_signal(number)
    _, told = first.communicate(timeout=DEADLINE_S)
    assert first.returncode == (130 if number == signal.SIGINT else -number)
    if number == signal.SIGINT:
        assert "of 12 runs are kept" in told
    before = kept(tmp_path / "out")
    assert 3 <= len(before) < 12
    for name in before:  # in full
        assert json.loads((tmp_path / "out" / "runs" / name).read_text(encoding="utf-8"))["events"] == 2000

    second = start(tmp_path, *more)
    _, told = second.communicate(timeout=DEADLINE_S)
    assert second.returncode == 0, told
    after = kept(tmp_path / "out")
    assert len(after) == 12
    assert {name: after[name] for name in before} == before
    assert len(figures(tmp_path / "out")["runs"]) == 12


@pytest.mark.slow
def test_a_process_that_dies_is_its_runs_error_and_another_takes_its_place(tmp_path: Path) -> None:
    config = RunConfig.load(write_small(tmp_path, n=20_000), environment={})
    maker = JobMaker(None, None)
    jobs = [maker.make(config, "small", "no-change", seed, {"kind": "no-change"}) for seed in range(2)]
    told: dict[int, str] = {}
    killed: list[int] = []

    def kill_the_first() -> bool:
        children = multiprocessing.active_children()
        if not killed and children:
            killed.append(children[0].pid or 0)
            os.kill(killed[0], signal.SIGKILL)
        return False

    def observe(job: Job, error: str, n_running: int) -> None:
        told[job.seed] = error

    assert run_jobs(jobs, tmp_path, 1, observe=observe, stop=kill_the_first)
    assert sorted(map(bool, told.values())) == [False, True]
    assert "its process ended by signal SIGKILL" in told.values()
