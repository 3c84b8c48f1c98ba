"""How fast the simulated worlds write their streams: events per second of one core, label records and JSON included.

    python -m benchmarks.simulator [--events 100000] [--repeats 5]

Prints the median and the fastest of several runs, by processor time (what one core of its own would take) and by the
clock (what it took beside everything else on this machine).
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any, cast

from streammtl.component import members
from streammtl.worlds.base import World

DIRT = {"malformed": 0.01, "duplicated": 0.01, "late": 0.01, "wrong_type": 0.01, "missing": 0.01}
#: By world and setting.
SETTINGS: dict[tuple[str, str], dict[str, Any]] = {
    **{(world, "as it is"): {} for world in members("worlds")},
    **{(world, "every dirt at 1 %"): {"dirt": DIRT} for world in members("worlds")},
    ("fraud", "labels inside"): {"labels": "inside"},
    ("fraud", "20,000 events per day"): {"events_per_day": 20_000, "cards": 10_000},
    ("recommender", "20,000 events per day"): {"events_per_day": 20_000, "users": 20_000, "items": 10_000},
}


def measure(world: str, settings: dict[str, Any]) -> tuple[float, float, int]:
    """Processor seconds, seconds by the clock, and records of one run."""
    clock_s, cpu_s = time.perf_counter(), time.process_time()
    n_records = read_all(world, settings)
    return time.process_time() - cpu_s, time.perf_counter() - clock_s, n_records


def read_all(world: str, settings: dict[str, Any]) -> int:
    config = cast(type[World], members("worlds")[world]).Config
    return sum(len(batch.value_N) for batch in config.model_validate(settings).build().records())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    print(f"{'world':<36}{'records':>9}{'events/s (core)':>17}{'fastest':>10}{'events/s (clock)':>18}")
    for (world, name), given in sorted(SETTINGS.items()):
        read_all(world, {"events": 5000})  # imports and caches
        settings = {"events": arguments.events, **given}
        runs = [measure(world, settings) for _ in range(arguments.repeats)]
        core_s, clock_s = (statistics.median(run[i] for run in runs) for i in (0, 1))
        fastest = arguments.events / min(run[0] for run in runs)
        core, clock = arguments.events / core_s, arguments.events / clock_s
        print(f"{f'{world}, {name}':<36}{runs[0][2]:>9,}{core:>17,.0f}{fastest:>10,.0f}{clock:>18,.0f}")


if __name__ == "__main__":
    main()
