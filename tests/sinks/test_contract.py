"""Every kind of sink passes the contract of `streammtl.testing.sinks`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from streammtl import component
from streammtl.clock import ManualClock
from streammtl.errors import SinkError
from streammtl.log.embedded import EmbeddedLog
from streammtl.sinks.base import Sink
from streammtl.sinks.csv import CsvSink
from streammtl.sinks.jsonl import JsonlSink
from streammtl.sinks.kafka import KafkaSink
from streammtl.sinks.log import LogSink
from streammtl.sinks.memory import MemorySink
from streammtl.sinks.parquet import ParquetSink
from streammtl.sources.csv import CsvSource
from streammtl.testing.sinks import TEN, Document, SinkContract, publish


def nested(row: dict[str, Any]) -> Document:
    """`{"a.b": 1}` as `{"a": {"b": 1}}`."""
    document: Document = {}
    for column, value in row.items():
        *outer, name = column.split(".")
        part = document
        for field in outer:
            part = part.setdefault(field, {})
        part[name] = value
    return document


class TestJsonl(SinkContract):
    def sink_in(self, folder: Path) -> Sink:
        return JsonlSink.Config(path=Path("made/out.jsonl")).build(folder)

    def kept_in(self, folder: Path) -> list[Document]:
        return [json.loads(line) for line in (folder / "made" / "out.jsonl").read_bytes().splitlines()]


class TestCsv(SinkContract):
    def sink_in(self, folder: Path) -> Sink:
        return CsvSink.Config(path=Path("out.csv")).build(folder)

    def kept_in(self, folder: Path) -> list[Document]:
        if not (folder / "out.csv").stat().st_size:
            return []
        source = CsvSource.Config(path=folder / "out.csv").build()
        source.open({})
        records = source.poll(timeout_s=0.0)
        source.close()
        rows = [dict(v) for v in records.values if isinstance(v, Mapping)] if records is not None else []
        numbers = {"fraud.probability", "x"}
        return [nested({c: (float(v) if v else None) if c in numbers else v for c, v in row.items()}) for row in rows]


class TestParquet(SinkContract):
    def sink_in(self, folder: Path) -> Sink:
        return ParquetSink.Config(path=Path("out"), rows_per_part=4).build(folder)

    def kept_in(self, folder: Path) -> list[Document]:
        tables = [pyarrow.parquet.read_table(path) for path in sorted((folder / "out").iterdir())]
        return [nested(row) for table in tables for row in table.to_pylist()]


class TestLog(SinkContract):
    def sink_in(self, folder: Path) -> Sink:
        return LogSink.Config(path=Path("log.db"), topic="out", partitions=2).build(folder, ManualClock())

    def kept_in(self, folder: Path) -> list[Document]:
        with EmbeddedLog(folder / "log.db") as log:
            return [json.loads(value) for value in log.read(["out"], after_sequence=0, limit=1000).values]

    def content_of(self, folder: Path) -> object:
        """The records: where they lie in the file is up to SQLite."""
        with EmbeddedLog(folder / "log.db") as log:
            headers = log.read_headers(["out"], after_sequence=0, limit=1000)
            return log.read(["out"], after_sequence=0, limit=1000), headers


def test_memory_keeps_documents_and_forgets_what_came_after_a_position() -> None:
    sink = MemorySink.Config().build()
    assert isinstance(sink, MemorySink)
    sink.open(None)
    publish(sink, TEN[:4])
    position = sink.flush()
    publish(sink, TEN[4:])
    sink.close()
    sink.open(position)
    assert sink.documents == TEN[:4]
    assert sink.keys == ["e0", "e1", "e2", "e3"]


def test_memory_does_not_outlive_its_process() -> None:
    with pytest.raises(SinkError, match="memory does not outlive its process"):
        MemorySink.Config().build().open({"documents": 3})


def test_every_kind_of_sink_has_a_contract_test() -> None:
    tested = {JsonlSink, CsvSink, ParquetSink, LogSink, MemorySink, KafkaSink}  # the last one in tests.kafka.test_sinks
    ours = {c for c in component.members("sinks").values() if c.__module__.startswith("streammtl.")}
    assert ours <= tested
