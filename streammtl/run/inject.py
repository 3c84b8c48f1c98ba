"""`--inject`: changes put into the stream of a configuration, so that recorded data get drifts that one knows."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from streammtl.config import RunConfig
from streammtl.config_errors import nearest
from streammtl.config_yaml import read_yaml
from streammtl.errors import ConfigError
from streammtl.sources.changed import ChangedSource


def inject(config: RunConfig, changes: Sequence[str]) -> RunConfig:
    """The configuration with its source `changed` by these changes, each written as YAML.

    Raises `ConfigError` for what is no change, and for a field that nothing in the schema reads.
    """
    if not changes:
        return config
    settings = []
    for text in changes:
        value = read_yaml(text, f"--inject {text}").value
        if not isinstance(value, dict):
            raise ConfigError(
                f"--inject {text}: expected a mapping such as '{{kind: swap, fields: [a, b], at: 5000}}'; "
                "see streammtl list changes"
            )
        settings.append(value)
    try:
        source = ChangedSource.Config.model_validate({"source": config.source, "changes": settings})
    except ValidationError as error:
        wrong = [e for e in error.errors() if e["loc"][0] == "changes" and len(e["loc"]) > 1]
        number = wrong[0]["loc"][1]
        found = "; ".join(f"{'.'.join(map(str, e['loc'][2:]))}: {e['msg']}".removeprefix(": ") for e in wrong)
        raise ConfigError(f"--inject {changes[int(number)]}: {found}; see streammtl explain changes") from None
    known = _fields(config)
    for text, change in zip(changes, source.changes, strict=True):
        for field in change.build().fields:
            if field not in known:
                raise ConfigError(f"--inject {text}: no part of the schema reads {field!r}; {nearest(field, known)}")
    return config.model_copy(update={"source": source})


def _fields(config: RunConfig) -> list[str]:
    """The fields of a record that something reads."""
    schema = config.event_schema
    own = [schema.id, schema.time, schema.entity, schema.record]
    features = [feature.field or name for name, feature in schema.features.items()]
    return [*features, *(task.label or name for name, task in config.tasks.items()), *filter(None, own)]
