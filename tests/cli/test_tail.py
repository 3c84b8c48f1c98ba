"""`streammtl tail`: topics, records, the last ones, and those to come."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from streammtl.log.embedded import EmbeddedLog
from streammtl.run.tail import tail_topic
from tests.cli.commands import streammtl, write_small


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "x.log"
    with EmbeddedLog(path) as log:
        log.create_topic("events", partitions=2)
        log.create_topic("empty")
        for i in range(5):
            key = f"k{i}".encode() if i else None
            log.append("events", [(key, b'{"i":%d}' % i)], timestamp_s=0.0, partition=i % 2)
    return path


def test_every_record_is_a_line(log: Path) -> None:
    result = streammtl("tail", log, "events")
    assert result.exit_code == 0
    assert result.output == '0@0 - {"i":0}\n1@0 k1 {"i":1}\n0@1 k2 {"i":2}\n1@1 k3 {"i":3}\n0@2 k4 {"i":4}\n'


def test_values_only(log: Path) -> None:
    assert streammtl("tail", log, "events", "--values", "--last", "2").output == '{"i":3}\n{"i":4}\n'


def test_published_scores_say_what_the_experts_count_for(tmp_path: Path) -> None:
    log = tmp_path / "out.log"
    sink = f"sink={{metrics: {{kind: log, path: {json.dumps(str(log))}, topic: metrics}}, metrics_every_records: 100}}"
    assert streammtl("replay", write_small(tmp_path), "--quiet", "--set", sink).exit_code == 0
    (last,) = streammtl("tail", log, "metrics", "--values", "--last", "1").output.splitlines()
    shares = json.loads(last)["experts"]
    assert set(shares) == {"up", "size"}
    assert list(shares["up"]) == ["factored-0.04", "factored-0.15", "sgd-0.1-bins"]


@pytest.mark.parametrize("last", range(1, 8))
def test_the_last_records_are_those_of_all_partitions(log: Path, last: int) -> None:
    everything = streammtl("tail", log, "events").output.splitlines()
    assert len(everything) == 5
    assert streammtl("tail", log, "events", "--last", str(last)).output.splitlines() == everything[-last:]


def test_the_last_records_of_a_trimmed_topic_are_those_left(log: Path) -> None:
    with EmbeddedLog(log) as opened:
        opened.trim("events", 0, 2)
    assert streammtl("tail", log, "events", "--last", "4", "--values").output.split() == [
        '{"i":1}',
        '{"i":3}',
        '{"i":4}',
    ]


def test_an_empty_topic_has_no_lines(log: Path) -> None:
    assert streammtl("tail", log, "empty").output == ""
    assert streammtl("tail", log, "empty", "--last", "3").output == ""


def test_without_a_topic_it_lists_topics_with_partitions_offsets_and_sizes(log: Path) -> None:
    result = streammtl("tail", log)
    assert result.exit_code == 0
    rows = [line.split() for line in result.output.splitlines() if line.strip()]
    assert ["events", "0", "0", "to", "2", "3"] in rows
    assert ["1", "0", "to", "1", "2"] in rows
    assert ["empty", "0", "-", "0"] in rows
    assert rows[-1][:2] == ["5", "records,"]


class WriterWhileWaiting:
    """A clock for a reader: while it sleeps, another process appends a record."""

    def __init__(self, path: Path) -> None:
        self.n_appended = 0
        self._path = path

    def now(self) -> float:
        return 0.0

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        self.n_appended += 1
        with EmbeddedLog(self._path) as other:
            other.append("events", [(b"new", b"%d" % self.n_appended)], timestamp_s=0.0, partition=0)


def test_following_shows_what_is_appended_meanwhile(log: Path) -> None:
    clock, out = WriterWhileWaiting(log), io.BytesIO()
    stop = lambda: out.getvalue().count(b"\n") == 3  # noqa: E731
    tail_topic(log, "events", out, clock, last=1, follow=True, stop=stop)
    assert out.getvalue() == b'0@2 k4 {"i":4}\n0@3 new 1\n0@4 new 2\n'


def test_without_following_it_ends_where_the_log_ended(log: Path) -> None:
    clock, out = WriterWhileWaiting(log), io.BytesIO()
    tail_topic(log, "events", out, clock, values_only=True)
    assert out.getvalue().count(b"\n") == 5
    assert clock.n_appended == 0


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["x.log", "evnts"], 2, "has no topic 'evnts'; did you mean 'events'? allowed: empty, events"),
        (["x.log", "--follow"], 2, "--follow, --last and --values need a TOPIC"),
        (["none.log"], 1, "there is no log"),
        (["text.log", "events"], 1, "not a database"),
    ],
)
def test_what_cannot_be_shown_is_told(log: Path, arguments: list[str], code: int, expected: str) -> None:
    (log.parent / "text.log").write_text("some text that is long enough to be no header of SQLite" * 20)
    result = streammtl("tail", log.parent / arguments[0], *arguments[1:])
    assert result.exit_code == code
    assert expected in result.output
    assert "Traceback" not in result.output
