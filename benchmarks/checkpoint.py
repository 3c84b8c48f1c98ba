"""How long a checkpoint takes: saving, loading and digesting states of several sizes.

    python benchmarks/checkpoint.py [FOLDER]

FOLDER (default: a temporary one) is where the checkpoints are written and read, so that its disk is what is measured.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from streammtl.checkpoint import Checkpoints, digest
from streammtl.types import State

REPEATS = 5


def arrays_of(n_bytes: int) -> State:
    """Float32 parameters in ten arrays."""
    rng = np.random.default_rng(0)
    return {f"layer {i}": rng.standard_normal(n_bytes // 40, dtype=np.float32) for i in range(10)}


STATES: dict[str, Callable[[], State]] = {
    "1 MB of arrays": lambda: arrays_of(1_000_000),
    "100 MB of arrays": lambda: arrays_of(100_000_000),
    "100,000 ids as text": lambda: {"ids": [f"transaction-{i:09}" for i in range(100_000)]},
}


def median_s(action: Callable[[], object]) -> float:
    """The median time of several runs, in seconds."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def measure(name: str, state: State, folder: Path) -> None:
    """Measure one state and print its row."""
    with Checkpoints(Checkpoints.Config(path=folder), {}) as checkpoints:
        numbers = iter(range(REPEATS))
        save_s = median_s(lambda: checkpoints.save(state, next(numbers)))
        load_s = median_s(checkpoints.load_latest)
        digest_s = median_s(lambda: digest(state))
    print(f"{name:<22}{save_s:>10.3f}{load_s:>10.3f}{digest_s:>10.3f}")


def main() -> None:
    """Measure every state and print a table."""
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as folder:
        print(f"{'state':<22}{'save s':>10}{'load s':>10}{'digest s':>10}   (median of {REPEATS})")
        for name, make in STATES.items():
            measure(name, make(), Path(folder) / name)


if __name__ == "__main__":
    main()
