"""A small stream with everything in it: labels inside and beside, late, twice, missing; drift; dirt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from streammtl.clock import ManualClock
from streammtl.config import RunConfig
from streammtl.engine import Engine
from streammtl.run.assemble import build_engine
from streammtl.seeds import named_rng
from streammtl.types import Records

SETTINGS: dict[str, Any] = {
    "name": "tiny",
    "schema": {
        "id": "id",
        "time": "t",
        "features": {"a": "numeric", "b": "numeric", "c": {"kind": "categorical", "table_size": 16}},
    },
    "tasks": {
        "up": {"kind": "binary", "horizon_s": 40, "on_expiry": "negative"},
        "size": {"kind": "regression", "delay_s": 5},
        "group": {"kind": "multiclass", "max_classes": 4},
    },
    # An expert of every sort, all of which run in one compiled kernel.
    "model": {
        "kind": "mlp",
        "hidden": [8],
        "embedding_dim": 2,
        "experts": [
            {"kind": "network", "optimizer": {"kind": "sgd", "rate": 0.05}},
            {"kind": "network", "optimizer": {"kind": "sgd", "rate": 0.05}, "scope": "single"},
            {"kind": "memory"},
        ],
    },
    "weighting": {"kind": "scale_invariant", "every": 8},
    "join": {"capacity": 60},
    "scores": {"window": 100, "half_life": 50, "block": 20},
    "drift": {"block": 5, "features": {"kind": "page_hinkley", "threshold": 3}, "reference_blocks": 4},
    "source": {"kind": "iterable"},
}


def documents(n_events: int, seed: int = 0) -> list[bytes]:
    """JSON records: events, labels beside them (some late, some twice), labels inside, and a little dirt."""
    rng = named_rng(seed, "tests", "stream")
    records: list[tuple[float, bytes]] = []
    for i in range(n_events):
        a, b = (float(x) for x in rng.normal(size=2))
        shift = 3.0 if i > n_events // 2 else 0.0
        event: dict[str, Any] = {"id": f"e{i}", "t": float(i), "a": a + shift, "b": b, "c": int(rng.integers(5))}
        labels = {"up": int(a > b), "size": a + 2 * b, "group": ["x", "y", "z"][int(rng.integers(3))]}
        if rng.random() < 0.1:
            del event["b"]
        if rng.random() < 0.4:
            event |= {"size": labels.pop("size"), "group": labels.pop("group")}
        records.append((float(i), json.dumps(event).encode()))
        for name, value in labels.items():
            for _ in range(int(rng.choice([0, 1, 1, 1, 2]))):
                t = i + float(rng.integers(0, 60))
                records.append((t + 0.5, json.dumps({"id": f"e{i}", "t": t, name: value}).encode()))
        if rng.random() < 0.05:
            records.append((i + 0.25, bytes(rng.choice([b"{", b'{"id": "q", "t": 1, "a": "text"}', b"", b"\xff"]))))
    return [value for _, value in sorted(records, key=lambda record: record[0])]


def records_of(values: list[bytes]) -> Records:
    """One partition of JSON documents."""
    return Records(values, ("p",), np.zeros(len(values), np.int32), np.arange(len(values), dtype=np.int64))


def engine_of(**changes: Any) -> Engine:
    """An engine of `SETTINGS` with some sections replaced."""
    config = RunConfig.parse(json.loads(json.dumps({**SETTINGS, **changes})), environment={})
    return build_engine(config, base=Path(), clock=ManualClock())


def feed(engine: Engine, records: Records, size: int) -> None:
    """Take `records` through the engine in turns of `size`."""
    for start in range(0, len(records), size):
        engine.feed(records.between(start, min(start + size, len(records))))
