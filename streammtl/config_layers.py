"""The settings of a run before they are validated: layers put over each other, each setting with its origin."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from typing import Any, final

from pydantic import BaseModel

from streammtl.config_errors import shown_key, shown_value
from streammtl.config_places import UNKNOWN, below, default_kind, field_of, holds_settings, kinds_at, model_at, names_at
from streammtl.config_yaml import Key, read_yaml
from streammtl.errors import ConfigError


@final
class Layers:
    """Settings for `model`, over which others are put one by one.

    >>> from streammtl.config import RunConfig
    >>> layers = Layers(RunConfig, {"tasks": {"y_CO": "regression"}}, {("tasks", "y_CO"): 2})
    >>> layers.put(layers.spelled(["TASKS", "Y_CO", "LOSS"]), "huber", "STREAMMTL_TASKS__Y_CO__LOSS")
    >>> layers.settings, layers.origin(("tasks", "y_CO", "loss")), layers.origin(("tasks", "y_CO", "kind"))
    ({'tasks': {'y_CO': {'kind': 'regression', 'loss': 'huber'}}}, 'STREAMMTL_TASKS__Y_CO__LOSS', 'line 2')
    """

    def __init__(self, model: type[BaseModel], settings: Mapping[str, Any], lines: Mapping[Key, int]) -> None:
        self.settings: dict[str, Any] = _copied(settings)
        self._model = model
        self._origins = {key: f"line {line}" for key, line in lines.items()}

    def put(self, key: Sequence[str], value: Any, origin: str) -> None:
        """Set `settings[key[0]][key[1]]... = value`.

        A kind alone on the way (`source: csv`) becomes a mapping, and a setting that is not there begins with the
        kind of its default. Raises `ConfigError` where something on the way has no settings below it.
        """
        node, place = self.settings, self._model
        for i, part in enumerate(key[:-1]):
            owner = model_at(place, node)
            place = below(place, part, node)
            found = node.get(part)
            is_kind = isinstance(found, str) and bool(kinds_at(place))
            if not holds_settings(place) or not (found is None or isinstance(found, Mapping) or is_kind):
                what = "is one value" if found is None else f"is {shown_value(found)}"
                raise ConfigError(f"{origin}: {shown_key(tuple(key[: i + 1]))} {what}, without settings below it")
            if found is None:
                field = None if owner is None else field_of(owner, part)
                kind = None if field is None else default_kind(field)
                node[part] = {} if kind is None else {"kind": kind}
                self._origins[tuple(key[: i + 1])] = origin
            elif is_kind:
                node[part] = {"kind": found}
            node = node[part]
        node[key[-1]] = value
        full = tuple(key)
        self._origins = {k: o for k, o in self._origins.items() if k[: len(full)] != full}
        self._origins[full] = origin

    def origin(self, key: Key) -> str | None:
        """Where the setting came from, or the one around it: a line of the file, or what was put."""
        for end in range(len(key), 0, -1):
            if key[:end] in self._origins:
                return self._origins[key[:end]]
        return None

    def spelled(self, words: Sequence[str]) -> list[str]:
        """The key that `words` mean where case does not count: as settings and names that are there are spelled.

        A word that is none of them is taken in lower case. Raises `ConfigError` where two of them differ by case only.
        """
        key: list[str] = []
        node: Any = self.settings
        place: Any = self._model
        for word in words:
            there = [*names_at(place, node), *(node if isinstance(node, Mapping) else ())]
            same = sorted({name for name in there if name.lower() == word.lower()})
            if len(same) > 1 and word not in same:
                raise ConfigError(
                    f"{'__'.join(words)}: {word} may be {' or '.join(same)}; use --set, where case counts"
                )
            part = word if word in same else same[0] if same else word.lower()
            place = UNKNOWN if place is UNKNOWN else below(place, part, node)
            node = node.get(part) if isinstance(node, Mapping) else None
            key.append(part)
        return key


def read_override(text: str) -> tuple[list[str], Any]:
    """Key and value of a `--set`: a part of the key in quotes may hold dots, and the value is YAML.

    >>> read_override('schema.features."a.b"={kind: numeric}')
    (['schema', 'features', 'a.b'], {'kind': 'numeric'})
    """
    key_text, equals, value_text = text.partition("=")
    key = [part.strip() for part in next(csv.reader([key_text], delimiter="."), [])]
    if not equals or not key or not all(key):
        raise ConfigError(f"--set {text}: expected key.key=value, for example --set source.path=data.csv")
    return key, read_yaml(value_text, f"--set {text}").value


def _copied(value: Any) -> Any:
    """New mappings and lists with the same values: those of the caller are not ours to change."""
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value
