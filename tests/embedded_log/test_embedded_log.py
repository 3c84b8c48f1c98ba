from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streammtl.errors import SinkError, SourceError
from streammtl.log.database import Database
from streammtl.log.embedded import EmbeddedLog, PartitionRange, partition_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


def test_sequences_are_total_over_topics_and_without_gaps(path: Path) -> None:
    with EmbeddedLog(path) as log:
        log.create_topic("a")
        log.create_topic("b", partitions=2)
        assert log.append("a", [(None, b"a0"), (None, b"a1")], timestamp_s=1.0) == 2
        assert log.append("b", [(b"k", b"b0")], timestamp_s=2.0) == 3
        assert log.append("a", [(None, b"a2")], timestamp_s=3.0) == 4
        found = log.read(["b", "a"], after_sequence=0, limit=10)
        assert found.sequences == (1, 2, 3, 4)
        assert found.partitions == (2, 2, partition_of(b"k", 2), 2)
        assert found.values == (b"a0", b"a1", b"b0", b"a2")
        assert found.offsets == (0, 1, 0, 2)
        headers = log.read_headers(["b", "a"], after_sequence=0, limit=10)
        assert headers.keys == (None, None, b"k", None)
        assert headers.timestamps_s == (1.0, 1.0, 2.0, 3.0)
        assert log.end_sequence() == 4


def test_reads_are_ranges(path: Path) -> None:
    with EmbeddedLog(path) as log:
        log.create_topic("a")
        log.append("a", [(None, b"%d" % i) for i in range(10)], timestamp_s=0.0)
        assert log.read(["a"], after_sequence=3, limit=2).values == (b"3", b"4")
        assert log.read(["a"], after_sequence=7, limit=9, until_sequence=9).values == (b"7", b"8")
        assert len(log.read(["a"], after_sequence=10, limit=9)) == 0
        assert log.read_headers(["a"], after_sequence=10, limit=9).keys == ()


def test_a_key_stays_in_its_partition_and_records_without_a_key_go_round(path: Path) -> None:
    with EmbeddedLog(path) as log:
        log.create_topic("a", partitions=3)
        log.append("a", [(b"anna", b""), (b"bert", b""), (b"anna", b"")], timestamp_s=0.0)
        log.append("a", [(None, b"")] * 6, timestamp_s=0.0)
        log.append("a", [(b"anna", b"")], timestamp_s=0.0, partition=1)
        partitions = log.read(["a"], after_sequence=0, limit=20).partitions
    anna, bert = partition_of(b"anna", 3), partition_of(b"bert", 3)
    assert partitions == (anna, bert, anna, 1, 2, 0, 1, 2, 0, 1)


def test_the_partition_of_a_key_never_changes() -> None:
    assert [partition_of(key, 7) for key in (b"", b"anna", b"bert")] == [4, 6, 4]


def test_an_append_is_all_or_nothing(path: Path) -> None:
    with EmbeddedLog(path) as log:
        log.create_topic("a")
        bad: list[tuple[bytes | None, bytes]] = [(None, b"1"), (None, None)]  # type: ignore[list-item]
        with pytest.raises(SinkError, match="cannot append to topic 'a'"):
            log.append("a", bad, timestamp_s=0.0)
        assert log.ranges("a") == [PartitionRange(0, 0)]
        assert log.append("a", [(None, b"2")], timestamp_s=0.0) == 1


def test_creating_a_topic_again_is_harmless_unless_the_partitions_differ(path: Path) -> None:
    with EmbeddedLog(path) as log:
        log.create_topic("a", partitions=2)
        log.create_topic("a", partitions=2)
        assert log.topics() == {"a": 2}
        with pytest.raises(SinkError, match="has 2 partitions, not 3"):
            log.create_topic("a", partitions=3)
        with pytest.raises(SinkError, match="at least one partition"):
            log.create_topic("b", partitions=0)


def test_trim_deletes_what_is_before_an_offset(path: Path) -> None:
    with EmbeddedLog(path) as log:
        log.create_topic("a")
        log.append("a", [(None, b"%d" % i) for i in range(5)], timestamp_s=0.0)
        assert log.trim("a", 0, before_offset=2) == 2
        assert log.trim("a", 0, before_offset=1) == 0
        assert log.ranges("a") == [PartitionRange(2, 5)]
        assert log.read(["a"], after_sequence=0, limit=10).values == (b"2", b"3", b"4")
        with pytest.raises(SourceError, match=r"offset 1 of a:0 .* was trimmed; it holds the offsets 2 up to 5"):
            log.sequence_at("a", 0, 1)
        with pytest.raises(SinkError, match="it ends at 5"):
            log.trim("a", 0, before_offset=6)
        log.trim("a", 0, before_offset=5)
        log.append("a", [(None, b"5")], timestamp_s=0.0)
        assert log.read(["a"], after_sequence=0, limit=10).offsets == (5,)


def test_sequence_of_an_offset(path: Path) -> None:
    with EmbeddedLog(path) as log:
        log.create_topic("a", partitions=2)
        log.append("a", [(None, b""), (None, b"")], timestamp_s=0.0, partition=1)
        log.append("a", [(None, b"")], timestamp_s=0.0, partition=0)
        assert [log.sequence_at("a", 1, offset) for offset in (0, 1, 2)] == [1, 2, 4]
        assert [log.sequence_at("a", 0, offset) for offset in (0, 1)] == [3, 4]
        with pytest.raises(SourceError, match=r"offset 2 of a:0 .* is beyond its end, 1"):
            log.sequence_at("a", 0, 2)


def test_unknown_topics_and_partitions(path: Path) -> None:
    with EmbeddedLog(path) as log:
        log.create_topic("a")
        with pytest.raises(SourceError, match=r"there is no topic 'b' in the log .*; its topics: a"):
            log.read(["b"], after_sequence=0, limit=1)
        with pytest.raises(SinkError, match="there is no topic 'b'"):
            log.append("b", [], timestamp_s=0.0)
        with pytest.raises(SinkError, match="partitions 0 to 0, there is no 1"):
            log.append("a", [], timestamp_s=0.0, partition=1)


def test_a_foreign_database_is_refused_and_not_changed(path: Path) -> None:
    foreign = sqlite3.connect(path)
    foreign.execute("CREATE TABLE theirs (x)")
    foreign.commit()
    foreign.close()
    before = path.read_bytes()
    with pytest.raises(SinkError, match="of another program"):
        EmbeddedLog(path)
    with pytest.raises(SourceError, match="of another program"):
        EmbeddedLog(path, create=False)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["log.db"]


def test_another_kind_of_file_is_refused_and_not_changed(path: Path) -> None:
    path.write_text("id,amount\n" * 1000)
    with pytest.raises(SinkError, match=r"file is not a database .*take another path"):
        EmbeddedLog(path)
    assert path.read_text() == "id,amount\n" * 1000


def test_a_newer_format_is_refused(path: Path) -> None:
    EmbeddedLog(path).close()
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version=2")
    newer.close()
    with pytest.raises(SinkError, match="has format 2, this streammtl knows formats up to 1; upgrade"):
        EmbeddedLog(path)


def test_reading_does_not_create(path: Path) -> None:
    with pytest.raises(SourceError, match="there is no log"):
        EmbeddedLog(path, create=False)
    path.touch()
    with pytest.raises(SourceError, match="is empty"):
        EmbeddedLog(path, create=False)


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="unable to open"):
        EmbeddedLog(tmp_path)


def test_a_path_with_characters_that_mean_something_in_addresses(tmp_path: Path) -> None:
    path = tmp_path / "a?b#c%20 d.db"
    EmbeddedLog(path).close()
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_held_write_lock_is_a_clear_error(path: Path) -> None:
    with EmbeddedLog(path) as log:
        log.create_topic("a")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with EmbeddedLog(path, busy_timeout_s=0.01) as log:
        assert len(log.read(["a"], after_sequence=0, limit=1)) == 0  # readers are not locked out
        with pytest.raises(SinkError, match=r"database is locked \(another process held it for more than 0.01 s"):
            log.append("a", [(None, b"1")], timestamp_s=0.0)
        other.execute("ROLLBACK")
        log.append("a", [(None, b"1")], timestamp_s=0.0)
    other.close()


def test_a_commit_is_synced_before_it_is_seen(path: Path) -> None:
    with EmbeddedLog(path) as log:
        assert log._connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
        assert log._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    with EmbeddedLog(path, create=False) as log:
        assert log._connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_several_topics_are_merged_without_sorting(path: Path) -> None:
    with EmbeddedLog(path) as log:
        log.create_topic("a")
        log.create_topic("b")
        executed: list[str] = []
        log._connection.set_trace_callback(executed.append)
        log.read(["a", "b"], after_sequence=0, limit=5)
        log._connection.set_trace_callback(None)
        (query,) = [sql for sql in executed if "UNION ALL" in sql]
        plan = " ".join(str(row[3]) for row in log._connection.execute(f"EXPLAIN QUERY PLAN {query}"))
    assert "MERGE" in plan
    assert "TEMP B-TREE" not in plan


KEYS = st.none() | st.sampled_from([b"anna", b"bert", b"carl"])
APPENDS = st.lists(st.tuples(st.sampled_from(["a", "b"]), st.lists(KEYS, max_size=4)), max_size=8)


@settings(max_examples=40)
@given(appends=APPENDS)
def test_a_reader_of_any_topics_sees_each_record_once_in_order(
    tmp_path_factory: pytest.TempPathFactory, appends: list[tuple[str, list[bytes | None]]]
) -> None:
    with EmbeddedLog(tmp_path_factory.mktemp("log") / "log.db") as log:
        log.create_topic("a", partitions=2)
        log.create_topic("b", partitions=3)
        written: list[tuple[int, bytes]] = []
        for topic, keys in appends:
            values = [b"%d" % (len(written) + i) for i in range(len(keys))]
            log.append(topic, list(zip(keys, values, strict=True)), timestamp_s=0.0)
            written += [(["a", "b"].index(topic), value) for value in values]
        read: list[tuple[int, bytes]] = []
        after = 0
        next_offsets = [0] * 5
        while len(found := log.read(["a", "b"], after_sequence=after, limit=3)):
            after = found.sequences[-1]
            read += [(int(p >= 2), value) for p, value in zip(found.partitions, found.values, strict=True)]
            for p, offset in zip(found.partitions, found.offsets, strict=True):
                assert offset == next_offsets[p]
                next_offsets[p] += 1
        assert read == written


def test_a_log_that_is_made_while_we_look_at_it_is_ours(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = sqlite3.connect(path)
    empty.execute("PRAGMA journal_mode=WAL")
    empty.close()
    plain_number = Database._number
    others = iter([EmbeddedLog])

    def number(database: Database, query: str) -> int:
        found = plain_number(database, query)
        for other in others:  # another process is as far, and goes on first
            other(path).close()
        return found

    monkeypatch.setattr(Database, "_number", number)
    with EmbeddedLog(path) as log:
        log.create_topic("a")
    assert next(others, None) is None
