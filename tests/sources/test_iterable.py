from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from streammtl.errors import ConfigError, SourceError
from streammtl.sources.iterable import IterableSource

PAIRS: list[tuple[dict[str, Any], Any]] = [({"x": 1}, {"y": 2}), ({"x": 3}, None), ({"x": 4}, {})]


def first_poll(source: IterableSource) -> list[object]:
    source.open({})
    records = source.poll(timeout_s=0.0)
    source.close()
    assert records is not None
    return list(records.values)


def test_labels_lie_beside_the_fields_of_the_event() -> None:
    assert first_poll(IterableSource.of(PAIRS)) == [{"x": 1, "y": 2}, {"x": 3}, {"x": 4}]


def test_the_given_mappings_are_not_changed() -> None:
    event = {"x": 1}
    first_poll(IterableSource.of([(event, {"y": 2})]))
    assert event == {"x": 1}


def test_a_bare_label_gets_the_name_that_is_set() -> None:
    assert first_poll(IterableSource.of([({"x": 1}, True)], label="y")) == [{"x": 1, "y": True}]


def test_a_bare_label_without_a_name() -> None:
    with pytest.raises(SourceError, match=r"labels of item 0 of .* are True; .* name its task with label"):
        first_poll(IterableSource.of([({"x": 1}, True)]))


def test_a_label_that_is_also_a_field_of_the_event() -> None:
    with pytest.raises(SourceError, match="'x' is both a field of the event and a label in item 0"):
        first_poll(IterableSource.of([({"x": 1}, {"x": 1})]))


def test_an_item_that_is_no_pair() -> None:
    items: list[Any] = [({"x": 1}, None), {"x": 1}]
    with pytest.raises(SourceError, match=r"item 1 of .* is \{'x': 1\}; expected a pair"):
        first_poll(IterableSource.of(items))


def test_a_function_makes_a_new_iterator_each_time() -> None:
    source = IterableSource.of(lambda: iter(PAIRS))
    assert first_poll(source) == first_poll(source)
    assert source.n_records is None


def test_an_iterator_can_be_opened_once() -> None:
    source = IterableSource.of(iter(PAIRS))
    first_poll(source)
    with pytest.raises(SourceError, match="is an iterator, which can be read only once"):
        source.open({})


def test_a_data_set_of_river_runs_by_its_name() -> None:
    source = IterableSource.Config(dataset="river.datasets:Phishing", label="is_phishing").build()
    source.open({"iterable": 1248})
    records = source.poll(timeout_s=0.0)
    source.close()
    assert records is not None
    assert records.offset_N.tolist() == [1248, 1249]
    assert all("is_phishing" in value and "age_of_domain" in value for value in records.values)


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ("no_such_module:Thing", "cannot import 'no_such_module'"),
        ("river.datasets:NoSuch", "the module 'river.datasets' has no 'NoSuch'"),
        ("math:pi", "math:pi is a float; expected an iterable"),
    ],
)
def test_a_data_set_that_is_not_there(dataset: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        IterableSource.Config(dataset=dataset).build().open({})


def test_a_name_without_a_module() -> None:
    with pytest.raises(ValidationError, match="dataset"):
        IterableSource.Config(dataset="Phishing")


def test_a_configuration_without_a_data_set() -> None:
    with pytest.raises(ConfigError, match="needs dataset: module:name"):
        IterableSource.Config().build()
