"""The YAML of configurations: YAML 1.2's scalars, every key once, and the line of each."""

from __future__ import annotations

import math
from typing import Any

import pytest

from streammtl.config_yaml import read_yaml
from streammtl.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("no", "no"),
        ("off", "off"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("7", 7),
        ("010", 10),
        ("0x1F", 31),
        ("0o17", 15),
        ("-1.5", -1.5),
        ("1e-3", 0.001),
        (".inf", math.inf),
        ("-.inf", -math.inf),
        ("2011-03-01", "2011-03-01"),
        ("12:30", "12:30"),
        ("'7'", "7"),
        ("[1, {a: b}]", [1, {"a": "b"}]),
        ("&x {a: 1}", {"a": 1}),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: Any) -> None:
    found = read_yaml(text, "f").value
    assert (found, type(found)) == (value, type(value))


def test_nan_is_a_number() -> None:
    assert math.isnan(read_yaml(".nan", "f").value)


def test_every_key_and_item_has_its_line() -> None:
    lines = read_yaml("a: 1\nb:\n  c: [1,\n    2]\n  d: {e: f}\n", "f").lines
    assert lines == {
        ("a",): 1,
        ("b",): 2,
        ("b", "c"): 3,
        ("b", "c", 0): 3,
        ("b", "c", 1): 4,
        ("b", "d"): 5,
        ("b", "d", "e"): 5,
    }


def test_an_alias_is_a_copy_and_a_merge_yields_to_what_is_given() -> None:
    value = read_yaml("a: &x {k: 1, l: 2}\nb: *x\nc: {<<: *x, l: 3}\nd: {<<: [*x, {m: 4}]}\n", "f").value
    assert value["b"] == value["a"]
    assert value["b"] is not value["a"]
    assert value["c"] == {"k": 1, "l": 3}
    assert value["d"] == {"k": 1, "l": 2, "m": 4}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1, 2\nb: 3\n", "f, line 2, column 2: not valid YAML"),
        ("a:\n\t- x\n", "indent with spaces, not tabs"),
        ("a: 1\nb: 2\na: 3\n", "f, line 3, column 1: the key 'a' was given before, in line 1"),
        ("1: x\n", "f, line 1, column 1: the key 1 is not text; write it in quotes"),
        ("true: x\n", "the key true is not text"),
        ("[a]: x\n", "the key (a list or a mapping) is not text"),
        ("a: &x [*x]\n", "an alias stands for something that contains it"),
        ("a: *x\n", "found undefined alias"),
        ("a: !!python/name:os.system x\n", "has no meaning here"),
        ("a: !!int x\n", "'x' is no number"),
        ("a: {<<: 3}\n", "<< takes a mapping"),
        ("a: 1\n---\nb: 2\n", "found another document"),
        ("a: \x01\n", "f: not valid YAML: unacceptable character"),
        ("[" * 5000, "nested too deeply"),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_yaml(text, "f")
    assert str(caught.value).startswith("f")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
