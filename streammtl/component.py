"""Components: one final class in one file, with a nested frozen `Config` that carries its `kind`.

A *family* (weighting, features, sources, ...) is an abstract class that names itself with `family`; a *component* is a
final subclass whose nested `Config` has a field `kind: Literal["..."]`. Declaring the class registers it. From the
registry follow validation (`OneOf`), the JSON schema, `streammtl list`, `streammtl explain` and the behaviour tests.

    class Equal(Weighting):
        class Config(Weighting.Config):
            kind: Literal["equal"] = "equal"

Members are found by importing every module of the family's package (`streammtl.<family>`), and every module that an
installed distribution names in the entry-point group `streammtl.components`. A module of a family must therefore
import quickly: heavy packages (torch, river, pyarrow) are imported where they are used.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import pkgutil
from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import (
    BaseModel,
    ConfigDict,
    GetCoreSchemaHandler,
    SerializationInfo,
    ValidatorFunctionWrapHandler,
)
from pydantic_core import CoreSchema, core_schema

from streammtl.errors import ConfigError

#: Every family, in the order in which they are listed; each is also a package below `streammtl`.
FAMILIES = (
    "features",
    "tasks",
    "models",
    "weighting",
    "metrics",
    "drift",
    "worlds",
    "changes",
    "sources",
    "sinks",
    "peers",
)

ENTRY_POINT_GROUP = "streammtl.components"


class Settings(BaseModel):
    """A frozen group of settings in which an unknown key, NaN and infinity are errors."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True, populate_by_name=True
    )


class Component(ABC):
    """Base of every family."""

    family: ClassVar[str]

    class Config(Settings):
        """Settings of a component; a component's own adds `kind` and its fields."""

        owner: ClassVar[type[Any]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Register the class when its `Config` carries a `kind`, which makes it a component."""
        super().__init_subclass__(**kwargs)
        config = cls.__dict__.get("Config")
        if config is None or "kind" not in config.model_fields:
            return
        kind = config.model_fields["kind"].default
        config.owner = cls
        members = _REGISTRY.setdefault(cls.family, {})
        known = members.get(kind)
        if known is not None and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            raise ConfigError(
                f"two components are called {cls.family}/{kind}: {known.__module__}.{known.__qualname__} "
                f"and {cls.__module__}.{cls.__qualname__}; rename one of them"
            )
        members[kind] = cls


_REGISTRY: dict[str, dict[str, type[Component]]] = {}


def members(family: str) -> Mapping[str, type[Component]]:
    """The components of a family by kind, in alphabetical order."""
    if family not in FAMILIES:
        raise ConfigError(f"there is no family {family!r}; the families are {', '.join(FAMILIES)}")
    _import_package(family)
    _import_plugins()
    return dict(sorted(_REGISTRY.get(family, {}).items()))


@functools.cache
def _import_package(family: str) -> None:
    package = importlib.import_module(f"streammtl.{family}")
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        if not module.name.rpartition(".")[2].startswith("_"):
            importlib.import_module(module.name)


@functools.cache
def _import_plugins() -> None:
    for entry in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
        entry.load()


@dataclass(frozen=True)
class OneOf:
    """Annotation of a setting that holds the `Config` of any component of one family.

    `Annotated[Weighting.Config, OneOf("weighting")]` takes the kind alone (`weighting: equal`), a mapping with a
    `kind`, or a `Config`.
    """

    family: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Build the discriminated union of the family's configurations."""
        choices: dict[Any, CoreSchema] = {
            kind: handler.generate_schema(component.Config) for kind, component in members(self.family).items()
        }
        if not choices:
            return core_schema.no_info_plain_validator_function(functools.partial(_refuse, self.family))
        union = core_schema.tagged_union_schema(choices, discriminator="kind", metadata={"family": self.family})
        return core_schema.no_info_wrap_validator_function(
            functools.partial(_validate, self.family, frozenset(choices)),
            union,
            serialization=core_schema.plain_serializer_function_ser_schema(_dump, info_arg=True),
        )


def _validate(family: str, in_union: frozenset[str], value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """Validate by the union; a component that was declared after the union was built is found in the registry."""
    if isinstance(value, str):
        value = {"kind": value}
    kind = value.get("kind") if isinstance(value, Mapping) else getattr(value, "kind", None)
    if isinstance(kind, str) and kind not in in_union and kind in members(family):
        return members(family)[kind].Config.model_validate(value)
    return handler(value)


def _dump(value: Any, info: SerializationInfo) -> Any:
    if not isinstance(value, BaseModel):
        return value
    return value.model_dump(mode=info.mode, by_alias=info.by_alias, exclude_unset=info.exclude_unset)


def _refuse(family: str, value: Any) -> Any:
    raise ValueError(f"no component of the family {family!r} is installed")
