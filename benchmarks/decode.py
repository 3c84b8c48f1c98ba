"""Records decoded per second of processor time, by format and by stage, beside dictionaries of the same records.

    python -m benchmarks.decode [REPEATS]

An event has an id, a time, an entity, 3 categorical, 1 boolean and 14 numeric features, a label, and a field that the
schema does not know: about 490 bytes of JSON. The dictionary lines do what a pipeline over dictionaries (as River's
pipelines do) has to do before the first model: `json.loads`, then numbers and one-hot encoded categories as new
dictionaries.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from streammtl.decode import Decoder, Schema
from streammtl.seeds import named_rng
from streammtl.tasks.binary import BinaryTask
from streammtl.types import Records

N_RECORDS = 5_000
CATEGORIES = ("customer_id", "merchant", "country")
NUMBERS = tuple(f"feature_{i:02d}" for i in range(14))


def make_rows() -> list[dict[str, Any]]:
    """The events."""
    rng = named_rng(0, "benchmark", "decode")
    countries = ("DE", "FR", "US", "IT")
    rows = []
    for i in range(N_RECORDS):
        row: dict[str, Any] = {
            "tx_id": f"tx{i:08d}",
            "ts": 1_700_000_000.5 + i,
            "customer_id": int(rng.integers(5000)),
            "merchant": f"m{rng.integers(2000)}",
            "country": countries[rng.integers(4)],
            "is_online": bool(rng.integers(2)),
        }
        row |= {name: round(float(x), 4) for name, x in zip(NUMBERS, rng.normal(0, 100, 14), strict=True)}
        rows.append(row | {"y_fraud": int(rng.random() < 0.01), "channel_note": "x" * 12})
    return rows


def make_decoder() -> Decoder:
    """A decoder of the events."""
    features: dict[str, Any] = {"clock": "time", "is_online": "boolean"}
    features |= dict.fromkeys(CATEGORIES, "categorical") | dict.fromkeys(NUMBERS, "numeric")
    schema = Schema.model_validate({"id": "tx_id", "time": "ts", "entity": "customer_id", "features": features})
    return Decoder(schema, schema.build_features(seed=0), (BinaryTask.Config().build("y_fraud"),))


def as_dictionaries(documents: list[bytes]) -> list[tuple[dict[str, float], bool]]:
    """What a pipeline over dictionaries does with the same documents, without any check."""
    pairs = []
    for document in documents:
        event = json.loads(document)
        x = {name: float(event[name]) for name in NUMBERS}
        x["is_online"] = float(event["is_online"])
        x |= {f"{name}_{event[name]}": 1.0 for name in CATEGORIES}
        pairs.append((x, bool(event["y_fraud"])))
    return pairs


def records(values: list[Any], lenient: bool = False) -> Records:
    """One poll."""
    return Records(values, ("benchmark",), np.zeros(N_RECORDS, np.int32), np.arange(N_RECORDS), lenient=lenient)


def actions() -> dict[str, Callable[[], object]]:
    """What is timed, by name."""
    rows = make_rows()
    documents = [json.dumps(row).encode() for row in rows]
    cells = [{name: str(value) for name, value in row.items()} for row in rows]
    one_percent_bad = [b"{" if i % 100 == 0 else document for i, document in enumerate(documents)]
    decoder = make_decoder()
    columns = {name: [row[name] for row in rows] for name in ("is_online", *CATEGORIES, *NUMBERS)}
    time_s_N = np.array([row["ts"] for row in rows])
    wire = msgspec.defstruct(
        "Wire",
        [
            *((name, str | int | float | bool | None, None) for name in ("tx_id", "ts", *CATEGORIES, "is_online")),
            *((name, float | None, None) for name in (*NUMBERS, "y_fraud")),
        ],
        gc=False,
    )
    decode = msgspec.json.Decoder(wire).decode
    print(f"{N_RECORDS:,} records of {sum(map(len, documents)) // N_RECORDS} bytes of JSON, {len(rows[0])} fields")
    return {
        "JSON, whole": lambda: decoder.decode(records(documents)),
        "JSON, whole, 1% bad": lambda: decoder.decode(records(one_percent_bad)),
        "  of it: typed structs alone": lambda: [decode(document) for document in documents],
        "  of it: columns to feature rows": lambda: decoder.encoder.encode(columns, time_s_N),
        "CSV cells, whole": lambda: decoder.decode(records(cells, lenient=True)),
        "Python dictionaries, whole": lambda: decoder.decode(records(rows)),
        "json.loads alone": lambda: [json.loads(document) for document in documents],
        "json.loads to model dictionaries": lambda: as_dictionaries(documents),
    }


def main() -> None:
    """Time every action in turns, so that a busy machine is unfair to none, and print the medians."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    timed = actions()
    seconds: dict[str, list[float]] = {name: [] for name in timed}
    for _ in range(repeats):
        for name, action in timed.items():
            action()  # the caches still hold the work of the action before
            start = time.process_time()
            action()
            seconds[name].append(time.process_time() - start)
    print(f"{f'records per CPU second, {repeats}x':<36}{'median':>12}{'best':>12}")
    for name, times in seconds.items():
        print(f"{name:<36}{N_RECORDS / statistics.median(times):>12,.0f}{N_RECORDS / min(times):>12,.0f}")


if __name__ == "__main__":
    main()
