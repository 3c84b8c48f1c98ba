from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
from pydantic import ValidationError

from streammtl.errors import MissingExtraError, SinkError
from streammtl.sinks.base import Documents, Sink
from streammtl.sinks.csv import CsvSink
from streammtl.sinks.jsonl import JsonlSink
from streammtl.sinks.parquet import ParquetSink


def write(sink: Sink, *documents: dict[str, Any]) -> None:
    sink.open(None)
    try:
        for document in documents:
            sink.publish(Documents([str(document.get("id"))], [document]))
    finally:
        sink.close()


def test_a_new_run_replaces_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("old\n" * 100)
    write(JsonlSink.Config(path=path).build(), {"id": "a"})
    assert path.read_text() == '{"id":"a"}\n'


def test_a_torn_write_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    sink = JsonlSink.Config(path=path).build()
    sink.open(None)
    sink.publish(Documents(["a"], [{"id": "a"}]))
    position = sink.flush()
    sink.close()
    with path.open("ab") as file:
        file.write(b'{"id":"b')
    sink.open(position)
    sink.publish(Documents(["b"], [{"id": "b"}]))
    sink.close()
    assert path.read_text() == '{"id":"a"}\n{"id":"b"}\n'


def test_a_file_that_is_shorter_than_the_position_is_refused_and_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("123")
    with pytest.raises(SinkError, match="has 3 bytes, but the checkpoint to resume from has 9 bytes of it"):
        JsonlSink.Config(path=path).build().open({"bytes": 9})
    assert path.read_text() == "123"


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="Is a directory"):
        JsonlSink.Config(path=tmp_path).build().open(None)


def test_a_file_in_the_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(SinkError, match=r"cannot open .*a/b\.jsonl for writing"):
        JsonlSink.Config(path=tmp_path / "a" / "b.jsonl").build().open(None)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").symlink_to("/dev/full")
    sink = JsonlSink.Config(path=tmp_path / "a.jsonl").build()
    with pytest.raises(SinkError, match=r"a\.jsonl"):
        write(sink, {"id": "a"})


@pytest.mark.parametrize("kind", [JsonlSink, CsvSink])
def test_a_compressed_name_is_refused(kind: type[JsonlSink]) -> None:
    with pytest.raises(ValidationError, match=r"take the \.gz off the name"):
        kind.Config(path=Path("a.gz"))


def test_numpy_values_are_written_as_numbers(tmp_path: Path) -> None:
    document = {"id": np.int64(7), "x": np.float32(0.5), "v": np.array([1.0, 2.0]), "ok": np.bool_(True)}
    write(JsonlSink.Config(path=tmp_path / "a.jsonl").build(), document)
    assert (tmp_path / "a.jsonl").read_text() == '{"id":7,"x":0.5,"v":[1.0,2.0],"ok":true}\n'
    write(CsvSink.Config(path=tmp_path / "a.csv").build(), document)
    assert (tmp_path / "a.csv").read_text() == 'id,x,v,ok\n7,0.5,"[1.0,2.0]",true\n'


def test_a_document_that_is_not_json_names_its_key(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"the document 'a' cannot be written as JSON: a type has no form in JSON"):
        write(JsonlSink.Config(path=tmp_path / "a.jsonl").build(), {"id": "a", "x": object})
    assert (tmp_path / "a.jsonl").read_bytes() == b""


def test_csv_refuses_a_field_that_is_not_a_column(tmp_path: Path) -> None:
    sink = CsvSink.Config(path=tmp_path / "a.csv").build()
    with pytest.raises(SinkError, match=r"the document 'b' has the field 'y.z', which is not a column"):
        write(sink, {"id": "a", "x": 1}, {"id": "b", "y": {"z": 2}})
    assert (tmp_path / "a.csv").read_text() == "id,x\na,1\n"


def test_csv_takes_the_columns_that_are_set(tmp_path: Path) -> None:
    sink = CsvSink.Config(path=tmp_path / "a.csv", columns=("y.z", "id")).build()
    write(sink, {"id": "a"}, {"id": "b", "y": {"z": 2}})
    assert (tmp_path / "a.csv").read_text() == "y.z,id\n,a\n2,b\n"


def test_csv_columns_that_change_on_resume_are_refused(tmp_path: Path) -> None:
    CsvSink.Config(path=tmp_path / "a.csv", columns=("id",)).build().close()
    (tmp_path / "a.csv").write_text("id\na\n")
    sink = CsvSink.Config(path=tmp_path / "a.csv", columns=("id", "x")).build()
    with pytest.raises(SinkError, match="was begun with the columns id, but columns now asks for id, x"):
        sink.open({"bytes": 5, "columns": ["id"]})


def test_two_values_for_one_column_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"two values for the column 'a\.b'"):
        write(CsvSink.Config(path=tmp_path / "a.csv").build(), {"a": {"b": 1}, "a.b": 2})


def kinds_in(path: Path) -> dict[str, str]:
    schema = pyarrow.parquet.read_schema(path)
    return {name: str(kind) for name, kind in zip(schema.names, schema.types, strict=True)}


def test_parquet_columns_keep_their_kinds_over_all_files(tmp_path: Path) -> None:
    sink = ParquetSink.Config(path=tmp_path / "out", rows_per_part=1).build()
    write(
        sink,
        {"id": "a", "n": 1, "x": None, "ok": True},
        {"id": "b", "n": 1.5, "x": "late", "ok": None},
        {"id": None, "tags": ["t"]},
    )
    names = [f"out-{number:06}.parquet" for number in (1, 2, 3)]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    first, second, third = (kinds_in(tmp_path / "out" / name) for name in names)
    assert first == {"id": "string", "n": "double", "x": "double", "ok": "bool"}
    assert second == first | {"x": "string"}
    assert third == second | {"tags": "string"}


def test_parquet_refuses_a_value_of_another_kind(tmp_path: Path) -> None:
    sink = ParquetSink.Config(path=tmp_path / "out").build()
    with pytest.raises(SinkError, match=r"'b' has the text 'two' in the column 'n' of .*, which held a number before"):
        write(sink, {"id": "a", "n": 1}, {"id": "b", "n": "two"})


def test_parquet_leaves_other_files_in_its_folder_alone(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    for name in ("notes.txt", "other-000001.parquet", "out-000009.parquet", "out-000002.parquet.unfinished"):
        (folder / name).touch()
    write(ParquetSink.Config(path=folder).build(), {"id": "a"})
    assert sorted(path.name for path in folder.iterdir()) == ["notes.txt", "other-000001.parquet", "out-000001.parquet"]


def test_parquet_needs_all_files_before_the_position(tmp_path: Path) -> None:
    sink = ParquetSink.Config(path=tmp_path / "out", rows_per_part=1).build()
    write(sink, {"id": "a"}, {"id": "b"}, {"id": "c"})
    (tmp_path / "out" / "out-000001.parquet").unlink()
    with pytest.raises(SinkError, match=r"out-000001\.parquet is gone"):
        sink.open({"parts": 2, "columns": [["id", "text"]]})
    assert (tmp_path / "out" / "out-000003.parquet").exists()


def test_parquet_without_pyarrow_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'streammtl\[parquet\]'"):
        ParquetSink.Config(path=Path("out")).build()
