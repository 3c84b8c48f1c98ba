"""As much of JSON Schema (draft 2020-12) as the schema of configurations uses; anything else in it is a failure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "array": (list,),
    "boolean": (bool,),
    "integer": (int,),
    "null": (type(None),),
    "number": (int, float),
    "object": (dict,),
    "string": (str,),
}
_SILENT = {"$schema", "$defs", "title", "description", "default", "discriminator", "format", "examples"}


def problems(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any], at: str = "$") -> Iterator[str]:
    """What is wrong with `value`."""
    for word, rule in schema.items():
        if word in _SILENT:
            continue
        yield from (f"{at}: {problem}" for problem in _check(value, word, rule, schema, root, at))


def _check(
    value: Any, word: str, rule: Any, schema: Mapping[str, Any], root: Mapping[str, Any], at: str
) -> Iterator[str]:
    match word:
        case "$ref":
            yield from problems(value, root["$defs"][rule.removeprefix("#/$defs/")], root, at)
        case "type":
            if not isinstance(value, _TYPES[rule]) or (rule in ("integer", "number") and isinstance(value, bool)):
                yield f"{value!r} is no {rule}"
        case "enum" | "const":
            if value not in (rule if word == "enum" else [rule]):
                yield f"{value!r} is not {rule}"
        case "anyOf" | "oneOf":
            n_right = sum(not list(problems(value, choice, root, at)) for choice in rule)
            if n_right == 0 or (word == "oneOf" and n_right > 1):
                yield f"{value!r} fits {n_right} of {len(rule)}"
        case "properties" | "additionalProperties" | "required" | "minProperties":
            yield from _check_object(value, word, rule, schema, root, at)
        case "items" | "minItems" | "maxItems":
            yield from _check_list(value, word, rule, root, at)
        case "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum":
            within = {
                "minimum": "__ge__",
                "exclusiveMinimum": "__gt__",
                "maximum": "__le__",
                "exclusiveMaximum": "__lt__",
            }
            if isinstance(value, int | float) and not getattr(float(value), within[word])(float(rule)):
                yield f"{value} breaks {word} {rule}"
        case "minLength" | "maxLength":
            if isinstance(value, str) and (len(value) < rule if word == "minLength" else len(value) > rule):
                yield f"{value!r} breaks {word} {rule}"
        case "pattern":
            if isinstance(value, str) and not re.search(rule, value):
                yield f"{value!r} is not like {rule}"
        case _:
            yield f"the schema uses {word!r}, which is not checked here"


def _check_object(
    value: Any, word: str, rule: Any, schema: Mapping[str, Any], root: Mapping[str, Any], at: str
) -> Iterator[str]:
    if not isinstance(value, dict):
        return
    known = schema.get("properties", {})
    match word:
        case "properties":
            for name in value.keys() & rule.keys():
                yield from problems(value[name], rule[name], root, f"{at}.{name}")
        case "additionalProperties":
            for name in value.keys() - known.keys():
                if rule is False:
                    yield f"{name} is not allowed"
                elif rule is not True:
                    yield from problems(value[name], rule, root, f"{at}.{name}")
        case "required":
            yield from (f"{name} is missing" for name in rule if name not in value)
        case "minProperties":
            if len(value) < rule:
                yield "too few"


def _check_list(value: Any, word: str, rule: Any, root: Mapping[str, Any], at: str) -> Iterator[str]:
    if not isinstance(value, list):
        return
    if word == "items":
        for i, item in enumerate(value):
            yield from problems(item, rule, root, f"{at}[{i}]")
    elif len(value) < rule if word == "minItems" else len(value) > rule:
        yield f"{len(value)} items break {word} {rule}"
