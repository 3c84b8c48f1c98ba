"""Every kind of source passes the contract of `streammtl.testing.sources`."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow
import pyarrow.parquet

from streammtl import component
from streammtl.log.embedded import EmbeddedLog
from streammtl.sources.base import Source
from streammtl.sources.changed import ChangedSource
from streammtl.sources.concat import ConcatSource
from streammtl.sources.csv import CsvSource
from streammtl.sources.iterable import IterableSource
from streammtl.sources.jsonl import JsonlSource
from streammtl.sources.kafka import KafkaSource
from streammtl.sources.log import LogSource
from streammtl.sources.mix import MixSource
from streammtl.sources.parquet import ParquetSource
from streammtl.sources.simulator import SimulatorSource
from streammtl.testing.sources import Document, SourceContract
from streammtl.worlds.base import TrueDrift, World, WorldRecords


class TestJsonl(SourceContract):
    def source_of(self, folder: Path, partitions: Sequence[Sequence[Document]], max_poll_records: int) -> Source:
        paths = []
        for p, documents in enumerate(partitions):
            paths.append(folder / f"part{p}.jsonl")
            paths[-1].write_text("".join(json.dumps(document) + "\n" for document in documents))
        return JsonlSource.Config(path=tuple(paths), max_poll_records=max_poll_records).build()


class TestJsonlGzip(SourceContract):
    def source_of(self, folder: Path, partitions: Sequence[Sequence[Document]], max_poll_records: int) -> Source:
        paths = []
        for p, documents in enumerate(partitions):
            paths.append(folder / f"part{p}.jsonl.gz")
            lines = [json.dumps(document, ensure_ascii=False) for document in documents]
            paths[-1].write_bytes(gzip.compress("\n".join(lines).encode()))
        return JsonlSource.Config(path=tuple(paths), max_poll_records=max_poll_records).build()


class TestCsv(SourceContract):
    def source_of(self, folder: Path, partitions: Sequence[Sequence[Document]], max_poll_records: int) -> Source:
        paths = []
        for p, documents in enumerate(partitions):
            paths.append(folder / f"part{p}.csv")
            with paths[-1].open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, ["id", "amount"])
                writer.writeheader()
                writer.writerows(documents)
        return CsvSource.Config(path=tuple(paths), max_poll_records=max_poll_records).build()


class TestQuotedCsv(SourceContract):
    def source_of(self, folder: Path, partitions: Sequence[Sequence[Document]], max_poll_records: int) -> Source:
        paths = []
        for p, documents in enumerate(partitions):
            paths.append(folder / f"part{p}.csv.gz")
            with gzip.open(paths[-1], "wt", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, ["id", "amount"], delimiter=";", quoting=csv.QUOTE_ALL)
                writer.writeheader()
                writer.writerows(documents)
        return CsvSource.Config(path=tuple(paths), delimiter=";", max_poll_records=max_poll_records).build()


class TestParquet(SourceContract):
    def source_of(self, folder: Path, partitions: Sequence[Sequence[Document]], max_poll_records: int) -> Source:
        paths = []
        for p, documents in enumerate(partitions):
            paths.append(folder / f"part{p}.parquet")
            schema = pyarrow.schema([("id", pyarrow.string()), ("amount", pyarrow.string())])
            table = pyarrow.Table.from_pylist(list(documents), schema=schema)
            pyarrow.parquet.write_table(table, paths[-1], row_group_size=4)
        return ParquetSource.Config(path=tuple(paths), max_poll_records=max_poll_records).build()


class TestLogWithPartitions(SourceContract):
    def source_of(self, folder: Path, partitions: Sequence[Sequence[Document]], max_poll_records: int) -> Source:
        if not (folder / "log.db").exists():
            with EmbeddedLog(folder / "log.db") as log:
                log.create_topic("noise")
                log.create_topic("all", partitions=len(partitions))
                for i in range(max(map(len, partitions))):
                    log.append("noise", [(None, b"{}")], timestamp_s=0.0)
                    for p, documents in enumerate(partitions):
                        values: list[tuple[bytes | None, bytes]] = [
                            (None, json.dumps(document).encode()) for document in documents[i : i + 1]
                        ]
                        log.append("all", values, timestamp_s=0.0, partition=p)
        config = LogSource.Config(path=folder / "log.db", topic="all", follow=False, max_poll_records=max_poll_records)
        return config.build()


class TestLogOfEventsAndLabels(SourceContract):
    def source_of(self, folder: Path, partitions: Sequence[Sequence[Document]], max_poll_records: int) -> Source:
        if not (folder / "log.db").exists():
            with EmbeddedLog(folder / "log.db") as log:
                for topic, documents in zip(("labels", "events"), partitions, strict=True):
                    log.create_topic(topic)
                    log.append(topic, [(None, json.dumps(document).encode()) for document in documents], 0.0)
        topics = {"events": "events", "labels": "labels"}
        config = LogSource.Config.model_validate(
            {"path": folder / "log.db", "topics": topics, "follow": False, "max_poll_records": max_poll_records}
        )
        return config.build()


class TestIterable(SourceContract):
    n_partitions = 1

    def source_of(self, folder: Path, partitions: Sequence[Sequence[Document]], max_poll_records: int) -> Source:
        (documents,) = partitions
        pairs = [({"id": d["id"]}, {"amount": d["amount"]}) for d in documents]
        return IterableSource.of(pairs, max_poll_records=max_poll_records)


class TestChanged(SourceContract):
    """The changes come later than the documents of the contract."""

    def source_of(self, folder: Path, partitions: Sequence[Sequence[Document]], max_poll_records: int) -> Source:
        inner = jsonl_of(folder, partitions, max_poll_records)
        changes = ({"kind": "drop", "fields": ["id"], "at": 1_000_000},)
        return ChangedSource.Config.model_validate({"source": inner, "changes": changes}).build()


class TestConcat(SourceContract):
    def source_of(self, folder: Path, partitions: Sequence[Sequence[Document]], max_poll_records: int) -> Source:
        inner = [jsonl_of(folder, [p], max_poll_records, f"{i}-") for i, p in enumerate(partitions)]
        sources = [*inner, jsonl_of(folder, [[]], max_poll_records, "empty")]
        return ConcatSource.Config.model_validate({"sources": sources}).build()


class TestMix(SourceContract):
    def source_of(self, folder: Path, partitions: Sequence[Sequence[Document]], max_poll_records: int) -> Source:
        inner = [jsonl_of(folder, [p], max_poll_records, f"{i}-") for i, p in enumerate(partitions)]
        sources = [*inner, jsonl_of(folder, [[]], max_poll_records, "empty")]
        config = {"sources": sources, "parts": [2, *[1] * (len(sources) - 1)], "max_poll_records": max_poll_records}
        return MixSource.Config.model_validate(config).build()


def jsonl_of(
    folder: Path, partitions: Sequence[Sequence[Document]], max_poll_records: int, prefix: str = ""
) -> dict[str, Any]:
    paths = []
    for p, documents in enumerate(partitions):
        paths.append(folder / f"{prefix}part{p}.jsonl")
        paths[-1].write_text("".join(json.dumps(document) + "\n" for document in documents))
    return {"kind": "jsonl", "path": tuple(map(str, paths)), "max_poll_records": max_poll_records}


class LiteralWorld(World):
    """A world whose records are given, three to a batch."""

    class Config(World.Config):
        kind: Literal["literal"] = "literal"
        values: tuple[bytes, ...] = ()

    def __init__(self, config: LiteralWorld.Config) -> None:
        self._values = config.values

    def records(self) -> Iterator[WorldRecords]:
        for start in range(0, len(self._values), 3):
            values = list(self._values[start : start + 3])
            yield WorldRecords(values, [False] * len(values), ["x"] * len(values), np.zeros((len(values), 0)))

    def drifts(self) -> tuple[TrueDrift, ...]:
        return ()

    def run_config(self) -> dict[str, object]:
        return {}


# It is a world of this module only: tests that run over the registry must not meet it.
component._REGISTRY["worlds"].pop("literal")


class TestSimulator(SourceContract):
    n_partitions = 1

    def source_of(self, folder: Path, partitions: Sequence[Sequence[Document]], max_poll_records: int) -> Source:
        (documents,) = partitions
        values = tuple(json.dumps(document).encode() for document in documents)
        # The union of worlds was built before this one was declared, so the world goes around it.
        world = LiteralWorld.Config(values=values, events=max(1, len(values)))
        config = SimulatorSource.Config.model_construct(world=world, max_poll_records=max_poll_records)
        return config.build()


def test_every_kind_of_source_has_a_contract_test() -> None:
    # Kafka's is in tests/kafka, where there is a broker.
    tested = {JsonlSource, CsvSource, ParquetSource, LogSource, IterableSource, SimulatorSource}
    tested |= {ChangedSource, ConcatSource, MixSource, KafkaSource}
    ours = {c for c in component.members("sources").values() if c.__module__.startswith("streammtl.")}
    assert ours <= tested
