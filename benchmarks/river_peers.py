"""The peers on a recorded stream: primary scores and events per second, each in the engine in the place of our learner.

    python -m benchmarks.river_peers [--stream NAME] [--rows ROWS] [--peers KIND,KIND]

Settings are the peers' defaults (`streammtl explain peers/river-arf`). `streammtl compare` does the same with several
seeds and streams, and says what the differences are worth.
"""

from __future__ import annotations

import argparse
from functools import partial

from benchmarks.recorded import DATA, FILES, example
from streammtl.compare.execute import execute
from streammtl.compare.plan import plan
from streammtl.peers.river_linear import linear as _linear

#: River's linear model of a task, by `Task.scorer`, as River has it; and one that learns standardised labels.
linear = partial(_linear, scaled_target=False)
linear_scaled_target = partial(_linear, scaled_target=True)


def main() -> None:
    """Print the primary score of every peer on every task."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--stream", choices=list(FILES), default="gas_turbine")
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument(
        "--peers", default="no-change,{kind: river-linear, scaled_target: false},river-linear,river-arf"
    )
    arguments = parser.parse_args()
    if not FILES[arguments.stream].exists():
        print(f"{FILES[arguments.stream]} is not there: nothing to measure")
        return
    planned = plan([arguments.stream], [], example, peers=arguments.peers, events=arguments.rows, data=DATA)
    print(f"{arguments.stream}, first {arguments.rows:,} events, one model per task")
    for job in planned.jobs:
        result = execute(job)
        print(f"{job.learner}: {result['events'] / result['processor_s']:,.0f} events/s, scoring included")
        for name, task in result["tasks"].items():
            value = task["scores"][task["primary"]]
            print(f"    {name:<22}{task['primary']:<10}{'undefined' if value is None else f'{value:9.4f}'}")


if __name__ == "__main__":
    main()
