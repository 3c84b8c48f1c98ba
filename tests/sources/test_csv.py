from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from streammtl.errors import SourceError
from streammtl.sources.csv import CsvSource


def rows_of(path: Path, content: bytes, max_poll_records: int = 100, delimiter: str = ",") -> list[tuple[int, object]]:
    path.write_bytes(content)
    source = CsvSource.Config(path=path, max_poll_records=max_poll_records, delimiter=delimiter).build()
    source.open({})
    rows: list[tuple[int, object]] = []
    while (records := source.poll(timeout_s=0.0)) is not None:
        assert records.lenient
        rows += zip(records.offset_N.tolist(), records.values, strict=True)
    source.close()
    return rows


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.csv"


def test_row_with_too_many_or_too_few_cells_is_malformed(path: Path) -> None:
    assert rows_of(path, b"a,b\n1\n2,3\n4,5,6\r\n7,8\n") == [
        (0, {"": "1"}),
        (1, {"a": "2", "b": "3"}),
        (2, {"": "4,5,6"}),
        (3, {"a": "7", "b": "8"}),
    ]


def test_blank_lines_are_skipped_and_counted(path: Path) -> None:
    assert rows_of(path, b"a,b\n\n1,2\n\r\n3,4\n\n") == [(1, {"a": "1", "b": "2"}), (3, {"a": "3", "b": "4"})]


def test_row_of_empty_cells_is_not_blank(path: Path) -> None:
    assert rows_of(path, b"a\tb\n\t\n", delimiter="\t") == [(0, {"a": "", "b": ""})]


def test_one_column(path: Path) -> None:
    assert rows_of(path, b"a\n1\n\n2\n") == [(0, {"a": "1"}), (2, {"a": "2"})]


def test_quoted_cells_over_several_lines(path: Path) -> None:
    assert rows_of(path, b'a,b\n"1, ""x""\r\n\n2",3\n4,5\n') == [
        (0, {"a": '1, "x"\r\n\n2', "b": "3"}),
        (1, {"a": "4", "b": "5"}),
    ]


def test_a_quote_that_is_never_closed_spoils_only_its_own_row(path: Path) -> None:
    assert rows_of(path, b'a,b\n1,2\n"3,4\n5,6\n7,8\n') == [
        (0, {"a": "1", "b": "2"}),
        (1, {"": '"3,4'}),
        (2, {"a": "5", "b": "6"}),
        (3, {"a": "7", "b": "8"}),
    ]


def test_a_quote_that_is_closed_too_late_spoils_only_its_own_row(path: Path) -> None:
    assert rows_of(path, b'a,b\n"3,4\n5,6\n"7",8\n') == [
        (0, {"": '"3,4'}),
        (1, {"a": "5", "b": "6"}),
        (2, {"a": "7", "b": "8"}),
    ]


def test_a_quote_within_a_cell_is_text(path: Path) -> None:
    assert rows_of(path, b'a,b\n5" disk,2\n') == [(0, {"a": '5" disk', "b": "2"})]


def test_bytes_that_are_not_utf8_are_malformed(path: Path) -> None:
    assert rows_of(path, b"a,b\n\xc3\xa9,1\n\xff,2\n3,4\n") == [
        (0, {"a": "é", "b": "1"}),
        (1, {"": "\\xff,2"}),
        (2, {"a": "3", "b": "4"}),
    ]


def test_a_quoted_cell_of_one_megabyte(path: Path) -> None:
    ((_, row),) = rows_of(path, b'a,b\n"' + b"x\n" * 500_000 + b'",1\n')
    assert row == {"a": "x\n" * 500_000, "b": "1"}


def test_the_limit_of_the_csv_module_is_left_as_it_was(path: Path) -> None:
    limit = csv.field_size_limit()
    rows_of(path, b'a\n"1"\n')
    assert csv.field_size_limit() == limit


def test_header_with_quotes_spaces_and_byte_order_mark(path: Path) -> None:
    assert rows_of(path, b'\xef\xbb\xbf"a, b", c\n1,2\n') == [(0, {"a, b": "1", "c": "2"})]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; a CSV file starts with a line that names its columns"),
        (b"a,b,a\n", "columns 1 and 3 of .* are both called 'a'; rename one"),
        (b"a,,b\n", "column 2 of .* has no name"),
        (b"\n1,2\n", "column 1 of .* has no name"),
        (b'"a,b\n1,2\n', "header that cannot be read"),
        (b"a,\xff\n", "header that cannot be read"),
    ],
)
def test_wrong_header(path: Path, content: bytes, message: str) -> None:
    path.write_bytes(content)
    with pytest.raises(SourceError, match=message):
        CsvSource.Config(path=path).build().open({})


@pytest.mark.parametrize("delimiter", ['"', "\n", "ab", ""])
def test_wrong_delimiter(delimiter: str) -> None:
    with pytest.raises(ValidationError, match="delimiter"):
        CsvSource.Config(path=Path("a.csv"), delimiter=delimiter)


def test_truncated_gzip_gives_the_rows_before_it(tmp_path: Path) -> None:
    text = b"a,b\n" + b"".join(b'%d,"%d"\n' % (i, i * 2654435761 % 2**32) for i in range(20_000))
    packed = gzip.compress(text)
    path = tmp_path / "a.csv.gz"
    path.write_bytes(packed[: len(packed) // 2])
    source = CsvSource.Config(path=path, max_poll_records=1000).build()
    source.open({})
    rows: list[object] = []
    with pytest.raises(SourceError, match="is truncated"):  # noqa: PT012  the error ends the loop
        while (records := source.poll(timeout_s=0.0)) is not None:
            rows += records.values
    source.close()
    assert len(rows) > 1000
    assert rows == [{"a": str(i), "b": str(i * 2654435761 % 2**32)} for i in range(len(rows))]


CELL = st.text(st.sampled_from(['"', ",", "\n", "\r", " ", "a", "é", "\u2028"]), max_size=6)


@given(rows=st.lists(st.tuples(CELL, CELL), max_size=8), max_poll_records=st.integers(1, 9))
def test_reads_whatever_a_csv_writer_writes(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], max_poll_records: int
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([("a", "b"), *rows])
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    found = [row for _, row in rows_of(path, text.getvalue().encode(), max_poll_records)]
    assert found == [{"a": a, "b": b} for a, b in rows]


@given(content=st.binary(max_size=60).map(lambda noise: noise.replace(b"\x00", b'"')), cut=st.integers(1, 5))
def test_noise_gives_the_same_rows_whatever_the_size_of_polls(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, cut: int
) -> None:
    path = tmp_path_factory.mktemp("noise") / "a.csv"
    content = b"a,b\n" + content.replace(b"\x01", b"\n").replace(b"\x02", b",")
    assert rows_of(path, content, cut) == rows_of(path, content, 1000)
