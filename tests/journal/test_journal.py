"""The journal gives back the order that was written, whole, from any record on, and after a crash at any byte."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streammtl.errors import CheckpointDamagedError, CheckpointError
from streammtl.journal import Journal, Runs, read_journal
from streammtl.journal_format import names_frame, read_frames, runs_frame
from streammtl.types import Records

PARTITIONS = ("events:0", "events:1", "labels:0")
#: Three polls: a run of two, one offset skipped, a partition that comes and goes.
POLLS = ([(0, 5), (0, 6), (1, 0)], [(0, 7), (2, 100), (0, 9), (1, 1)], [(1, 2), (1, 3)])
TAKEN = [taken for poll in POLLS for taken in poll]

Taken = list[tuple[int, int]]


def records(poll: Sequence[tuple[int, int]], partitions: tuple[str, ...] = PARTITIONS) -> Records:
    partition_N = np.array([p for p, _ in poll], np.int32)
    offset_N = np.array([offset for _, offset in poll], np.int64)
    return Records([b"x"] * len(poll), partitions, partition_N, offset_N)


def taken_of(runs: Runs) -> list[tuple[str, int]]:
    columns = zip(runs.partition_R.tolist(), runs.first_R.tolist(), runs.n_R.tolist(), strict=True)
    return [(runs.partitions[p], first + i) for p, first, n in columns for i in range(n)]


def named(taken: Sequence[tuple[int, int]]) -> list[tuple[str, int]]:
    return [(PARTITIONS[p], offset) for p, offset in taken]


def write(folder: Path, polls: Sequence[Sequence[tuple[int, int]]] = POLLS) -> Path:
    """A journal of these polls in one segment; its path."""
    with Journal(folder) as journal:
        journal.since(0)
        for poll in polls:
            journal.append(records(poll))
    (path,) = folder.iterdir()
    return path


def test_gives_the_order_from_every_record_on(tmp_path: Path) -> None:
    write(tmp_path)
    for number in range(len(TAKEN) + 1):
        with Journal(tmp_path) as journal:
            assert taken_of(journal.since(number)) == named(TAKEN[number:])


@settings(deadline=None)
@given(st.lists(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 2**40)), min_size=1, max_size=8), max_size=5))
def test_any_records_come_back(steps: list[Taken]) -> None:
    polls: list[Taken] = [[] for _ in steps]
    offsets = [0, 0, 0]
    for poll, of_poll in zip(polls, steps, strict=True):
        for p, step in of_poll:
            offsets[p] += step
            poll.append((p, offsets[p]))
    with TemporaryDirectory() as name:
        folder = Path(name)
        with Journal(folder) as journal:
            journal.since(0)
            for poll in polls:
                journal.append(records(poll))
        assert taken_of(read_journal(folder)) == named([taken for poll in polls for taken in poll])


def test_torn_at_every_byte_it_keeps_the_whole_polls_before(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    content = write(tmp_path / "whole").read_bytes()
    ends = [len(write(tmp_path / f"first {n}", POLLS[:n]).read_bytes()) for n in range(1, 4)]
    for size in range(len(content) + 1):
        folder = tmp_path / f"torn {size}"
        folder.mkdir()
        (folder / "segment-000000000000").write_bytes(content[:size])
        n_whole = sum(end <= size for end in ends)
        kept = [taken for poll in POLLS[:n_whole] for taken in poll]
        caplog.clear()
        with Journal(folder) as journal:
            assert taken_of(journal.since(0)) == named(kept)
            # The run goes on: first what is known, then something else than what was torn off.
            for poll in [*POLLS[:n_whole], [(2, 7)]]:
                journal.append(records(poll))
        assert taken_of(read_journal(folder)) == named([*kept, (2, 7)])
    assert "torn by a crash" in caplog.text or size == len(content)


def test_zeros_at_the_end_are_a_torn_end(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_bytes(path.read_bytes() + bytes(100))
    with Journal(tmp_path) as journal:
        assert taken_of(journal.since(0)) == named(TAKEN)


def test_a_flipped_bit_before_other_entries_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path)
    content = bytearray(path.read_bytes())
    content[12] ^= 1
    path.write_bytes(content)
    with Journal(tmp_path) as journal, pytest.raises(CheckpointDamagedError, match="damaged at byte 0"):
        journal.since(0)


def test_what_is_known_after_a_restart_is_not_written_again(tmp_path: Path) -> None:
    path = write(tmp_path)
    size = path.stat().st_size
    with Journal(tmp_path) as journal:
        journal.since(1)
        for start in range(1, len(TAKEN), 3):  # polls of other sizes, which reach beyond what is known
            journal.append(records([*TAKEN, (0, 10), (0, 11)][start : start + 3]))
    assert path.stat().st_size == size
    assert taken_of(read_journal(tmp_path)) == named([*TAKEN, (0, 10)])


def test_a_source_that_does_not_follow_is_an_error(tmp_path: Path) -> None:
    write(tmp_path)
    with Journal(tmp_path) as journal:
        journal.since(0)
        with pytest.raises(CheckpointError, match="records 0 to 1 are not those that the journal"):
            journal.append(records([(0, 5), (1, 0)]))


def test_old_segments_go_with_the_oldest_checkpoint(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.since(0)
        for poll in POLLS:
            journal.append(records(poll))
            journal.cut(0)
        assert [path.name[-1] for path in sorted(tmp_path.iterdir())] == ["0", "3", "7", "9"]
        journal.cut(4)  # a checkpoint at record 4 still needs the segment that begins at 3
        assert [path.name[-1] for path in sorted(tmp_path.iterdir())] == ["3", "7", "9"]
    with Journal(tmp_path) as journal, pytest.raises(CheckpointError, match="begins at record 3, but the run goes on"):
        journal.since(2)
    with Journal(tmp_path) as journal:
        assert taken_of(journal.since(4)) == named(TAKEN[4:])
    with pytest.raises(CheckpointError, match=r"journal\.keep: all"):
        read_journal(tmp_path)


def test_all_segments_stay_where_that_is_wanted(tmp_path: Path) -> None:
    with Journal(tmp_path, Journal.Config(keep="all", fsync=True)) as journal:
        journal.since(0)
        for poll in POLLS:
            journal.append(records(poll))
            journal.cut(1000)
    assert taken_of(read_journal(tmp_path)) == named(TAKEN)


def test_new_partitions_may_come_on_the_way(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.since(0)
        journal.append(records([(0, 1), (1, 1)], ("a:0", "b:0")))
        journal.append(records([(1, 0), (2, 2)], ("a:0", "a:1", "b:0")))
    assert taken_of(read_journal(tmp_path)) == [("a:0", 1), ("b:0", 1), ("a:1", 0), ("b:0", 2)]


def test_a_checkpoint_beyond_the_journal_begins_it_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(tmp_path)
    with caplog.at_level(logging.WARNING), Journal(tmp_path) as journal:
        assert len(journal.since(20)) == 0
        journal.append(records([(0, 50)]))
    assert "ends at record 9, before 20" in caplog.text
    with Journal(tmp_path) as journal:
        assert taken_of(journal.since(20)) == named([(0, 50)])


def test_an_interleaved_poll_takes_two_bytes_per_record(tmp_path: Path) -> None:
    poll = [(p, offset) for offset in range(2500) for p in (0, 1)]
    assert write(tmp_path, [poll]).stat().st_size < 2.02 * len(poll)


def test_names_of_partitions_whose_runs_were_torn_off_are_no_damage(tmp_path: Path) -> None:
    path = write(tmp_path, POLLS[:1])
    whole = path.read_bytes()
    with Journal(tmp_path) as journal:
        journal.since(3)
        journal.append(records([(0, 7)], ("events:0",)))
    _, second = sorted(tmp_path.iterdir())
    path.write_bytes(whole + second.read_bytes()[:-5])
    second.unlink()
    for number in (3, 3):
        with Journal(tmp_path) as journal:
            journal.since(number)
            journal.append(records([(0, 7)]))
    assert taken_of(read_journal(tmp_path)) == named([*POLLS[0], (0, 7)])


@pytest.mark.parametrize("n", [1, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32])
@pytest.mark.parametrize("is_alone", [True, False])
def test_a_run_of_any_length_is_read_as_it_was_written(n: int, is_alone: bool) -> None:
    runs = Runs(("a:0", "a:1"), np.array([1, 0], np.int32), np.array([2**40, 7]), np.array([n, 1]))
    if is_alone:
        runs = runs.between(0, n)
    ((number, found),) = read_frames(names_frame(runs.partitions) + runs_frame(12, runs))
    assert number == 12
    assert found == runs
    assert found.n_records == n + (not is_alone)


def test_a_gap_or_another_partition_ends_a_run() -> None:
    def lengths(partition_N: list[int], offset_N: list[int]) -> list[int]:
        records = Records([b""] * len(offset_N), ("a:0", "a:1"), np.array(partition_N, np.int32), np.array(offset_N))
        found: list[int] = Runs.of(records).n_R.tolist()
        return found

    assert lengths([0, 0, 0], [4, 5, 6]) == [3]
    assert lengths([0, 0, 0], [4, 5, 7]) == [2, 1]
    assert lengths([0, 1, 0], [4, 5, 6]) == [1, 1, 1]
    assert lengths([1], [9]) == [1]
