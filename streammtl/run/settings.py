"""The settings of a component as texts: what `streammtl explain` prints and what the reference pages hold."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from streammtl.config_places import alternatives_at, default_kind, family_at, item_at, kinds_at, names_of, place_of
from streammtl.config_schema import schema_of

_WORDS = {
    "boolean": "true | false",
    "integer": "whole number",
    "null": "null",
    "number": "number",
    "object": "settings",
    "string": "text",
}
_BOUNDS = (("minimum", ">="), ("exclusiveMinimum", ">"), ("maximum", "<="), ("exclusiveMaximum", "<"))


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting, for people."""

    name: str
    default: str
    allowed: str  # the type and the bounds; of a setting that holds a component, its family
    description: str
    family: str | None  # of the component that it holds
    choices: tuple[tuple[str, type[BaseModel]], ...]  # by how each is written: settings of one of several kinds
    within: tuple[type[BaseModel], ...]  # settings that stand below it


def settings_of(model: type[BaseModel]) -> list[Setting]:
    """The settings of a component or of a section, in their order; without `kind`."""
    schema = schema_of(model)
    definitions = schema.get("$defs", {})
    # Settings that may hold others of their own kind are written as a reference to themselves.
    properties = (definitions[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema)["properties"]
    found = []
    for name, field in zip(names_of(model), model.model_fields.values(), strict=True):
        if name == "kind":
            continue
        place = place_of(field)
        family = family_at(place) or family_at(item_at(place))
        allowed = _allowed(properties[name], definitions)
        choices: list[tuple[str, type[BaseModel]]] = []
        if family is None:
            choices += [(f"{{kind: {kind}, ...}}", settings) for kind, settings in kinds_at(place).items()]
            choices += [(f"[{{kind: {kind}, ...}}]", settings) for kind, settings in kinds_at(item_at(place)).items()]
        else:
            allowed = f"{family}{'; or null' if '| null' in allowed else ''}"
        within = () if family is not None else tuple(models_in(field))
        found.append(Setting(name, _default(field), allowed, field.description or "", family, tuple(choices), within))
    return found


def models_in(field: FieldInfo) -> list[type[BaseModel]]:
    """The settings that stand below a setting without a kind that chooses them."""
    place = place_of(field)
    return (
        []
        if kinds_at(place)
        else [a for a in alternatives_at(place) if inspect.isclass(a) and issubclass(a, BaseModel)]
    )


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "(required)"
    kind = default_kind(field)
    default = field.get_default(call_default_factory=True)
    if isinstance(default, BaseModel) and "kind" in _written(default):
        return flow_yaml(default) if len(_written(default)) > 1 else str(kind)
    if kind is not None:
        return kind
    return "(below)" if isinstance(default, BaseModel) else flow_yaml(default)


def flow_yaml(value: Any) -> str:
    """A value as YAML in one line; of settings their kind, and what is not as it is by default.

    >>> flow_yaml((64, None, "a"))
    '[64, null, a]'
    """
    if isinstance(value, BaseModel):
        return flow_yaml(_written(value))
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {flow_yaml(item)}' for key, item in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(flow_yaml, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _written(settings: BaseModel) -> dict[str, Any]:
    fields = type(settings).model_fields.items()
    values = {name: (getattr(settings, name), field.get_default(call_default_factory=True)) for name, field in fields}
    return {name: value for name, (value, default) in values.items() if name == "kind" or value != default}


def _allowed(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """Type and bounds of a setting, from its JSON schema."""
    if "$ref" in schema:
        return _allowed(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "discriminator" in schema:
        return " | ".join(schema["discriminator"]["mapping"])
    choices = schema.get("anyOf", schema.get("oneOf"))
    if choices is not None:
        # Beside a choice of settings by kind stands an `enum` of the kinds that may be given alone.
        is_choice = any("discriminator" in choice for choice in choices)
        words = [_allowed(choice, definitions) for choice in choices if not (is_choice and "enum" in choice)]
        return " | ".join(dict.fromkeys(words))
    if "enum" in schema or "const" in schema:
        return " | ".join(flow_yaml(choice) for choice in schema.get("enum", [schema.get("const")]))
    match schema.get("type"):
        case "array":
            return f"list of: {_allowed(schema.get('items', {}), definitions)}"
        case "object" if "properties" not in schema:
            return f"NAME: {_allowed(schema.get('additionalProperties', {}), definitions)}"
    word = "path" if schema.get("format") == "path" else _WORDS.get(schema.get("type", ""), "any value")
    if "minimum" in schema and "maximum" in schema:
        return f"{word} {_figure(schema['minimum'])} to {_figure(schema['maximum'])}"
    return " ".join([word, *(f"{sign} {_figure(schema[key])}" for key, sign in _BOUNDS if key in schema)])


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"
