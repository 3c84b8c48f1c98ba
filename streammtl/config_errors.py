"""Configuration mistakes in words: the key, the value, what is allowed, and the nearest valid spelling."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from streammtl.config_places import (
    below,
    chosen,
    field_of,
    is_choice,
    kinds_at,
    model_at,
    names_at,
    names_of,
    place_of,
)
from streammtl.config_yaml import Key

_MAX_SHOWN = 80  # characters of a value in a message

#: What is expected, by the type of pydantic's error; in braces the error's own figures.
_EXPECTED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "finite_number": "a finite number",
    "float_parsing": "a number",
    "float_type": "a number",
    "greater_than": "a value > {gt}",
    "greater_than_equal": "a value >= {ge}",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "less_than": "a value < {lt}",
    "less_than_equal": "a value <= {le}",
    "list_type": "a list",
    "literal_error": "{expected}",
    "model_attributes_type": "a mapping of settings",
    "model_type": "a mapping of settings",
    "path_type": "a path",
    "string_too_long": "text of at most {max_length} character(s)",
    "string_too_short": "text of at least {min_length} character(s)",
    "string_type": "text",
    "too_long": "at most {max_length} item(s)",
    "too_short": "at least {min_length} item(s)",
    "tuple_type": "a list",
}


def explain_error(
    error: ValidationError,
    model: type[BaseModel],
    settings: Any,
    where: str,
    origin: Callable[[Key], str | None] = lambda key: None,
) -> str:
    """All mistakes of a validation, one per line, each with its key; `origin` says where a setting came from."""
    by_key: dict[Key, list[str]] = {}
    details = error.errors(include_url=False)
    for detail in details:
        if _is_echo(detail, details):
            continue
        key, place, owner = _walk(detail["loc"], model, settings)
        by_key.setdefault(key, []).append(_explain(detail, key, place, owner, _value_at(settings, key), model))
    lines = []
    for key, messages in by_key.items():
        came_from = origin(key)
        place = f"{shown_key(key)}{f' ({came_from})' if came_from else ''}: " if key else ""
        lines.append(f"{place}{_join(messages)}")
    return "\n".join(
        [f"{where}: {len(lines)} mistake{'s' if len(lines) > 1 else ''}", *(f"  {line}" for line in lines)]
    )


def nearest(word: str, allowed: Iterable[str]) -> str:
    """`did you mean ...?` when one of `allowed` is close to `word`, and what is allowed.

    >>> nearest("hiden", ["hidden", "kind"])
    "did you mean 'hidden'? allowed: hidden, kind"
    """
    allowed = sorted(allowed)
    by_small = {name.lower(): name for name in allowed}
    close = difflib.get_close_matches(word.lower(), by_small, n=1, cutoff=0.6)
    hint = f"did you mean {by_small[close[0]]!r}? " if close else ""
    return f"{hint}allowed: {', '.join(allowed)}"


def shown_key(key: Key) -> str:
    """A key as users write it.

    >>> shown_key(("source", "path", 1))
    'source.path[1]'
    """
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part or '""'
    return text


def shown_value(value: Any) -> str:
    """A value as JSON, cut to a line's length."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def _is_echo(detail: ErrorDetails, details: Sequence[ErrorDetails]) -> bool:
    """Whether a list is said to be too short only because items with mistakes in them do not count."""
    at = detail["loc"]
    return detail["type"] == "too_short" and any(
        len(other["loc"]) > len(at) and other["loc"][: len(at)] == at for other in details
    )


def _explain(
    detail: ErrorDetails, key: Key, place: Any, owner: type[BaseModel] | None, found: Any, root: type[BaseModel]
) -> str:
    match detail["type"]:
        case "extra_forbidden":
            return _unknown_setting(key, owner, root)
        case "missing":
            return _missing(key, owner)
        case "union_tag_invalid":
            tag = detail["ctx"]["tag"]
            return f"the kind {tag!r} is not known; {nearest(tag, kinds_at(place))}"
        case "union_tag_not_found":
            return f"has no kind; allowed: {', '.join(sorted(kinds_at(place)))}"
        case "value_error" | "assertion_error":
            message = detail["msg"].removeprefix("Value error, ")
            # About several settings at once, or about a value that the message shows itself.
            is_said = isinstance(found, Mapping | BaseModel) or "found" in message
            return message if is_said else f"{message}, found {shown_value(found)}"
    kinds = kinds_at(place)
    if kinds and detail["type"] == "model_attributes_type":
        return f"expected a kind, or a mapping with a kind, found {shown_value(found)}; {nearest(str(found), kinds)}"
    expected = _EXPECTED.get(detail["type"])
    if expected is None:
        return f"{detail['msg'][:1].lower()}{detail['msg'][1:]}, found {shown_value(found)}"
    limits = {
        name: int(x) if isinstance(x, float) and x.is_integer() else x for name, x in detail.get("ctx", {}).items()
    }
    hint = _hint(found, re.findall(r"'([^']+)'", str(limits.get("expected", ""))))
    return f"expected {expected.format(**limits)}, found {shown_value(found)}{hint}"


def _hint(found: Any, words: Sequence[str]) -> str:
    close = difflib.get_close_matches(str(found).lower(), words, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _unknown_setting(key: Key, owner: type[BaseModel] | None, root: type[BaseModel]) -> str:
    name = str(key[-1])
    if owner is None:
        return "there is no such setting"
    kind = owner.model_fields.get("kind")
    who = "there is no such setting" if kind is None else f"{kind.default} has no such setting"
    homes = [] if difflib.get_close_matches(name, names_of(owner)) else _homes(name, root)
    elsewhere = f" here, but there is {' and '.join(homes)}" if homes else ""
    return f"{who}{elsewhere}; {nearest(name, names_of(owner))}"


def _homes(name: str, root: type[BaseModel]) -> list[str]:
    """The sections of a configuration that have a setting of this name."""
    return [
        f"{field.alias or section}.{name}"
        for section, field in root.model_fields.items()
        if name in names_at(place_of(field), None)
    ]


def _missing(key: Key, owner: type[BaseModel] | None) -> str:
    field = None if owner is None else field_of(owner, key[-1])
    sentence = "" if field is None else (field.description or "").partition(". ")[0].rstrip(".")
    meaning = f" ({sentence})" if sentence else ""
    kinds = {} if field is None else kinds_at(place_of(field))
    choice = f"; kinds: {', '.join(sorted(kinds))}" if kinds else ""
    return f"is missing and has no default{meaning}{choice}"


def _join(messages: Sequence[str]) -> str:
    """One message about a place where several types may stand, none of which fits."""
    if len(messages) > 1 and all(m.startswith("expected ") and ", found " in m for m in messages):
        expected = [m.removeprefix("expected ").partition(", found ")[0] for m in messages]
        return f"expected {' or '.join(dict.fromkeys(expected))}, found {messages[0].partition(', found ')[2]}"
    return "; ".join(dict.fromkeys(messages))


def _walk(
    location: Sequence[str | int], model: type[BaseModel], settings: Any
) -> tuple[Key, Any, type[BaseModel] | None]:
    """The key as the user wrote it, the place of its value, and the model that its last part belongs to.

    In pydantic's locations the branches of choices (the kind of a component) stand between the keys.
    """
    key: Key = ()
    place: Any = model
    owner: type[BaseModel] | None = None
    for part in location:
        if part == "[key]":  # pydantic's mark of a mistake in a key itself
            continue
        if is_choice(place):
            place = chosen(place, part)
            continue
        value = _value_at(settings, key)
        owner, place, key = model_at(place, value), below(place, part, value), (*key, part)
    return key, place, owner


def _value_at(settings: Any, key: Key) -> Any:
    value = settings
    for part in key:
        if isinstance(part, int) and isinstance(value, Sequence) and not isinstance(value, str) and part < len(value):
            value = value[part]
        elif isinstance(value, Mapping):
            value = value.get(str(part))
        else:
            return value if isinstance(value, str) else None  # a text that the setting takes apart itself
    return value
