"""A starting configuration from a sample of data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

from streammtl.component import members
from streammtl.config_errors import nearest
from streammtl.errors import ConfigError, SourceError
from streammtl.sample import propose
from streammtl.sources.base import Source

SAMPLE_ROWS: Final = 2000

_KIND_BY_SUFFIX: Final = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
}
_DELIMITERS: Final = ";\t|"  # besides the comma


def create_configuration(data: Path, tasks: tuple[str, ...] = ()) -> str:
    """The text of a configuration that reads `data`, proposed from its first rows.

    `tasks` are the columns to predict; none: those that look like labels. Raises `ConfigError` where nothing can be
    proposed, `SourceError` where the data cannot be read.
    """
    settings = _source_settings(data)
    rows = _sample(settings)
    if settings["kind"] == "csv" and rows and len(rows[0]) == 1:
        header = next(iter(rows[0]))
        delimiter = next((d for d in _DELIMITERS if d in header), None)
        if delimiter is not None:
            settings["delimiter"] = delimiter
            rows = _sample(settings)
    if not rows:
        raise ConfigError(f"{data} has no record from which a configuration could be proposed")
    name = data.name.removesuffix(".gz").rpartition(".")[0] or data.name
    return propose(rows, settings, tasks).replace("name: proposed\n", f"name: {json.dumps(name)}\n", 1)


def _source_settings(data: Path) -> dict[str, Any]:
    name = data.name.removesuffix(".gz")
    kind = _KIND_BY_SUFFIX.get(Path(name).suffix)
    if kind is None:
        suffixes = [*_KIND_BY_SUFFIX, *(f"{suffix}.gz" for suffix in _KIND_BY_SUFFIX if suffix != ".parquet")]
        raise ConfigError(f"cannot tell the format of {data} from its name; {nearest(data.suffix, suffixes)}")
    return {"kind": kind, "path": str(data)}


def _sample(settings: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The first rows as mappings; what is no mapping, and what a source could not read, is left out."""
    config = cast(type[Source.Config], members("sources")[settings["kind"]].Config)
    source = config.model_validate(settings).build()
    rows: list[Mapping[str, Any]] = []
    source.open({})
    try:
        while len(rows) < SAMPLE_ROWS and (records := source.poll(timeout_s=0.0)) is not None:
            rows += [row for value in records.values if (row := _row(value))]
    except SourceError:
        if not rows:  # what comes before the damage is sample enough
            raise
    finally:
        source.close()
    return rows[:SAMPLE_ROWS]


def _row(value: bytes | Mapping[str, Any]) -> Mapping[str, Any] | None:
    if isinstance(value, Mapping):
        return None if "" in value else value  # under "" a source hands on the text of a row that it could not read
    try:
        document = json.loads(value)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
