"""A first configuration from a sample: it can be run as it is, and says why it is as it is."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from streammtl.config import RunConfig
from streammtl.errors import ConfigError
from streammtl.sample import propose

SOURCE = {"kind": "jsonl", "path": "data.jsonl"}


def proposed(rows: list[dict[str, Any]], tasks: tuple[str, ...] = ()) -> tuple[dict[str, Any], str]:
    """The settings, after they were found valid, and the text."""
    text = propose(rows, SOURCE, tasks)
    settings = yaml.safe_load(text)
    RunConfig.parse(yaml.safe_load(text), environment={})
    return settings, text


def make_rows(n: int = 200, **fields: list[Any]) -> list[dict[str, Any]]:
    """Rows whose fields run through the given values over and over; `x` is a number, `y_is` a label."""
    base: list[dict[str, Any]] = [{"x": (i * 37) % 101 / 10, "y_is": i % 2} for i in range(n)]
    return [row | {name: values[i % len(values)] for name, values in fields.items()} for i, row in enumerate(base)]


def test_id_time_and_entity_are_found() -> None:
    rows = make_rows(customer_id=list(range(20)))
    rows = [row | {"tx_id": f"t{i}", "created_at": 1_700_000_000 + 60 * i} for i, row in enumerate(rows)]
    settings, text = proposed(rows)
    assert settings["schema"]["id"] == "tx_id"
    assert settings["schema"]["time"] == "created_at"
    assert "# entity: customer_id # 20 distinct values in 200 rows" in text
    assert settings["schema"]["features"] == {"x": "numeric"}
    assert "# clock: time" in text


def test_row_numbers_are_neither_time_nor_feature() -> None:
    rows = [row | {"t": i} for i, row in enumerate(make_rows())]
    settings, text = proposed(rows)
    assert "time" not in settings["schema"]
    assert "# t: numeric # only ever grows" in text


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([True, False], "boolean"),
        (["true", "false"], "boolean"),
        ([0, 1], "numeric"),
        ([0.5, 1.5, None], "numeric"),
        (["1.5", "-2", ""], "numeric"),
        ([1.0, 2.0, 3.0, 900.0], {"kind": "numeric", "transform": "log1p_signed"}),
        (["DE", "FR", None], {"kind": "categorical", "table_size": 1024}),
        ([f"lost card no {i} again" for i in range(200)], "text"),
        ([[1.0, 2.0], [3, 4]], {"kind": "vector", "length": 2}),
        (["[1.0, 2.0]"], {"kind": "vector", "length": 2}),
        (["2024-01-02", "2023-05-05T12:00:00"], {"kind": "time", "field": "f"}),
        ([[1.0], [1.0, 2.0]], None),
        ([{"a": 1}], None),
        ([None], None),
        ([f"u{i}" for i in range(200)], None),
    ],
)
def test_feature_goes_by_its_values(values: list[Any], expected: Any) -> None:
    settings, text = proposed(make_rows(f=values))
    assert settings["schema"]["features"].get("f") == expected
    assert "    f: " in text or "    # f: " in text


def test_code_of_numbers_is_a_category() -> None:
    assert proposed(make_rows(dow=[0, 1, 2, 3]))[0]["schema"]["features"]["dow"] == "categorical"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 1], "binary"),
        ([True, False, None], "binary"),
        (["0", "1"], "binary"),
        ([3, 20, 100], {"kind": "multiclass", "max_classes": 8}),
        (["a", "b"], {"kind": "multiclass", "max_classes": 8}),
        ([f"c{i}" for i in range(60)], {"kind": "multiclass", "max_classes": 120}),
        (list(range(12)), "count"),
        (list(range(-12, 0)), "regression"),
        ([0.5, 2.5], "regression"),
        ([None], "binary"),
    ],
)
def test_task_goes_by_its_values(values: list[Any], expected: Any) -> None:
    assert proposed(make_rows(y_f=values))[0]["tasks"]["y_f"] == expected


def test_labels_are_known_by_their_names() -> None:
    settings, _ = proposed(make_rows(label=[0, 1], target_amount=[1.5, 2.5], is_online=[True, False]))
    assert list(settings["tasks"]) == ["y_is", "label", "target_amount"]
    assert settings["schema"]["features"]["is_online"] == "boolean"


def test_without_such_names_is_columns_and_then_the_last_are_taken() -> None:
    assert list(proposed([{"a": 0.5, "is_fraud": 1}, {"a": 1.5, "is_fraud": 0}])[0]["tasks"]) == ["is_fraud"]
    settings, text = proposed([{"a": 0.5, "b": 1}, {"a": 1.5, "b": 0}])
    assert list(settings["tasks"]) == ["b"]
    assert "no column is named like a label" in text


def test_asked_tasks_are_taken_and_other_labels_are_no_features() -> None:
    settings, text = proposed(make_rows(z=[1.5, 2.5]), tasks=("z",))
    assert settings["tasks"] == {"z": "regression"}
    assert settings["schema"]["features"] == {"x": "numeric"}
    assert "# y_is: looks like a label" in text


def test_unknown_task_is_refused_with_the_choices() -> None:
    with pytest.raises(ConfigError, match="cannot predict nothing; columns that can be labels: x, y_is"):
        propose(make_rows(), SOURCE, ("nothing",))


@pytest.mark.parametrize("rows", [[], [{"y_a": 1}], [{"a": [1]}]])
def test_sample_without_anything_to_learn_is_refused(rows: list[dict[str, Any]]) -> None:
    with pytest.raises(ConfigError):
        propose(rows, SOURCE)


def test_nested_labels_and_the_kind_of_record_are_found() -> None:
    rows = [{"id": f"a{i}", "what": "event", "amount": i / 7 % 5, "other": 3.5} for i in range(20)]
    labels = [{"id": f"a{i}", "what": "label", "labels": {"fraud": i % 2 == 0}} for i in range(20)]
    settings, _ = proposed([row for pair in zip(rows, labels, strict=True) for row in pair])
    assert settings["schema"] | {"features": None} == {
        "id": "id",
        "record": "what",
        "labels": "labels",
        "features": None,
    }
    assert settings["tasks"] == {"fraud": "binary"}


@pytest.mark.parametrize("name", ["yes", "a: b", "#", "ä b", "1d", "- x", "{", "null", "clock", "'"])
def test_any_name_survives_yaml(name: str) -> None:
    settings, _ = proposed([{name: i / 3, "y_a": i % 2} for i in range(5)])
    assert settings["schema"]["features"] == {name: "numeric"}


def test_name_that_cannot_be_read_is_left_out() -> None:
    settings, text = proposed([row | {'a"b': 1.5} for row in make_rows()])
    assert settings["schema"]["features"] == {"x": "numeric"}
    assert r'# "a\"b": a field of such a name cannot be read' in text
