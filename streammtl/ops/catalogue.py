"""The page of the documentation that lists all metrics: `python -m streammtl.ops.catalogue > docs/metrics.md`."""

from __future__ import annotations

import sys

from streammtl.ops.metrics import METRICS

_HEAD = """\
# Metrics

What `/metrics` of a running `streammtl run` exports ([operations](operations.md) says how to use it). This page is made
from `streammtl/ops/metrics.py` by `python -m streammtl.ops.catalogue > docs/metrics.md`.

Counters count since the process took its first record. What a checkpoint carries over a restart is a gauge whose name
begins with `streammtl_stream_`. Figures are those of the latest snapshot, at most a few seconds old while records
come; a metric without a value yet is left out, and a score that is not defined yet is NaN.

| metric | type | unit | labels | meaning |
|---|---|---|---|---|
"""


def catalogue() -> str:
    """The page as Markdown."""
    rows = [
        f"| `{metric.name}` | {metric.type} | {metric.unit} | {', '.join(metric.labels)} | {metric.meaning} |\n"
        for metric in METRICS
    ]
    return _HEAD + "".join(rows)


if __name__ == "__main__":
    sys.stdout.write(catalogue())
