"""Prequential scores on the recorded streams: streammtl with several settings, beside no-change and River.

    python -m benchmarks.streams --out FOLDER [--parts table,whole] [--streams elec2] [--rows 20000] [--processes 1]

Parts: `table` (the first rows with labels at once, and River on the same rows), `whole` (whole streams, and
fraud_handbook with its real label delays), `experts` (what each expert of the default model adds, on whole streams, of
fraud_handbook the first 50,000 rows), `optimizers` (a grid of optimizers and rows per step of `shared_bottom`) and
`weightings` (every weighting with five seeds). Each figure is kept in FOLDER as soon as it is there, and what is there
is not computed again: take another FOLDER after a change of the code. The last thing written is `results.json` and
`tables.md`; scores are those over the whole run.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.recorded import FILES, example, read
from benchmarks.river_peers import PEERS, run_peer
from benchmarks.tables import write_tables
from streammtl.evaluate import TaskReport
from streammtl.run.replay import replay

PARTS = ("table", "whole", "experts", "optimizers", "weightings")
TASKS = {
    "gas_turbine": ("y_co", "y_nox", "y_tey", "y_co_high", "y_nox_band", "y_load"),
    "elec2": ("y_up", "y_price_next", "y_demand_next", "y_transfer_next", "y_demand_band_next"),
    "hydraulic": ("y_cooler", "y_valve", "y_pump_leak", "y_accumulator", "y_unstable"),
    "fraud_handbook": ("y_fraud", "y_scenario", "y_loss", "y_spend_24h", "y_next_gap_h"),
}


def _network(optimizer: str, rate: float, more: str = "") -> str:
    return f"{{kind: network, optimizer: {{kind: {optimizer}, rate: {rate}}}{more}}}"


_STEADY, _QUICK = _network("factored", 0.04), _network("factored", 0.15)
_BINS = _network("sgd", 0.1, ", bins: true, hidden: [64], embedding_dim: 4")
_SEVEN_RATES = (0.001, 0.002, 0.004, 0.007, 0.014, 0.026, 0.05)
_SINGLE = _network("factored", 0.04, ", scope: single")


def _experts(*experts: str) -> tuple[str, ...]:
    return (f"model={{kind: mlp, experts: [{', '.join(experts)}]}}",)


#: Settings of streammtl in the table. The first is the example as it is.
SETTINGS: dict[str, tuple[str, ...]] = {
    "streammtl": (),
    "shared_bottom": ("model={kind: shared_bottom}",),
    "scale_invariant": ("weighting={kind: scale_invariant}",),
    "uncertainty": ("weighting={kind: uncertainty}",),
}
#: What the experts of the default model add, and others: the part `experts`, on whole streams.
EXPERTS: dict[str, tuple[str, ...]] = {
    "all three": (),
    "factored 0.04": _experts(_STEADY),
    "factored 0.15": _experts(_QUICK),
    "sgd 0.1, bins": _experts(_BINS),
    "sgd 0.012": _experts(_network("sgd", 0.012)),
    "without bins": _experts(_STEADY, _QUICK),
    "seven rates of sgd": _experts(*(_network("sgd", rate) for rate in _SEVEN_RATES)),
    "with single-task": _experts(_STEADY, _QUICK, _BINS, _SINGLE),
    "with a linear model": _experts(_STEADY, _QUICK, _BINS, _network("sgd", 0.012, ", hidden: []")),
    "with a label memory": _experts(_STEADY, _QUICK, _BINS, "{kind: memory, decay: 0.5}"),
    "with equal weights beside": (
        *_experts(_STEADY, _QUICK, _BINS, _network("factored", 0.04, ", weights: equal")),
        "weighting={kind: uncertainty}",
    ),
}
OPTIMIZERS = {
    "adam 1e-3": "{kind: adam, rate: 0.001}",
    "adam 3e-3": "{kind: adam, rate: 0.003}",
    "adam 1e-2": "{kind: adam, rate: 0.01}",
    "sgd 0.01": "{kind: sgd, rate: 0.01}",
    "sgd 0.05": "{kind: sgd, rate: 0.05}",
    "sgd 0.1": "{kind: sgd, rate: 0.1}",
    "rmsprop 1e-3": "{kind: rmsprop, rate: 0.001}",
    "rmsprop 3e-3": "{kind: rmsprop, rate: 0.003}",
    "adagrad 0.01": "{kind: adagrad, rate: 0.01}",
    "adagrad 0.03": "{kind: adagrad, rate: 0.03}",
}
ROWS_PER_STEP = (32, 8, 4, 1)
WEIGHTINGS = ("equal", "scale_invariant", "uncertainty", "dwa", "famo", "geometric", "stch", "rlw")
SEEDS = (0, 1, 2, 3, 4)


@dataclass(frozen=True, slots=True)
class Job:
    """One run: a stream, and what runs on it."""

    part: str
    stream: str
    name: str  # of the column in the table
    overrides: tuple[str, ...] = ()
    task: str | None = None  # of a River peer, whose models know one task each
    seed: int = 0
    n_rows: int | None = None  # None: the whole stream
    is_delayed: bool = False  # True: labels come as late as the example says

    @property
    def file_name(self) -> str:
        """Where the result is kept: what runs, on what."""
        words = (self.part, self.stream, str(self.n_rows or "whole"), self.name, self.task or "all", f"seed{self.seed}")
        text = "-".join(words)
        return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in text) + ".json"


def jobs(part: str, stream: str, n_rows: int) -> list[Job]:
    """All runs of one part on one stream."""
    first = Job(part, stream, "", n_rows=n_rows)
    if part == "table":
        own = [replace(first, name=name, overrides=overrides) for name, overrides in SETTINGS.items()]
        return own + [replace(first, name=name, task=task) for name in PEERS for task in TASKS[stream]]
    if part == "whole":
        whole = replace(first, name="streammtl", n_rows=None)
        late = replace(whole, name="streammtl, real delays", is_delayed=True)
        return [whole, late] if stream == "fraud_handbook" else [whole]
    if part == "experts":
        n_first = 50_000 if stream == "fraud_handbook" else None
        return [replace(first, name=name, overrides=overrides, n_rows=n_first) for name, overrides in EXPERTS.items()]
    if part == "optimizers":
        return [
            replace(first, name=f"{name}, {rows}", overrides=(_model(rows, optimizer),))
            for rows in ROWS_PER_STEP
            for name, optimizer in OPTIMIZERS.items()
        ]
    return [
        replace(first, name=kind, overrides=(f"weighting={{kind: {kind}}}",), seed=seed)
        for seed in SEEDS
        for kind in WEIGHTINGS
    ]


def _model(rows_per_step: int, optimizer: str) -> str:
    return f"model={{kind: shared_bottom, rows_per_step: {rows_per_step}, optimizer: {optimizer}}}"


def run_job(job: Job, out: Path) -> Path:
    """Run and keep the result; nothing where it is kept already."""
    kept = out / job.file_name
    if not kept.exists():
        start_s = time.perf_counter()
        result = _scores(job, out)
        result |= {"job": asdict(job), "wall_seconds": time.perf_counter() - start_s}
        draft = kept.with_suffix(".draft")
        draft.write_text(json.dumps(result, indent=1))
        draft.replace(kept)
    return kept


def _scores(job: Job, out: Path) -> dict[str, Any]:
    overrides = [*job.overrides, f"seed={job.seed}"]
    if not job.is_delayed and job.stream == "fraud_handbook":
        overrides += [f"tasks.{task}.delay_s=0" for task in TASKS[job.stream]]
    config = example(job.stream, overrides, job.n_rows, out)
    if job.task is not None:
        recorded = read(config)
        report, seconds = run_peer(PEERS[job.name], recorded, job.task)
        return {"seconds": seconds, "events": len(recorded.labels_ET), "tasks": {job.task: _task(report)}}
    replayed = replay(config)
    tasks = {name: _task(report) for name, report in replayed.tasks.items()}
    more = {"events": replayed.events, "steps_skipped": replayed.steps_skipped, "weights": replayed.weights}
    return {"seconds": replayed.seconds, "stages": replayed.stages, "tasks": tasks, **more}


def _task(report: TaskReport) -> dict[str, Any]:
    kept = ("kind", "labels", "unscored", "scores", "windowed", "no_change", "primary")
    return {name: _finite(value) for name, value in asdict(report).items() if name in kept}


def _finite(value: Any) -> Any:
    """The value, or the scores in it, with null in the place of what JSON has no number for."""
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is not kept yet, and write the tables."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--parts", default="table,whole", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--streams", default=",".join(FILES))
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--processes", type=int, default=1, help="runs at a time")
    parser.add_argument("--only", default="", help="only runs whose name holds this text")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    todo = []
    for stream in options.streams.split(","):
        if FILES[stream].exists():
            todo += [job for part in options.parts.split(",") for job in jobs(part, stream, options.rows)]
        else:
            print(f"{stream} is left out: {FILES[stream]} is not there", file=sys.stderr)
    run_all([job for job in todo if options.only in job.name], options.out, options.processes)
    write_tables(options.out)


def run_all(todo: list[Job], out: Path, n_processes: int) -> None:
    """Run the jobs in other processes, and say on standard error what is done."""
    with ProcessPoolExecutor(n_processes, mp_context=get_context("spawn")) as pool:
        running = [pool.submit(run_job, job, out) for job in todo if not (out / job.file_name).exists()]
        for n_done, done in enumerate(as_completed(running), start=1):
            now = time.strftime("%H:%M:%S")
            print(f"{now} {n_done}/{len(running)} {done.result().stem}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
