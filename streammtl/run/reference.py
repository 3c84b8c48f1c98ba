"""The reference as Markdown: a page per family with its components, and one of the configuration's sections.

Everything on these pages is in the code: docstrings, fields and their bounds. `streammtl explain` prints the same.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from pydantic import BaseModel

from streammtl.component import FAMILIES, Component, members
from streammtl.run.explain import USED_IN, sections
from streammtl.run.settings import Setting, models_in, settings_of


def pages() -> dict[str, str]:
    """The pages by name, without an ending."""
    return {family: _family_page(family) for family in FAMILIES} | {"configuration": _configuration_page()}


def _family_page(family: str) -> str:
    known = members(family)
    lines = [f"# {family}", "", f"Used in `{USED_IN[family]}`.", ""]
    for base in dict.fromkeys(base for component in known.values() for base in component.__mro__[1:]):
        if base.__dict__.get("family") == family:
            lines += _documentation(base)
    lines += ["| kind | what it is |", "|---|---|"]
    for kind, component in known.items():
        lines.append(f"| [`{kind}`](#{kind}) | {_cell(_first_line(component))} |")
    for kind, component in known.items():
        lines += ["", f"## {kind} {{ #{kind} }}", "", *_documentation(component), *_settings(component.Config)]
    return "\n".join(lines) + "\n"


def _configuration_page() -> str:
    lines = [
        "# Sections of a configuration",
        "",
        "What is not a choice of a component. `streammtl schema` prints all of it as a JSON schema for editors.",
    ]
    for name, field in sections().items():
        lines += ["", f"## {name} {{ #{name} }}", "", field.description or "", ""]
        for model in models_in(field):
            lines += _settings(model)
    return "\n".join(lines) + "\n"


def _first_line(component: type[Component]) -> str:
    return (inspect.getdoc(component) or "").split("\n", 1)[0]


def _documentation(owner: type) -> list[str]:
    """A docstring as Markdown: indented formulas and examples are blocks of code."""
    lines: list[str] = []
    for paragraph in inspect.cleandoc(owner.__doc__ or "").split("\n\n"):
        if not paragraph.strip():
            continue
        rows = paragraph.split("\n")
        if rows[0].startswith(">>>"):
            lines += ["```python", *rows, "```", ""]
        elif all(row.startswith("    ") for row in rows):
            lines += ["```text", *(row.removeprefix("    ") for row in rows), "```", ""]
        else:
            lines += [*rows, ""]
    return lines


def _settings(model: type[BaseModel]) -> list[str]:
    rows = list(_rows(model, ""))
    if not rows:
        return ["It has no settings.", ""]
    head = ["| setting | default | allowed | meaning |", "|---|---|---|---|"]
    return [*head, *rows, ""]


def _rows(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for setting in settings_of(model):
        name = f"{prefix}{setting.name}"
        yield f"| `{name}` | `{_cell(setting.default)}` | {_allowed(setting)} | {_cell(setting.description)} |"
        for shown, settings in setting.choices:
            kind = shown.strip("[]{}").removeprefix("kind: ").partition(",")[0]
            yield f"| `{name}` as `{kind}` | | | |"
            yield from _rows(settings, f"{name}.")
        for settings in setting.within:
            yield from _rows(settings, f"{name}.")


def _allowed(setting: Setting) -> str:
    if setting.family is None:
        return _cell(setting.allowed)
    return f"[{setting.family}]({setting.family}.md){_cell(setting.allowed.removeprefix(setting.family))}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
