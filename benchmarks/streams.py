"""Prequential scores on the recorded streams: streammtl with several settings, beside no-change and River.

    python -m benchmarks.streams --out FOLDER [--parts table,whole] [--streams elec2] [--rows 20000] [--jobs 1]

Each part is a comparison as of `streammtl compare`, in a folder of its own with its runs, `tables.md`, `results.json`
and `compare.html`; runs that are finished are kept. Parts: `table` (the first rows with labels at once, and River on
the same rows), `whole` (whole streams, and fraud_handbook also with its real label delays), `experts` (what each expert
of the default model adds, on whole streams, of fraud_handbook the first 50,000 rows), `optimizers` (a grid of
optimizers and rows per step of `shared_bottom`) and `weightings` (every weighting with five seeds).

A result is kept by settings, data and version, not by the code: take another FOLDER after a change of the code.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.recorded import DATA, FILES, example
from streammtl.compare.carry_out import TABLES, carry_out
from streammtl.compare.grid import Variant, variants
from streammtl.compare.jobs import Job
from streammtl.compare.plan import Plan, plan
from streammtl.config import RunConfig

#: The stream whose labels the example holds back, and its name where that is done.
DELAYED, AS_LATE_AS_REAL = "fraud_handbook", "fraud_handbook, real delays"


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
#: What the experts of the default model add, and others.
EXPERTS: dict[str, tuple[str, ...]] = {
    "all three": (),
    "factored 0.04": _experts(_STEADY),
    "factored 0.15": _experts(_QUICK),
    "sgd 0.1, bins": _experts(_BINS),
    "sgd 0.012": _experts(_network("sgd", 0.012)),
    "without bins": _experts(_STEADY, _QUICK),
    "without tails": ("model={kind: mlp, tails: false}",),
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


@dataclass(frozen=True, slots=True)
class Part:
    """One comparison."""

    variants: tuple[Variant, ...]
    peers: str = ""
    n_seeds: int = 1
    rows: int | None = 0  # of each stream; 0: as many as the command is asked for; None: all
    with_delays: bool = False  # fraud_handbook also with labels as late as its example says


def _named(settings: dict[str, tuple[str, ...]]) -> tuple[Variant, ...]:
    return tuple(Variant(name, overrides) for name, overrides in settings.items())


PARTS: dict[str, Part] = {
    "table": Part(_named(SETTINGS), peers="river-arf,{kind: river-linear, scaled_target: false},river-linear"),
    "whole": Part((Variant("streammtl"),), rows=None, with_delays=True),
    "experts": Part(_named(EXPERTS), rows=50_000),
    "optimizers": Part(
        tuple(
            Variant(
                f"{name}, {rows}", (f"model={{kind: shared_bottom, rows_per_step: {rows}, optimizer: {optimizer}}}",)
            )
            for rows in ROWS_PER_STEP
            for name, optimizer in OPTIMIZERS.items()
        )
    ),
    "weightings": Part(
        tuple(variants(["weighting=equal,scale_invariant,uncertainty,dwa,famo,geometric,stch,rlw"])), n_seeds=5
    ),
}


def load(stream: str, overrides: tuple[str, ...]) -> RunConfig:
    """The example of a stream, with labels at once but under the name that says otherwise."""
    if stream == AS_LATE_AS_REAL:
        return example(DELAYED, (*overrides, f"name={stream}"))
    config = example(stream, overrides)
    at_once = [f"tasks.{task}.delay_s=0" for task in config.tasks] if stream == DELAYED else []
    return example(stream, (*at_once, *overrides))


def plan_part(name: str, streams: Sequence[str], rows: int, only: str = "") -> Plan:
    """All runs of a part; `only` those of settings whose name holds this text."""
    part = PARTS[name]
    chosen = [variant for variant in part.variants if only in variant.name]
    what = [*streams, *([AS_LATE_AS_REAL] if part.with_delays and DELAYED in streams else [])]
    peers = "" if only else part.peers
    events = rows if part.rows == 0 else part.rows
    return plan(what, chosen, load, peers=peers, seeds=part.n_seeds, events=events, data=DATA)


class _Lines:
    """Says on standard error what is done."""

    def begin(self, n_kept: int, n_to_run: int) -> None:
        print(f"{n_kept} results are kept, {n_to_run} runs to do", file=sys.stderr)

    def ended(self, job: Job, error: str, n_running: int) -> None:
        print(f"{job.stream}, {job.learner}, seed {job.seed} {error}".rstrip(), file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is not kept yet, and write the tables."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--parts", default="table,whole", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--streams", default=",".join(FILES))
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    parser.add_argument("--only", default="", help="only settings whose name holds this text")
    options = parser.parse_args(arguments)
    streams = [stream for stream in options.streams.split(",") if FILES[stream].exists()]
    for stream in set(options.streams.split(",")) - set(streams):
        print(f"{stream} is left out: {FILES[stream]} is not there", file=sys.stderr)
    for name in options.parts.split(","):
        carry_out(
            plan_part(name, streams, options.rows, options.only), options.out / name, options.jobs, progress=_Lines()
        )
        print(options.out / name / TABLES)


if __name__ == "__main__":
    main()
