"""What is to be run: a learner on a stream with a seed, and the name under which its result is kept.

The name is a hash of everything that the result depends on: the resolved settings (without those of sinks, checkpoints,
journal and logs, which a comparison does not use), the content of the files that are read, the number of events, the
peer, and the version of streammtl. A run whose setting or file changed is another run.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, final

from streammtl.config import RunConfig
from streammtl.errors import ConfigError, SourceError

#: Of what a result holds; grows with every change of that.
_FORMAT = 1

#: Sections of a configuration that change nothing in what is learned, and that runs side by side must not share.
_LEFT_OUT = ("sink", "checkpoint", "journal", "monitoring", "name")


@dataclass(frozen=True, slots=True)
class Job:
    """One run, as plain values."""

    stream: str
    learner: str  # name of the variant or of the peer
    seed: int
    settings: dict[str, Any]  # the configuration, without what is as it is by default
    key: str  # the name of the result
    peer: dict[str, Any] | None = None  # its settings; None: the configured model
    events: int | None = None  # the first events only; None: all

    def described(self) -> dict[str, Any]:
        """The job as JSON values, to be kept beside its result."""
        return {**asdict(self), "version": version("streammtl")}


@final
class JobMaker:
    """Makes jobs, and reads each file only once to do so.

    `events` are the first ones of each stream, None for all; `data` is a folder in which files are looked for that are
    not where the settings say.
    """

    def __init__(self, events: int | None, data: Path | None) -> None:
        self._events = events
        self._data = data
        self._digest_of: dict[str, str] = {}

    def make(self, config: RunConfig, stream: str, learner: str, seed: int, peer: dict[str, Any] | None) -> Job:
        """The job of a configuration with a seed.

        The seed is that of the run, and also that of a simulated world, which is then another world; a world has as
        many events as are asked for. A log is read to its present end. Raises `SourceError` where a file is not there,
        and `ConfigError` for a stream that may be another one the next time.
        """
        written = self._adjusted(config, seed, is_full=False)
        resolved = self._adjusted(config, seed, is_full=True)
        told = {
            "files": [self._digest(path) for path in _take_paths(resolved["source"])],
            "settings": resolved,
            "peer": peer,
            "events": self._events,
            "version": version("streammtl"),
            "format": _FORMAT,
        }
        key = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:24]
        return Job(stream, learner, seed, written, key, peer, self._events)

    def _adjusted(self, config: RunConfig, seed: int, is_full: bool) -> dict[str, Any]:
        settings = config.model_dump(mode="json", by_alias=True, exclude=set(_LEFT_OUT), exclude_unset=not is_full)
        settings["seed"] = seed
        for source in _mappings(settings["source"]):
            if "world" in source:
                source["world"]["seed"] = seed
                if self._events is not None and source is settings["source"]:
                    source["world"]["events"] = self._events
            if source.get("kind") == "log":
                source["follow"] = False
            if source.get("kind") == "kafka":
                raise ConfigError(
                    f"{config.name}: a comparison needs records that stay as they are, which a topic of Kafka cannot "
                    "promise; write them to a file first"
                )
            if "path" in source:
                source["path"] = self._found(source["path"], config.name)
        return settings

    def _found(self, path: Any, stream: str) -> Any:
        if isinstance(path, list):
            return [self._found(one, stream) for one in path]
        if Path(path).is_file():
            return str(Path(path).resolve())
        matches = [] if self._data is None else sorted(self._data.rglob(Path(path).name))
        if len(matches) != 1:
            where = "" if self._data is None else f", and {len(matches) or 'none'} of this name in {self._data}"
            raise SourceError(
                f"{stream}: there is no file {path}{where}; say where it is with --set source.path=... or --data FOLDER"
            )
        return str(matches[0].resolve())

    def _digest(self, path: str) -> str:
        if path not in self._digest_of:
            with Path(path).open("rb") as file:
                self._digest_of[path] = hashlib.file_digest(file, "sha256").hexdigest()
        return self._digest_of[path]


def is_world(settings: Mapping[str, Any]) -> bool:
    """True where the source of these settings is a simulated world."""
    return "world" in settings["source"]


def _mappings(value: Any) -> Iterator[dict[str, Any]]:
    """Every mapping within the settings."""
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _mappings(item)


def _take_paths(source: dict[str, Any]) -> Iterator[str]:
    """The files that the settings name, which go out of the settings: their content counts, not where they lie."""
    for mapping in _mappings(source):
        path = mapping.pop("path", None)
        yield from path if isinstance(path, list) else [] if path is None else [path]
