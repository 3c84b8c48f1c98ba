"""The contract of sources, as a test class that every kind passes: files, logs, brokers, your own.

    class TestMySource(SourceContract):
        def source_of(self, folder, partitions, max_poll_records):
            ...

Name the subclass `Test...` in a test module, and pytest runs the contract on it.
"""

# ruff: noqa: D102  the name of a test states the fact

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

from streammtl.errors import SourceError
from streammtl.sources.base import Source
from streammtl.types import Position, Records

Document = dict[str, Any]

#: Where each record of a run came from, and what it held: (partition, offset, document).
Read = tuple[str, int, Document]

TEN = [{"id": f"e{i}", "amount": f"{i}.5"} for i in range(10)]


def read_all(source: Source) -> list[Read]:
    """Everything that an open source gives until it ends."""
    read: list[Read] = []
    while (records := source.poll(timeout_s=0.0)) is not None:
        read += documents_of(records)
    return read


def documents_of(records: Records) -> list[Read]:
    """The records of a poll, decoded."""
    names = [records.partitions[p] for p in records.partition_N.tolist()]
    documents = [dict(v) if isinstance(v, Mapping) else json.loads(v) for v in records.values]
    return list(zip(names, records.offset_N.tolist(), documents, strict=True))


def position_after(read: Sequence[Read]) -> Position:
    """The position of a reader that has read these."""
    return {partition: offset + 1 for partition, offset, _ in read}


class SourceContract(ABC):
    """What holds for every source that ends.

    Documents are flat, and their values are text, so that every format gives back what was put in.
    """

    #: Partitions that `source_of` is given at most.
    n_partitions: ClassVar[int] = 2

    @abstractmethod
    def source_of(self, folder: Path, partitions: Sequence[Sequence[Document]], max_poll_records: int) -> Source:
        """A source, not open yet, that ends after these documents; called again for the same folder and documents.

        `folder` is empty at the first call. A format that cannot hold nothing at all says so in its own tests.
        """

    def read(
        self,
        folder: Path,
        partitions: Sequence[Sequence[Document]],
        max_poll_records: int = 5000,
        position: Position | None = None,
    ) -> list[Read]:
        """Everything that a new source gives from a position on."""
        source = self.source_of(folder, partitions, max_poll_records)
        source.open(position or {})
        try:
            return read_all(source)
        finally:
            source.close()

    def split(self, documents: Sequence[Document]) -> list[Sequence[Document]]:
        """The documents dealt out to as many partitions as the source may have, the first the largest."""
        if self.n_partitions == 1:
            return [documents]
        cut = (len(documents) * 2 + 2) // 3
        return [documents[:cut], documents[cut:]]

    def test_gives_what_was_put_in(self, tmp_path: Path) -> None:
        partitions = self.split(TEN)
        read = self.read(tmp_path, partitions)
        by_partition: dict[str, list[Document]] = {}
        for partition, _, document in read:
            by_partition.setdefault(partition, []).append(document)
        assert sorted(by_partition.values(), key=lambda d: str(d[0]["id"])) == [list(p) for p in partitions]

    def test_offsets_of_a_partition_count_from_zero(self, tmp_path: Path) -> None:
        offsets: dict[str, list[int]] = {}
        for partition, offset, _ in self.read(tmp_path, self.split(TEN)):
            offsets.setdefault(partition, []).append(offset)
        for found in offsets.values():
            assert found == list(range(len(found)))

    def test_records_do_not_depend_on_the_size_of_polls(self, tmp_path: Path) -> None:
        expected = self.read(tmp_path, self.split(TEN))
        for max_poll_records in (1, 2, 3, 7, 10):
            assert self.read(tmp_path, self.split(TEN), max_poll_records) == expected

    def test_a_poll_returns_at_most_what_it_may_and_never_nothing(self, tmp_path: Path) -> None:
        source = self.source_of(tmp_path, self.split(TEN), 3)
        source.open({})
        sizes = []
        while (records := source.poll(timeout_s=0.0)) is not None:
            sizes.append(len(records))
        source.close()
        assert max(sizes) <= 3
        assert min(sizes) >= 1

    def test_resumes_at_every_position(self, tmp_path: Path) -> None:
        expected = self.read(tmp_path, self.split(TEN))
        for n_read in range(len(expected) + 1):
            position = position_after(expected[:n_read])
            for max_poll_records in (1, 4, 5000):
                assert self.read(tmp_path, self.split(TEN), max_poll_records, position) == expected[n_read:]

    def test_the_same_source_can_be_opened_again(self, tmp_path: Path) -> None:
        source = self.source_of(tmp_path, self.split(TEN), 4)
        source.open({})
        expected = read_all(source)
        source.close()
        source.open(position_after(expected[:5]))
        assert read_all(source) == expected[5:]
        source.close()

    def test_the_end_stays_the_end(self, tmp_path: Path) -> None:
        source = self.source_of(tmp_path, self.split(TEN), 5000)
        source.open({})
        read_all(source)
        assert source.poll(timeout_s=0.0) is None
        source.close()

    def test_every_poll_names_all_partitions_in_the_same_order(self, tmp_path: Path) -> None:
        source = self.source_of(tmp_path, self.split(TEN), 2)
        source.open({})
        named = set()
        while (records := source.poll(timeout_s=0.0)) is not None:
            named.add((records.partitions, records.roles))
        source.close()
        assert len(named) == 1

    def test_partition_names_do_not_depend_on_the_folder(self, tmp_path: Path) -> None:
        (tmp_path / "a").mkdir()
        (tmp_path / "b").mkdir()
        assert self.read(tmp_path / "a", self.split(TEN)) == self.read(tmp_path / "b", self.split(TEN))

    def test_a_stream_without_records_ends_at_once(self, tmp_path: Path) -> None:
        assert self.read(tmp_path, self.split([])) == []

    def test_closing_twice_and_before_opening_does_no_harm(self, tmp_path: Path) -> None:
        source = self.source_of(tmp_path, self.split(TEN), 4)
        source.close()
        source.open({})
        source.poll(timeout_s=0.0)
        source.close()
        source.close()

    def test_keeps_unicode(self, tmp_path: Path) -> None:
        document = {"id": "Zoë 東京 🐢", "amount": "½\u2028€"}
        (read,) = self.read(tmp_path, self.split([document]))
        assert read[2] == document

    def test_takes_a_record_of_one_megabyte(self, tmp_path: Path) -> None:
        documents = [{"id": "a", "amount": "x" * 1_000_000}, {"id": "b", "amount": "1"}]
        found = [document for _, _, document in self.read(tmp_path, self.split(documents))]
        assert sorted(found, key=lambda d: str(d["id"])) == documents

    def test_number_of_records_is_right_where_it_is_known(self, tmp_path: Path) -> None:
        source = self.source_of(tmp_path, self.split(TEN), 4)
        source.open({})
        n_records = source.n_records
        n_read = len(read_all(source))
        source.close()
        assert n_records in (None, n_read)

    def test_progress_goes_up_to_one(self, tmp_path: Path) -> None:
        source = self.source_of(tmp_path, self.split(TEN), 1)
        source.open({})
        shares = [source.progress()]
        while source.poll(timeout_s=0.0) is not None:
            shares.append(source.progress())
        shares.append(source.progress())
        source.close()
        known = [share for share in shares if share is not None]
        assert not known or (len(known) == len(shares) and known[-1] == 1.0)
        assert all(0.0 <= before <= after for before, after in pairwise(known))

    def test_a_position_beyond_the_end_is_refused(self, tmp_path: Path) -> None:
        expected = self.read(tmp_path, self.split(TEN))
        position = position_after(expected)
        position[expected[0][0]] += 1
        _check_refused(self.source_of(tmp_path, self.split(TEN), 4), position)

    def test_a_position_of_another_source_is_refused(self, tmp_path: Path) -> None:
        message = _check_refused(self.source_of(tmp_path, self.split(TEN), 4), {"elsewhere": 3})
        assert "elsewhere" in message


def _check_refused(source: Source, position: Position) -> str:
    try:
        source.open(position)
    except SourceError as error:
        return str(error)
    finally:
        source.close()
    raise AssertionError(f"{type(source).__name__} was opened at {position} without an error")
