"""What there is to configure, for people: the components of the families, and the settings of each."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from streammtl.component import FAMILIES, Component, members
from streammtl.config import RunConfig
from streammtl.config_errors import nearest
from streammtl.config_places import alternatives_at, default_kind, family_at, item_at, kinds_at, names_of, place_of
from streammtl.config_schema import schema_of
from streammtl.errors import ConfigError

#: Where the components of a family stand in a configuration.
_USED_IN = {
    "features": "schema.features.NAME",
    "tasks": "tasks.NAME",
    "models": "model",
    "weighting": "weighting",
    "metrics": "scores.scorers.TASK",
    "drift": "drift.error, drift.features, drift.predictions",
    "worlds": "source.world, with the source simulator",
    "sources": "source",
    "sinks": "sink.predictions, sink.metrics, sink.rejects",
}

_WORDS = {
    "boolean": "true | false",
    "integer": "whole number",
    "null": "null",
    "number": "number",
    "object": "settings",
    "string": "text",
}
_BOUNDS = (("minimum", ">="), ("exclusiveMinimum", ">"), ("maximum", "<="), ("exclusiveMaximum", "<"))


def print_components(console: Console, family: str | None) -> None:
    """The kinds of a family, or of all, each with the first line of its documentation."""
    for name in FAMILIES if family is None else (family,):
        components = _members(name)
        console.print(Text.assemble((name, "bold"), (f"  {_USED_IN[name]}", "dim")), soft_wrap=True)
        console.print(_kinds_table(components))


def explain(console: Console, what: str) -> None:
    """Explain `family/kind`, a family, or a section of the configuration."""
    family, slash, kind = what.partition("/")
    if slash:
        known = _members(family)
        if kind not in known:
            raise ConfigError(f"{what!r}: the family {family} has no {kind!r}; {nearest(kind, known)}")
        _print_component(console, family, kind, known[kind])
        return
    sections = _sections()
    if family not in (*FAMILIES, *sections):
        raise ConfigError(f"there is nothing called {what!r} to explain; {nearest(what, {*FAMILIES, *sections})}")
    if family in FAMILIES:
        _print_family(console, family)
    if family in sections:
        _print_section(console, family, sections[family])


def _members(family: str) -> Mapping[str, type[Component]]:
    if family not in FAMILIES:
        raise ConfigError(f"there is no family {family!r}; {nearest(family, FAMILIES)}")
    return members(family)


def _sections() -> dict[str, FieldInfo]:
    """The parts of a configuration that have settings of their own and are not a choice of a family's component."""
    fields = zip(names_of(RunConfig), RunConfig.model_fields.values(), strict=True)
    return {name: field for name, field in fields if _models_in(field)}


def _print_component(console: Console, family: str, kind: str, component: type[Component]) -> None:
    console.print(f"{family}/{kind}", style="bold", highlight=False)
    console.print(Text(f"used in {_USED_IN[family]}", "dim"))
    _print_documentation(console, component)
    _print_settings(console, component.Config)


def _print_family(console: Console, family: str) -> None:
    known = _members(family)
    console.print(Text.assemble((family, "bold"), (f"  used in {_USED_IN[family]}", "dim")), soft_wrap=True)
    for base in dict.fromkeys(base for component in known.values() for base in component.__mro__[1:]):
        if base.__dict__.get("family") == family:
            _print_documentation(console, base)
    console.print(_kinds_table(known))
    example = next(iter(known), "KIND")
    console.print(Text(f"Settings of one of them: streammtl explain {family}/{example}", "dim"), soft_wrap=True)


def _print_section(console: Console, section: str, field: FieldInfo) -> None:
    console.print(Text.assemble((section, "bold"), ("  a section of the configuration", "dim")), soft_wrap=True)
    console.print(Padding(Text(field.description or ""), (1, 0), expand=False))
    for model in _models_in(field):
        _print_settings(console, model)


def _kinds_table(components: Mapping[str, type[Component]]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column()
    for kind, component in components.items():
        table.add_row(f"  {kind}", Text((inspect.getdoc(component) or "").split("\n", 1)[0]))
    return table


def _print_documentation(console: Console, owner: type) -> None:
    """The docstring without its examples in Python, its paragraphs as wide as the terminal."""
    for paragraph in inspect.cleandoc(owner.__doc__ or "").split("\n\n"):
        if paragraph.startswith(">>>"):
            continue
        console.print()
        for line in _unwrapped(paragraph.split("\n")):
            mark = line[: len(line) - len(line.lstrip(" -"))]
            if not mark:
                console.print(Text(line))
                continue
            row = Table.grid()  # what is indented stays so where it is wrapped
            row.add_column(no_wrap=True)
            row.add_column()
            row.add_row(mark, Text(line[len(mark) :]))
            console.print(row)
    console.print()


def _unwrapped(lines: list[str]) -> list[str]:
    """A paragraph's sentences and list items, each as one line; indented formulas stay as they are."""
    joined = lines[:1]
    for line in lines[1:]:
        is_item = joined[-1].startswith("- ")
        begins = line.startswith("- ") or (line.startswith("  ") != is_item)
        joined = [*joined, line] if begins else [*joined[:-1], f"{joined[-1]} {line.strip()}"]
    return joined


def _print_settings(console: Console, model: type[BaseModel], indent: int = 2) -> None:
    """One setting after the other: name, default, what is allowed; its meaning below; settings within settings."""
    schema = schema_of(model)
    for name, field in zip(names_of(model), model.model_fields.values(), strict=True):
        if name == "kind":
            continue
        place = place_of(field)
        family = family_at(place)
        allowed = _allowed(schema["properties"][name], schema.get("$defs", {}))
        if family is not None:
            allowed = f"see streammtl explain {family}{'; or null' if '| null' in allowed else ''}"
        head = Text.assemble((name, "bold"), f" = {_default(field)}   ", (allowed, "dim"))
        console.print(Padding(head, (0, 0, 0, indent), expand=False))
        console.print(Padding(Text(field.description or ""), (0, 0, 0, indent + 4), expand=False))
        if family is not None:
            continue
        choices = [(f"{{kind: {kind}, ...}}", settings) for kind, settings in kinds_at(place).items()]
        choices += [(f"[{{kind: {kind}, ...}}]", settings) for kind, settings in kinds_at(item_at(place)).items()]
        for shown, settings in choices:
            console.print(Padding(Text(f"{name}: {shown}"), (0, 0, 0, indent + 4), expand=False))
            _print_settings(console, settings, indent + 6)
        for settings in _models_in(field):
            _print_settings(console, settings, indent + 4)


def _models_in(field: FieldInfo) -> list[type[BaseModel]]:
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
