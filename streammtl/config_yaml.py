"""The YAML of configurations: plain values, with the line of every key.

Scalars are read by the core schema of YAML 1.2, not by the rules of 1.1 that PyYAML follows by itself: `yes`, `no`,
`on` and `off` are text (a class may well be called `no`), `1e-3` is a number, `2011-03-01` and `12:30` are text. A key
that is given twice is an error, and so is a key that is not text: both would change without a word what the file means.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, TypeAlias, final

import yaml

from streammtl.errors import ConfigError

#: Where something stands in a configuration: keys, and indices of lists.
Key: TypeAlias = tuple[str | int, ...]

_TAG = "tag:yaml.org,2002:"
_MERGE = f"{_TAG}merge"


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML document as dictionaries, lists and scalars, and the line (from 1) of each key and list item."""

    value: Any
    lines: dict[Key, int] = field(default_factory=dict)


def read_yaml(text: str, where: str) -> Document:
    """The one document of `text`. Raises `ConfigError`, which begins with `where`.

    >>> document = read_yaml("seed: 7\\ntasks:\\n  answer: no\\n", "run.yaml")
    >>> document.value, document.lines[("tasks", "answer")]
    ({'seed': 7, 'tasks': {'answer': 'no'}}, 3)
    """
    try:
        node = yaml.compose(text, Loader=_Loader)
        builder = _Builder(where)
        value = None if node is None else builder.build(node, ())
    except yaml.MarkedYAMLError as error:
        raise ConfigError(f"{_place(where, error.problem_mark)}: not valid YAML: {_explain(error)}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{where}: not valid YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise ConfigError(f"{where}: not a configuration: nested too deeply") from None
    return Document(value, builder.lines)


class _Loader(yaml.SafeLoader):
    """Tells what a plain scalar is by the core schema of YAML 1.2, and knows the merge key `<<` of 1.1."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 PyYAML's own name


for _type, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", list("-+.")),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(f"{_TAG}{_type}", re.compile(f"^(?:{_pattern})$"), _first)


@final
class _Builder:
    def __init__(self, where: str) -> None:
        self.lines: dict[Key, int] = {}
        self._where = where
        self._above: set[int] = set()  # the nodes around the present one: an alias to one of them never ends

    def build(self, node: yaml.Node, key: Key) -> Any:
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if id(node) in self._above:
            raise self._mistake(node, "an alias stands for something that contains it")
        self._above.add(id(node))
        value: Any
        if isinstance(node, yaml.SequenceNode):
            value = []
            for i, item in enumerate(node.value):
                self.lines[(*key, i)] = item.start_mark.line + 1
                value.append(self.build(item, (*key, i)))
        else:
            value = self._mapping(node, key)
        self._above.remove(id(node))
        return value

    def _mapping(self, node: yaml.Node, key: Key) -> dict[str, Any]:
        entries: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                several = value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
                for one in several:
                    if not isinstance(one, yaml.MappingNode):
                        raise self._mistake(one, "<< takes a mapping, or a list of mappings")
                    merged = {**self.build(one, key), **merged}
                continue
            name = self.build(key_node, key)
            if not isinstance(name, str):
                raise self._mistake(key_node, f"the key {_source(key_node)} is not text; write it in quotes")
            if name in entries:
                raise self._mistake(key_node, f"the key {name!r} was given before, in line {self.lines[(*key, name)]}")
            self.lines[(*key, name)] = key_node.start_mark.line + 1
            entries[name] = self.build(value_node, (*key, name))
        return {**entries, **{name: value for name, value in merged.items() if name not in entries}}

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        text = str(node.value)
        match node.tag.removeprefix(_TAG):
            case "str":
                return text
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int" | "float" as kind:
                return self._number(node, kind)
        raise self._mistake(node, f"the tag {node.tag} has no meaning here")

    def _number(self, node: yaml.ScalarNode, kind: str) -> float:
        text = str(node.value)
        try:
            if kind == "float":
                return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
            return int(text, 8 if text.startswith("0o") else 16 if text.startswith("0x") else 10)
        except ValueError:
            raise self._mistake(node, f"{text!r} is no number") from None

    def _mistake(self, node: yaml.Node, text: str) -> ConfigError:
        return ConfigError(f"{_place(self._where, node.start_mark)}: {text}")


def _source(node: yaml.Node) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else "(a list or a mapping)"


def _place(where: str, mark: yaml.Mark | None) -> str:
    return where if mark is None else f"{where}, line {mark.line + 1}, column {mark.column + 1}"


def _explain(error: yaml.MarkedYAMLError) -> str:
    context = f"{error.context}, " if error.context else ""
    begun = error.context_mark
    where = f" (begun in line {begun.line + 1})" if begun is not None and begun is not error.problem_mark else ""
    hint = "; indent with spaces, not tabs" if "'\\t'" in str(error.problem) else ""
    return f"{context}{error.problem}{where}{hint}"
