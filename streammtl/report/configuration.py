"""How the run can be made again: its configuration without secrets, the command, and the versions."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import shlex
from collections.abc import Sequence
from typing import Any, Final

import yaml
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from streammtl.config import RunConfig

HIDDEN: Final = "(hidden)"

#: Packages on which the exact figures depend.
PACKAGES: Final = ("streammtl", "numpy", "numba", "torch", "river")

_SECRET = re.compile(r"passw|secret|token|credential|api_?key|private_?key|access_?key|sasl_?plain|jaas", re.IGNORECASE)
_IN_URL = re.compile(r"(?<=://)[^/@\s]+@")


def configuration_yaml(config: RunConfig) -> str:
    """The configuration as a file that `streammtl replay` takes: all that was set, by whatever way; secrets are hidden.

    Defaults are left out: some settings may not be named where they have no effect.
    """
    return yaml.safe_dump(without_secrets(_given(config)), sort_keys=False, allow_unicode=True, width=100)


def _given(value: Any) -> Any:
    """What was set, as JSON values."""
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        return {
            field.alias or name: _given(getattr(value, name))
            for name, field in fields.items()
            if name in value.model_fields_set or name == "kind"
        }
    if isinstance(value, dict):
        return {key: _given(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_given(item) for item in value]
    return to_jsonable_python(value)


def without_secrets(settings: Any) -> Any:
    """The settings with what must not be shown replaced.

    >>> without_secrets({"user": "ann", "password": "x", "url": "http://ann:x@host/"})
    {'user': 'ann', 'password': '(hidden)', 'url': 'http://(hidden)@host/'}
    """
    if isinstance(settings, dict):
        return {
            key: HIDDEN if _is_secret(str(key), value) else without_secrets(value) for key, value in settings.items()
        }
    if isinstance(settings, list | tuple):
        return [without_secrets(item) for item in settings]
    return _IN_URL.sub(f"{HIDDEN}@", settings) if isinstance(settings, str) else settings


def _is_secret(key: str, value: Any) -> bool:
    # A path is no secret, and neither is what is not set; a feature may well be called "token", with settings below it.
    is_path = key.lower().endswith(("_file", "_path"))
    return isinstance(value, str) and not is_path and _SECRET.search(key) is not None


def command_line(what: str, overrides: Sequence[str], changes: Sequence[str] = ()) -> str:
    """The command that made the run, for a shell, without what only says where results go.

    >>> command_line("fraud", ["seed=3", "source.password=x"])
    "streammtl replay fraud --set seed=3 --set 'source.password=(hidden)'"
    """
    words = ["streammtl", "replay", what]
    for override in overrides:
        key, _, value = override.partition("=")
        shown = HIDDEN if _SECRET.search(override) else without_secrets(value)
        words += ["--set", f"{key}={shown}"]
    for change in changes:
        words += ["--inject", change]
    return shlex.join(words)


def versions() -> dict[str, str]:
    """What ran where, as far as the figures depend on it."""
    found = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **found, "platform": f"{platform.system()} {platform.machine()}"}
