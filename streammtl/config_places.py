"""What may stand where in a configuration, read from the type annotations of its models.

A *place* is an annotation: that of a setting, of the values of a mapping, of the items of a list. Settings that a
`kind` chooses among are either the components of a family (`OneOf`) or a union of models that each have a `kind`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Tag
from pydantic.fields import FieldInfo

from streammtl.component import OneOf, members

#: A place about which nothing is known: below a mistake, say.
UNKNOWN: Any = None


def family_at(place: Any) -> str | None:
    """The family whose components may stand at this place."""
    return next((family for a in alternatives_at(place) if (family := _family(a)) is not None), None)


def kinds_at(place: Any) -> dict[str, type[BaseModel]]:
    """The settings that a `kind` chooses among at this place; none where there is nothing to choose."""
    family = family_at(place)
    if family is not None:
        return {kind: component.Config for kind, component in members(family).items()}
    found = {
        _kind_of(model): model for model in alternatives_at(place) if _is_model(model) and "kind" in model.model_fields
    }
    return found if len(found) > 1 else {}


def model_at(place: Any, value: Any) -> type[BaseModel] | None:
    """The model that the settings `value` belong to, as far as they say."""
    kinds = kinds_at(place)
    if kinds:
        kind = value.get("kind") if isinstance(value, Mapping) else value
        return kinds.get(kind) if isinstance(kind, str) else None
    return next((alternative for alternative in alternatives_at(place) if _is_model(alternative)), None)


def below(place: Any, key: str | int, value: Any) -> Any:
    """The place of `key` in the settings `value` that stand at `place`."""
    model = model_at(place, value)
    if model is not None:
        field = field_of(model, key)
        return UNKNOWN if field is None else place_of(field)
    for alternative in alternatives_at(place):
        arguments = get_args(alternative)
        if get_origin(alternative) in (dict, Mapping) and isinstance(key, str):
            return arguments[1]
        if get_origin(alternative) in (list, tuple, Sequence) and isinstance(key, int) and arguments:
            return arguments[0]
    return UNKNOWN


def item_at(place: Any) -> Any:
    """The place of the items where a list may stand."""
    return next((get_args(a)[0] for a in alternatives_at(place) if get_origin(a) in (list, tuple, Sequence)), UNKNOWN)


def is_choice(place: Any) -> bool:
    """True where one of several types may stand; pydantic then names the one it took in the location of a mistake."""
    return bool(kinds_at(place)) or len(alternatives_at(place)) > 1


def chosen(place: Any, label: str | int) -> Any:
    """The place that pydantic calls `label` among those of a choice."""
    kinds = kinds_at(place)
    if kinds:
        return kinds.get(str(label), UNKNOWN)
    for alternative, tag in _tagged(place):
        if label == tag or (tag is None and _is_model(alternative) and label == alternative.__name__):
            return alternative
        if tag is None and str(label).startswith(f"{getattr(get_origin(alternative), '__name__', '')}["):
            return alternative
    return UNKNOWN


def holds_settings(place: Any) -> bool:
    """True where settings with names may stand; also where nothing is known."""
    return place is UNKNOWN or any(
        _family(alternative) is not None or _is_model(alternative) or get_origin(alternative) in (dict, Mapping)
        for alternative in alternatives_at(place)
    )


def names_at(place: Any, value: Any) -> list[str]:
    """The names of the settings that may stand below this place; none where any name may."""
    model = model_at(place, value)
    return [] if model is None else names_of(model)


def names_of(model: type[BaseModel]) -> list[str]:
    """The names of a model's settings as users write them."""
    return [field.alias or name for name, field in model.model_fields.items()]


def field_of(model: type[BaseModel], key: str | int) -> FieldInfo | None:
    """The setting that users write as `key`."""
    return next((field for name, field in model.model_fields.items() if key in (field.alias or name, name)), None)


def place_of(field: FieldInfo) -> Any:
    """The place that a setting is."""
    return Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation


def default_kind(field: FieldInfo) -> str | None:
    """The kind that a setting has when it is left out."""
    default = field.get_default(call_default_factory=True)
    if isinstance(default, str):
        return default if default in kinds_at(place_of(field)) else None
    if isinstance(default, BaseModel):
        default = default.model_dump()
    return default.get("kind") if isinstance(default, Mapping) else None


def alternatives_at(place: Any) -> list[Any]:
    """The types that may stand at a place, without None; a family stays in its annotation."""
    if get_origin(place) is Annotated:
        return [place] if _family(place) is not None else alternatives_at(get_args(place)[0])
    if get_origin(place) in (Union, UnionType):
        return _unique(a for argument in get_args(place) for a in alternatives_at(argument))
    return [] if place in (NoneType, UNKNOWN) else [place]


def _family(place: Any) -> str | None:
    if get_origin(place) is not Annotated:
        return None
    return next((extra.family for extra in get_args(place)[1:] if isinstance(extra, OneOf)), None)


def _tagged(place: Any, tag: str | None = None) -> list[tuple[Any, str | None]]:
    """The alternatives of a place, each with its `Tag` if it has one."""
    if get_origin(place) is Annotated:
        inner, *extras = get_args(place)
        return _tagged(inner, next((extra.tag for extra in extras if isinstance(extra, Tag)), tag))
    if get_origin(place) in (Union, UnionType):
        return [pair for argument in get_args(place) for pair in _tagged(argument)]
    return [(place, tag)]


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _kind_of(model: type[BaseModel]) -> str:
    return str(model.model_fields["kind"].default)


def _unique(items: Iterable[Any]) -> list[Any]:
    kept: list[Any] = []
    for item in items:
        if item not in kept:
            kept.append(item)
    return kept
