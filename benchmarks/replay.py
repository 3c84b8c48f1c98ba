"""The whole replay by stage and in events/s, and beside River doing the same tasks.

    python -m benchmarks.replay [--events 2000] [--repeats 3] [--profile-events 20000]

Processor time, since other processes may be running: medians of several repeats, after one that compiles and imports
everything. Stages: `source` reads (or simulates) records, `decode` makes columns of them (features included), `join`
matches labels, `learn` predicts and learns, `publish` writes predictions, `evaluate` scores, `watch` looks for drift.

1. The profile: microseconds per event of each stage with the per-event model, from files to files. Predictions and
   scores go to JSON lines; scores and detectors are the defaults. Beside it the ceiling: a bare loop that only reads
   the lines and lets msgspec make structs of them.
2. River runs one pipeline per task on the same events: predict, learn the label at once, update one metric. It gets
   the decoded features as dictionaries, so it has nothing to read, decode, join or watch: what is compared is generous
   to it. Here nothing is published.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from math import isnan, nan
from pathlib import Path
from statistics import median
from typing import Any, final

import msgspec
import numpy as np

from benchmarks.recorded import FILES, Recorded, example, read
from benchmarks.river_peers import linear
from streammtl.clock import SystemClock
from streammtl.component import members
from streammtl.config import RunConfig
from streammtl.engine import STAGES
from streammtl.run.replay import replay, world_config
from streammtl.run.simulate import world_settings, write_world
from streammtl.sources.jsonl import JsonlSource
from streammtl.tasks.base import Task

#: Models beside River: names and settings.
MODELS: dict[str, str] = {
    "mlp": "{kind: mlp}",
    "mlp, 1 network": "{kind: mlp, experts: [{kind: network, optimizer: {kind: sgd, rate: 0.02}}]}",
    "torch, 8 a step": "{kind: shared_bottom, rows_per_step: 8}",
    "torch, 1 a step": "{kind: shared_bottom, rows_per_step: 1}",
}
PROFILED_STAGES = ("source", *STAGES)
SHOWN_STAGES = ("source", *(stage for stage in STAGES if stage != "publish"))
WARM_UP_EVENTS = 100


@final
class ProcessorClock:
    """A clock that runs only while this process does."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that this process has computed."""
        return time.process_time()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def streams(n_events: int, folder: Path) -> Iterator[tuple[str, dict[str, RunConfig]]]:
    """The streams to measure that are there: what they are, and their configurations by model."""
    models = {name: f"model={settings}" for name, settings in MODELS.items()}
    if "fraud" in members("worlds"):
        settings, events = world_config("fraud"), f"source.world.events={n_events}"
        of_model = {name: RunConfig.parse(settings, [events, model], environment={}) for name, model in models.items()}
        yield "fraud world, JSON", of_model
    if FILES["gas_turbine"].exists():
        yield (
            "gas_turbine, CSV",
            {name: example("gas_turbine", (model,), n_events, folder) for name, model in models.items()},
        )
    else:
        print(f"gas_turbine is left out: {FILES['gas_turbine']} is not there")


def recorded_files(n_events: int, folder: Path) -> Iterator[tuple[str, RunConfig]]:
    """The streams of the profile as files: what they are, and their configurations."""
    settings = ["model={kind: mlp}"]
    settings += [f"sink.{name}={{kind: jsonl, path: {folder / name}.jsonl}}" for name in ("predictions", "metrics")]
    if "fraud" in members("worlds"):
        apart, inside = folder / "apart.jsonl", folder / "inside.jsonl"
        write_world(world_settings("fraud", events=n_events).build(), apart, SystemClock())
        _put_labels_inside(apart, inside)
        for path, what in ((apart, "labels as records of their own"), (inside, "labels inside the events")):
            world = {**world_config("fraud"), "source": {"kind": "jsonl", "path": str(path)}}
            yield f"fraud world, JSON lines, {what}", RunConfig.parse(world, settings, environment={})
    if FILES["gas_turbine"].exists():
        yield "gas_turbine, CSV", example("gas_turbine", settings, n_events, folder)


def _put_labels_inside(apart: Path, inside: Path) -> None:
    """Write the events of a file with all labels that ever come for them."""
    records = [msgspec.json.decode(line) for line in apart.read_bytes().splitlines()]
    events = {record["id"]: record for record in records if record["record"] == "event"}
    for record in records:
        if record["record"] == "label":
            events[record["id"]].update(
                (name, value) for name, value in record.items() if name not in {"record", "id", "time"}
            )
    inside.write_bytes(msgspec.json.Encoder().encode_lines(list(events.values())))


def profile(config: RunConfig, n_repeats: int) -> dict[str, float]:
    """Median microseconds per event of each stage, of what is between them, and of the whole."""
    replay(config)
    reports = [replay(config, clock=ProcessorClock()) for _ in range(n_repeats)]
    us_per_event = {
        stage: median(1e6 * r.stages[stage] / r.events for r in reports) for stage in (*PROFILED_STAGES, "checkpoint")
    }
    us_per_event["between stages"] = median(1e6 * (r.seconds - sum(r.stages.values())) / r.events for r in reports)
    return us_per_event | {"whole replay": median(1e6 / r.events_per_s for r in reports)}


def ceiling(config: RunConfig, n_repeats: int) -> float | None:
    """Median microseconds per event of a bare loop: read the lines, let msgspec make structs. None: no JSON lines."""
    if not isinstance(config.source, JsonlSource.Config):
        return None
    learner = config.learner()
    names = {feature.field for feature in learner.features} | {task.label_field for task in learner.tasks}
    names |= {config.event_schema.id, config.event_schema.time, config.event_schema.record}
    fields = {f"f{number}": name for number, name in enumerate(sorted(filter(None, names)))}
    wire = msgspec.defstruct("Wire", [(field, Any, None) for field in fields], rename=fields, gc=False)
    decode = msgspec.json.Decoder(wire).decode
    path = config.source.path
    assert isinstance(path, Path)
    seconds, n_events = [], 0
    for _ in range(n_repeats):
        start_s = time.process_time()
        with path.open("rb") as lines:
            n_records = sum(1 for line in lines if decode(line) is not None)
        seconds.append(time.process_time() - start_s)
    with path.open("rb") as lines:
        n_events = n_records - sum(b'"record":"label"' in line for line in lines)
    return 1e6 * median(seconds) / n_events


def print_profiles(n_events: int, n_repeats: int, folder: Path) -> None:
    """Measure every recorded stream and print one table of stages."""
    columns: dict[str, dict[str, float]] = {}
    for number, (name, config) in enumerate(recorded_files(n_events, folder), 1):
        print(f"({number}) {name}")
        bare = ceiling(config, n_repeats)
        columns[f"({number})"] = profile(config, n_repeats) | ({} if bare is None else {"bare msgspec loop": bare})
    print(f"{'us per event':<24}" + "".join(f"{name:>14}" for name in columns))
    for stage in next(iter(columns.values()), {}):
        print(f"{stage:<24}" + "".join(f"{column.get(stage, nan):>14.2f}" for column in columns.values()))
    rates = (1e6 / column["whole replay"] for column in columns.values())
    print(f"{'events/s':<24}" + "".join(f"{rate:>14,.0f}" for rate in rates))


def measure(config: RunConfig, n_repeats: int) -> dict[str, float]:
    """Median events/s of each stage and of the whole."""
    reports = [replay(config, clock=ProcessorClock()) for _ in range(n_repeats)]
    rates = {stage: median(r.events / max(r.stages[stage], 1e-9) for r in reports) for stage in SHOWN_STAGES}
    return rates | {"whole replay": median(report.events_per_s for report in reports)}


def measure_river(recorded: Recorded, n_repeats: int) -> float:
    """Median events/s of one linear pipeline per task."""
    events = recorded.dictionaries()
    rates = []
    for _ in range(n_repeats):
        seconds = 0.0
        for index, task in enumerate(recorded.tasks):
            model, metric = linear(task.scorer), _metric(task)
            labels = recorded.labels_ET[:, index].tolist()
            start_s = time.process_time()
            _predict_learn_score(model, metric, task, events, labels)
            seconds += time.process_time() - start_s
        rates.append(len(events) / seconds)
    return median(rates)


def _metric(task: Task) -> Any:
    from river import metrics

    by_kind: dict[str, Callable[[], Any]] = {
        "binary": metrics.LogLoss,
        "multiclass": metrics.CrossEntropy,
        "regression": metrics.MAE,
    }
    return by_kind[task.scorer]()


def _predict_learn_score(model: Any, metric: Any, task: Task, events: list[Any], labels: list[float]) -> None:
    predict = model.predict_one if task.scorer == "regression" else model.predict_proba_one
    as_label: Callable[[float], Any] = {"binary": bool, "multiclass": int, "regression": float}[task.scorer]
    for event, label in zip(events, labels, strict=True):
        predicted = predict(event)
        if not isnan(label):
            known = as_label(label)
            model.learn_one(event, known)
            metric.update(known, predicted)


def print_stream(name: str, configs: dict[str, RunConfig], n_repeats: int) -> None:
    """Measure a stream and print its table."""
    recorded = read(next(iter(configs.values())))
    columns = {model: measure(config, n_repeats) for model, config in configs.items()}
    river = measure_river(recorded, n_repeats)
    n_labels = int(np.isfinite(recorded.labels_ET).sum())
    print(f"\n{name}: {len(recorded.labels_ET):,} events, {len(recorded.tasks)} tasks, {n_labels:,} labels, events/s")
    print(f"{'model':<24}" + "".join(f"{model:>18}" for model in columns))
    for stage in (*SHOWN_STAGES, "whole replay"):
        print(f"{stage:<24}" + "".join(f"{column[stage]:>18,.0f}" for column in columns.values()))
    print(f"{'River, a linear model':<24}{river:>18,.0f}   per task, {len(recorded.tasks)} pipelines")
    ratios = (column["whole replay"] / river for column in columns.values())
    print(f"{'whole replay / River':<24}" + "".join(f"{ratio:>18.2f}" for ratio in ratios))


def main() -> None:
    """Measure every stream and print its table."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--events", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--profile-events", type=int, default=20_000)
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # CPU time counts every thread
    print(f"processor time, median of {options.repeats}")
    with tempfile.TemporaryDirectory() as folder:
        print_profiles(options.profile_events, options.repeats, Path(folder))
        for _, configs in streams(WARM_UP_EVENTS, Path(folder)):
            for config in configs.values():
                replay(config)
        for name, configs in streams(options.events, Path(folder)):
            print_stream(name, configs, options.repeats)


if __name__ == "__main__":
    main()
