"""The project's modules and what they import, read from their source without running it."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

#: Where packages lie.
PACKAGES = (ROOT / "streammtl", ROOT / "simulators" / "streammtl_simulators")


@dataclass(frozen=True)
class Import:
    """One imported module; `from a import b` is `a.b` where that is a module of the project, otherwise `a`."""

    name: str
    line: int
    when: str  # "at import", "later" (inside a function), or "for types"


@dataclass(frozen=True)
class Module:
    """One source file."""

    name: str
    path: Path
    tree: ast.Module

    @property
    def place(self) -> str:
        """Where it lies, from the project's root."""
        return self.path.relative_to(ROOT).as_posix()


@functools.cache
def modules() -> dict[str, Module]:
    """Every module by its dotted name."""
    found = {}
    for package in PACKAGES:
        for path in sorted(package.rglob("*.py")):
            name = ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__")
            found[name] = Module(name, path, ast.parse(path.read_text(encoding="utf-8"), str(path)))
    return found


@functools.cache
def imports(name: str) -> tuple[Import, ...]:
    """What a module imports, anywhere in it."""
    return tuple(_imports_in(modules()[name].tree, "at import"))


def _imports_in(node: ast.AST, when: str) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, when) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert not child.level, "imports are absolute"
            for alias in child.names:
                inner = f"{child.module}.{alias.name}"
                yield Import(inner if inner in modules() else str(child.module), child.lineno, when)
        elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield from _imports_in(child, "later")
        elif isinstance(child, ast.If) and _is_for_types(child.test):
            for statement in child.body:
                yield from _imports_in(ast.Module([statement], []), "for types")
        else:
            yield from _imports_in(child, when)


def _is_for_types(test: ast.expr) -> bool:
    return ast.unparse(test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


@functools.cache
def is_component(name: str) -> bool:
    """Whether the module declares a component: a class with a nested `Config` that has a `kind`."""
    return any(
        isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and field.target.id == "kind"
        for owner in modules()[name].tree.body
        if isinstance(owner, ast.ClassDef)
        for config in owner.body
        if isinstance(config, ast.ClassDef) and config.name == "Config"
        for field in config.body
    )
