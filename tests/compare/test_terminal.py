"""What the command prints."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from streammtl.compare.jobs import Job
from streammtl.compare.summary import summarise
from streammtl.run.compare import CompareProgress, print_comparison
from tests.compare.small import results_of

SCORES: dict[str, Any] = {
    "equal": {"power": {"y": [0.5, 0.6, 0.7, 0.5, 0.6]}, "fraud": {"z": [0.1] * 5}},
    "famo": {"power": {"y": [0.6, 0.71, 0.8, 0.61, 0.7]}, "fraud": {"z": [0.1] * 5}},
}
ERRORS = {("famo", "fraud", 4): "ValueError: no"}


def printed(width: int) -> str:
    out = io.StringIO()
    print_comparison(Console(file=out, width=width), summarise(results_of(SCORES, errors=ERRORS)))
    return " ".join(out.getvalue().split())


@pytest.mark.parametrize("width", [80, 140])
def test_it_prints_ranks_scores_sentences_and_failures(width: int) -> None:
    found = printed(width)
    assert "famo is better than equal on 1 of 2 tasks, worse on none, on 1 with too few seeds to tell." in found
    assert "failed fraud, famo, seed 4: ValueError: no" in found
    assert "famo 1.25" in found


def test_a_narrow_terminal_leaves_out_spreads_and_ranks_by_stream() -> None:
    assert "0.580 ± 0.084" in printed(140)
    assert "±" not in printed(80)


def test_progress_elsewhere_than_on_a_terminal_is_a_line_per_run() -> None:
    out = io.StringIO()
    with CompareProgress(Console(file=out, width=100), 2) as progress:
        progress.begin(n_kept=3, n_to_run=2)
        progress.ended(Job("power", "famo", 1, {}, "key"), "", 1)
        progress.ended(Job("power", "dwa", 1, {}, "key"), "ValueError: no", 0)
    assert out.getvalue().splitlines() == [
        "3 results are kept from before, 2 runs to do, 2 at a time",
        "1/2 power, famo, seed 1",
        "failed: power, dwa, seed 1: ValueError: no",
    ]
