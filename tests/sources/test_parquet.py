from __future__ import annotations

import datetime
import decimal
import sys
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from streammtl.errors import MissingExtraError, SourceError
from streammtl.sources.parquet import ParquetSource


def test_values_are_those_of_json(tmp_path: Path) -> None:
    when = datetime.datetime(2024, 2, 29, 12, 30, 0, 250_000)
    zone = datetime.timezone(datetime.timedelta(hours=2))
    table = pyarrow.table(
        {
            "naive": [when, None],
            "zoned": [when.replace(tzinfo=zone), None],
            "day": [when.date(), None],
            "price": [decimal.Decimal("1.50"), None],
            "vector": [[1.0, 2.0], None],
            "nested": [{"a": 1}, None],
            "flag": [True, None],
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    source = ParquetSource.Config(path=tmp_path / "a.parquet").build()
    source.open({})
    records = source.poll(timeout_s=0.0)
    source.close()
    assert records is not None
    assert not records.lenient
    assert list(records.values) == [
        {
            "naive": "2024-02-29T12:30:00.250000Z",
            "zoned": "2024-02-29T10:30:00.250000Z",
            "day": "2024-02-29",
            "price": 1.5,
            "vector": [1.0, 2.0],
            "nested": {"a": 1},
            "flag": True,
        },
        dict.fromkeys(table.column_names),
    ]


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("a,b\n1,2\n")
    with pytest.raises(SourceError, match="cannot be read as Parquet"):
        ParquetSource.Config(path=tmp_path / "a.parquet").build().open({})


def test_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    table = pyarrow.Table.from_arrays([pyarrow.array([1]), pyarrow.array([2])], names=["a", "a"])
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(SourceError, match="two called 'a'"):
        ParquetSource.Config(path=tmp_path / "a.parquet").build().open({})


def test_damaged_pages_come_after_the_rows_before_them(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pyarrow.table({"a": list(range(2000))})
    pyarrow.parquet.write_table(table, path, row_group_size=1000, use_dictionary=False, compression="gzip")
    second = pyarrow.parquet.read_metadata(path).row_group(1).column(0).data_page_offset
    content = bytearray(path.read_bytes())
    content[second : second + 200] = b"\xff" * 200
    path.write_bytes(content)
    source = ParquetSource.Config(path=path).build()
    source.open({})
    records = source.poll(timeout_s=0.0)
    assert records is not None
    assert len(records) == 1000
    for _ in range(2):
        with pytest.raises(SourceError, match="is damaged after row 1000"):
            source.poll(timeout_s=0.0)
    source.close()


def test_without_pyarrow_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'streammtl\[parquet\]'"):
        ParquetSource.Config(path=Path("a.parquet")).build()
