"""What goes wrong with files, and what is said then."""

from __future__ import annotations

import gzip
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from pydantic import ValidationError

from streammtl.errors import SourceError
from streammtl.sources.base import Source
from streammtl.sources.csv import CsvSource
from streammtl.sources.jsonl import JsonlSource
from streammtl.sources.parquet import ParquetSource
from streammtl.types import Records

DATA = Path(__file__).parents[3] / "shared" / "data"


def polled(source: Source) -> list[Records]:
    source.open({})
    records = []
    while (one := source.poll(timeout_s=0.0)) is not None:
        records.append(one)
    source.close()
    return records


def values_until_error(source: Source) -> tuple[list[object], str]:
    """What is read before the error, and the error's message, which must come again."""
    source.open({})
    values: list[object] = []
    try:
        while (records := source.poll(timeout_s=0.0)) is not None:
            values += records.values
    except SourceError as error:
        with pytest.raises(SourceError):
            source.poll(timeout_s=0.0)
        return values, str(error)
    finally:
        source.close()
    raise AssertionError("no error")


def lines(n: int) -> bytes:
    # Numbers that look random compress badly, so that there is a middle of the packed bytes to cut at.
    return b"".join(b'{"a":%d}\n' % (i * 2654435761 % 2**32) for i in range(n))


@pytest.mark.parametrize("kind", [JsonlSource, CsvSource, ParquetSource])
class TestEveryKind:
    def test_missing_file(self, kind: type[JsonlSource], tmp_path: Path) -> None:
        source = kind.Config(path=Path("none.x")).build(tmp_path)
        with pytest.raises(SourceError, match=r"there is no file .*none\.x; check the source's path"):
            source.open({})

    def test_folder(self, kind: type[JsonlSource], tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="is a folder; name the file"):
            kind.Config(path=tmp_path).build().open({})

    def test_files_of_one_name_are_refused(self, kind: type[JsonlSource]) -> None:
        with pytest.raises(ValidationError, match=r"two files are called 'x\.csv'"):
            kind.Config(path=(Path("a/x.csv"), Path("b/x.csv")))

    def test_an_empty_list_is_refused(self, kind: type[JsonlSource]) -> None:
        with pytest.raises(ValidationError, match="at least one file"):
            kind.Config(path=())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path: Path) -> None:
    (tmp_path / "secret").touch(mode=0)
    with pytest.raises(SourceError, match="Permission denied"):
        JsonlSource.Config(path=tmp_path / "secret").build().open({})


def test_the_second_file_of_a_list_is_looked_for_when_opening(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(2))
    with pytest.raises(SourceError, match="there is no file"):
        JsonlSource.Config(path=(tmp_path / "a.jsonl", tmp_path / "b.jsonl")).build().open({})


def test_relative_paths_start_at_the_base(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(2))
    source = JsonlSource.Config(path=Path("a.jsonl")).build(tmp_path)
    assert [len(records) for records in polled(source)] == [2]


def test_blank_lines_are_skipped_and_counted(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\n1\n \t\r\n2\r\n\n\n3")
    for max_poll_records in (1, 2, 100):
        records = polled(JsonlSource.Config(path=tmp_path / "a.jsonl", max_poll_records=max_poll_records).build())
        assert [offset for r in records for offset in r.offset_N.tolist()] == [1, 3, 6]
        assert [bytes(value).strip() for r in records for value in r.values if isinstance(value, bytes)] == [
            b"1",
            b"2",
            b"3",
        ]


def test_a_byte_order_mark_is_not_part_of_the_first_record(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\xef\xbb\xbf1\n")
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b"\xef\xbb\xbf1\n"))
    for name in ("a.jsonl", "a.jsonl.gz"):
        (records,) = polled(JsonlSource.Config(path=tmp_path / name).build())
        assert records.values == [b"1"]


def test_a_name_in_gz_without_gzip_inside(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(b'{"a":1}\n')
    values, message = values_until_error(JsonlSource.Config(path=tmp_path / "a.jsonl.gz").build())
    assert values == []
    assert "take the .gz off its name" in message


def test_gzip_without_gz_in_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(gzip.compress(b'{"a":1}\n'))
    _, message = values_until_error(JsonlSource.Config(path=tmp_path / "a.jsonl").build())
    assert "its name must end in .gz" in message


def test_truncated_gzip_gives_the_complete_records_before_it(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    packed = gzip.compress(lines(20_000))
    path.write_bytes(packed[: len(packed) // 2])
    expected: Sequence[object] | None = None
    for max_poll_records in (700, 5000):
        source = JsonlSource.Config(path=path, max_poll_records=max_poll_records).build()
        values, message = values_until_error(source)
        assert "is truncated" in message
        assert 5_000 < len(values) < 15_000
        assert values == lines(20_000).splitlines()[: len(values)]
        assert expected in (None, values)
        expected = values


def test_damaged_gzip_says_where(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    packed = bytearray(gzip.compress(lines(1000)))
    packed[-6] ^= 1  # in the checksum
    path.write_bytes(packed)
    values, message = values_until_error(JsonlSource.Config(path=path).build())
    assert "is damaged near byte" in message
    assert values == lines(1000).splitlines()[: len(values)]


def test_gzip_of_several_members_with_padding(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b"1\n2") + b"\0" * 100 + gzip.compress(b"3\n4\n") + b"\0" * 3)
    (records,) = polled(JsonlSource.Config(path=path).build())
    assert records.values == [b"1", b"23", b"4"]


def test_a_highly_compressed_file_is_unpacked_in_blocks(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b"x" * 5_000_000 + b"\n1\n"))
    (records,) = polled(JsonlSource.Config(path=path).build())
    assert [len(value) for value in records.values] == [5_000_000, 1]


def test_position_beyond_the_end_of_a_shortened_file(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(3))
    with pytest.raises(SourceError, match="has 3 records, but the position to resume from is 5"):
        JsonlSource.Config(path=tmp_path / "a.jsonl").build().open({"a.jsonl": 5})


@pytest.mark.skipif(not DATA.is_dir(), reason="the real streams are not here")
@pytest.mark.parametrize(("name", "n_rows", "n_columns"), [("gas_turbine", 36_733, 16), ("elec2", 45_312, 14)])
def test_reads_the_real_streams(name: str, n_rows: int, n_columns: int) -> None:
    records = polled(CsvSource.Config(path=DATA / name / f"{name}.csv.gz").build())
    assert sum(map(len, records)) == n_rows
    assert {len(row) for r in records for row in r.values} == {n_columns}
