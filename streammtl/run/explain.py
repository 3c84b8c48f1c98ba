"""What there is to configure, for people: the components of the families, and the settings of each."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from streammtl.component import FAMILIES, Component, members
from streammtl.config import RunConfig
from streammtl.config_errors import nearest
from streammtl.config_places import names_of
from streammtl.errors import ConfigError
from streammtl.run.settings import models_in, settings_of

#: Where the components of a family stand in a configuration.
USED_IN = {
    "features": "schema.features.NAME",
    "tasks": "tasks.NAME",
    "models": "model",
    "weighting": "weighting",
    "metrics": "scores.scorers.TASK",
    "drift": "drift.error, drift.features, drift.predictions",
    "worlds": "source.world, with the source simulator",
    "changes": "source.changes, with the source changed; replay --inject",
    "sources": "source",
    "sinks": "sink.predictions, sink.metrics, sink.rejects",
    "peers": "streammtl compare --peers",
}


def print_components(console: Console, family: str | None) -> None:
    """The kinds of a family, or of all, each with the first line of its documentation."""
    for name in FAMILIES if family is None else (family,):
        components = _members(name)
        console.print(Text.assemble((name, "bold"), (f"  {USED_IN[name]}", "dim")), soft_wrap=True)
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
    known_sections = sections()
    if family not in (*FAMILIES, *known_sections):
        raise ConfigError(f"there is nothing called {what!r} to explain; {nearest(what, {*FAMILIES, *known_sections})}")
    if family in FAMILIES:
        _print_family(console, family)
    if family in known_sections:
        _print_section(console, family, known_sections[family])


def _members(family: str) -> Mapping[str, type[Component]]:
    if family not in FAMILIES:
        raise ConfigError(f"there is no family {family!r}; {nearest(family, FAMILIES)}")
    return members(family)


def sections() -> dict[str, FieldInfo]:
    """The parts of a configuration that have settings of their own and are not a choice of a family's component."""
    fields = zip(names_of(RunConfig), RunConfig.model_fields.values(), strict=True)
    return {name: field for name, field in fields if models_in(field)}


def _print_component(console: Console, family: str, kind: str, component: type[Component]) -> None:
    console.print(f"{family}/{kind}", style="bold", highlight=False)
    console.print(Text(f"used in {USED_IN[family]}", "dim"))
    _print_documentation(console, component)
    _print_settings(console, component.Config)


def _print_family(console: Console, family: str) -> None:
    known = _members(family)
    console.print(Text.assemble((family, "bold"), (f"  used in {USED_IN[family]}", "dim")), soft_wrap=True)
    for base in dict.fromkeys(base for component in known.values() for base in component.__mro__[1:]):
        if base.__dict__.get("family") == family:
            _print_documentation(console, base)
    console.print(_kinds_table(known))
    example = next(iter(known), "KIND")
    console.print(Text(f"Settings of one of them: streammtl explain {family}/{example}", "dim"), soft_wrap=True)


def _print_section(console: Console, section: str, field: FieldInfo) -> None:
    console.print(Text.assemble((section, "bold"), ("  a section of the configuration", "dim")), soft_wrap=True)
    console.print(Padding(Text(field.description or ""), (1, 0), expand=False))
    for model in models_in(field):
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
    for setting in settings_of(model):
        allowed = setting.allowed if setting.family is None else f"see streammtl explain {setting.allowed}"
        head = Text.assemble((setting.name, "bold"), f" = {setting.default}   ", (allowed, "dim"))
        console.print(Padding(head, (0, 0, 0, indent), expand=False))
        console.print(Padding(Text(setting.description), (0, 0, 0, indent + 4), expand=False))
        for shown, settings in setting.choices:
            console.print(Padding(Text(f"{setting.name}: {shown}"), (0, 0, 0, indent + 4), expand=False))
            _print_settings(console, settings, indent + 6)
        for settings in setting.within:
            _print_settings(console, settings, indent + 4)
