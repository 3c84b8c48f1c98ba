from __future__ import annotations

from pathlib import Path

import pytest

from streammtl.errors import SinkError
from streammtl.log.embedded import EmbeddedLog
from streammtl.sinks.base import Documents, Sink
from streammtl.sinks.log import LogSink
from streammtl.testing.sinks import TEN, publish


def sink_at(path: Path, partitions: int = 1) -> Sink:
    return LogSink.Config(path=path, topic="out", partitions=partitions).build()


def test_documents_are_seen_as_soon_as_they_are_published(tmp_path: Path) -> None:
    sink = sink_at(tmp_path / "log.db")
    sink.open(None)
    sink.publish(Documents(["a"], [{"id": 1}]))
    with EmbeddedLog(tmp_path / "log.db", create=False) as log:
        assert log.read(["out"], after_sequence=0, limit=10).values == (b'{"id":1}',)
        assert log.read_headers(["out"], after_sequence=0, limit=10).keys == (b"a",)
    sink.close()


def test_a_new_run_appends_to_what_is_there(tmp_path: Path) -> None:
    for _ in range(2):
        sink = sink_at(tmp_path / "log.db")
        sink.open(None)
        publish(sink, TEN)
        position = sink.flush()
        sink.close()
    assert position == {"0": 20}


def test_a_position_taken_while_documents_come_again_counts_only_those_that_came(tmp_path: Path) -> None:
    sink = sink_at(tmp_path / "log.db")
    sink.open(None)
    publish(sink, TEN)
    sink.close()
    sink.open({"0": 2})
    publish(sink, TEN[2:5])
    assert sink.flush() == {"0": 5}
    publish(sink, TEN[5:])
    assert sink.flush() == {"0": 10}
    sink.close()


def test_a_second_writer_is_noticed_on_resume(tmp_path: Path) -> None:
    sink = sink_at(tmp_path / "log.db")
    sink.open(None)
    publish(sink, TEN[:2])
    position = sink.flush()
    sink.close()
    with EmbeddedLog(tmp_path / "log.db") as log:
        log.append("out", [(b"stranger", b"{}")], timestamp_s=0.0)
    sink.open(position)
    with pytest.raises(SinkError, match=r"holds b'stranger' .* where b'e2' was expected: another writer"):
        publish(sink, TEN[2:])
    sink.close()


def test_a_topic_with_other_partitions_is_refused(tmp_path: Path) -> None:
    with EmbeddedLog(tmp_path / "log.db") as log:
        log.create_topic("out", partitions=2)
    with pytest.raises(SinkError, match="has 2 partitions, not 1"):
        sink_at(tmp_path / "log.db").open(None)


def test_a_log_that_was_made_anew_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"holds the offsets 0 up to 0 .*, but the checkpoint to resume from is at 7"):
        sink_at(tmp_path / "log.db").open({"0": 7})
