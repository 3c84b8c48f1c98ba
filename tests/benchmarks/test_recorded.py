import gzip
from pathlib import Path

import numpy as np

from benchmarks.recorded import first_rows, read
from streammtl.config import RunConfig


def config_over(path: Path) -> RunConfig:
    return RunConfig.parse(
        {
            "schema": {"id": "id", "features": {"amount": "numeric", "country": "categorical"}},
            "tasks": {"fraud": "binary", "loss": "regression"},
            "source": {"kind": "jsonl", "path": str(path)},
        },
        environment={},
    )


def test_the_first_rows_are_the_header_and_as_many_rows_as_asked(tmp_path: Path) -> None:
    path = tmp_path / "data.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n1,2\n3,4\n5,6\n"))
    assert first_rows(path, 2, tmp_path).read_text() == "a,b\n1,2\n3,4\n"


def test_a_label_of_its_own_is_put_beside_its_event(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    path.write_text(
        '{"id": "a", "amount": 1.5, "loss": 3.0}\n{"id": "b", "amount": 2.5}\n{"id": "a", "fraud": true}\n'
        '{"id": "b", "fraud": false}\n'
    )
    recorded = read(config_over(path))
    assert recorded.dense_ED[:, 0].tolist() == [1.5, 2.5]
    np.testing.assert_array_equal(recorded.labels_ET, [[1.0, 3.0], [0.0, np.nan]])


def test_a_missing_value_is_a_missing_key(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    path.write_text('{"id": "a", "amount": 1.5}\n{"id": "b", "country": "DE"}\n')
    first, second = read(config_over(path)).dictionaries()
    assert first == {"amount": 1.5}
    assert list(second) == ["country"]
