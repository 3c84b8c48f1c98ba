"""What watching costs: events/s of `Watch` with 20 features and 5 tasks, beside River's detectors fed per event.

Run with `python -m benchmarks.drift`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from streammtl.tasks.base import Task
from streammtl.tasks.binary import BinaryTask
from streammtl.tasks.regression import RegressionTask
from streammtl.types import Outcome, RowLayout
from streammtl.watch import Watch

N_EVENTS = 100_000
REPEATS = 3
N_RIVER_EVENTS = 3_000
ROWS_PER_TURN = 5_000
N_FEATURES = 20
TASKS: tuple[Task, ...] = (
    *(BinaryTask.Config().build(f"class_{i}") for i in range(3)),
    *(RegressionTask.Config().build(f"value_{i}") for i in range(2)),
)
LAYOUT = RowLayout(tuple(f"x{i}" for i in range(N_FEATURES)), (True,) * N_FEATURES, (), ())


def stream(n: int) -> dict[str, Any]:
    """Independent features, labels and predictions; every task has a label for every event."""
    rng = np.random.default_rng(0)
    outputs_EO = rng.random((n, len(TASKS)))
    labels_ET = rng.random((n, len(TASKS)))
    labels_ET[:, :3] = labels_ET[:, :3] < outputs_EO[:, :3]
    return {
        "dense_ED": rng.standard_normal((n, N_FEATURES)).astype(np.float32),
        "outputs_EO": outputs_EO,
        "labels_ET": labels_ET,
    }


def watch(config: Watch.Config, data: dict[str, Any], rows_per_turn: int = ROWS_PER_TURN) -> int:
    """Take the stream through a watch; the number of alarms."""
    watching = config.build(TASKS, LAYOUT, seed=0)
    n, n_alarms = len(data["dense_ED"]), 0
    time_s, partition, offset = np.arange(float(n)), np.zeros(n, np.int32), np.arange(n)
    nothing = np.full((n, len(TASKS)), np.nan)
    for start in range(0, n, rows_per_turn):
        turn = slice(start, start + rows_per_turn)
        place = {"partitions": ("log/0",)}
        n_alarms += len(
            watching.observe_events(
                data["dense_ED"][turn],
                np.zeros((rows_per_turn, 0), np.int32),
                data["outputs_EO"][turn],
                time_s_E=time_s[turn],
                partition_E=partition[turn],
                offset_E=offset[turn],
                **place,
            )
        )
        outcome = Outcome(
            labels_LT=data["labels_ET"][turn],
            outputs_LO=data["outputs_EO"][turn],
            baseline_LT=nothing[turn],
            delay_s_L=time_s[turn],
            time_s_L=time_s[turn],
            is_expiry_L=np.zeros(rows_per_turn, np.bool_),
        )
        n_alarms += len(
            watching.observe_outcome(
                outcome, partition_L=partition[turn], offset_L=offset[turn], n_events_L=offset[turn] + 1, **place
            )
        )
    return n_alarms


def river(make: Callable[[], Any], data: dict[str, Any]) -> int:
    """Feed every feature, its missingness and every task's error to a River detector each, event by event."""
    errors_ET = np.abs(data["labels_ET"] - data["outputs_EO"])
    missing_ED = np.isnan(data["dense_ED"])
    rows = np.hstack([data["dense_ED"], missing_ED, errors_ET])[:N_RIVER_EVENTS].tolist()
    detectors = [make() for _ in rows[0]]
    n_alarms = 0
    for row in rows:
        for detector, value in zip(detectors, row, strict=True):
            detector.update(value)
            n_alarms += detector.drift_detected
    return n_alarms


def report(name: str, n_events: int, run: Callable[[], int]) -> None:
    """Print events/s and microseconds per event of CPU time, the best run's: other processes may be running."""
    seconds = float("inf")
    for _ in range(REPEATS):
        start = time.process_time()
        n_alarms = run()
        seconds = min(seconds, time.process_time() - start)
    print(f"{name:44} {n_events / seconds:>12,.0f} events/s {seconds / n_events * 1e6:>9.2f} us {n_alarms:>6} alarms")


def main() -> None:
    """Print the table."""
    from river import drift

    data = stream(N_EVENTS)
    everything = Watch.Config.model_validate({"features": "adwin", "predictions": "adwin"})
    watch(everything, stream(ROWS_PER_TURN))  # imports River
    print(f"{N_FEATURES} features, {len(TASKS)} tasks, every task labelled at every event")
    report("watch: errors (the default)", N_EVENTS, lambda: watch(Watch.Config(), data))
    adwin = Watch.Config.model_validate({"features": "adwin"})
    report("watch: errors, features", N_EVENTS, lambda: watch(adwin, data))
    report("watch: errors, features, predictions", N_EVENTS, lambda: watch(everything, data))
    report("  the same in turns of 50 rows", N_EVENTS, lambda: watch(everything, data, 50))
    hinkley = Watch.Config.model_validate({"error": "page_hinkley", "features": "page_hinkley"})
    report("watch: errors, features by page_hinkley", N_EVENTS, lambda: watch(hinkley, data))
    report("River's ADWIN per event: errors, features", N_RIVER_EVENTS, lambda: river(drift.ADWIN, data))
    report("River's PageHinkley per event: the same", N_RIVER_EVENTS, lambda: river(drift.PageHinkley, data))


if __name__ == "__main__":
    main()
