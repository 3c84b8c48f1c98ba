"""What is in the folder of one checkpoint, and how it is checked.

    arrays.safetensors    the arrays of the state
    state.json            everything else of the state, the format's version, the number, the configuration
    SHA256SUMS            the digests of the other two, for `sha256sum -c` too

Nothing here can run code when it is read: no pickle.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from streammtl.errors import CheckpointDamagedError, CheckpointMismatchError
from streammtl.state_tree import AnyArray, encode_text, join, split
from streammtl.types import State

FORMAT = "streammtl checkpoint"
VERSION = 1

ARRAYS, STATE, SUMS = "arrays.safetensors", "state.json", "SHA256SUMS"

#: A configuration, or its part that shapes the state, as JSON values.
Configuration: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint holds."""

    number: int
    configuration: Configuration
    state: State

    def require_configuration(self, configuration: Configuration) -> None:
        """Raise `CheckpointMismatchError`, naming the settings that differ, unless it is this one."""
        if fingerprint(self.configuration) != fingerprint(configuration):
            differences = list(_differences(self.configuration, configuration, ""))
            more = f" (and {len(differences) - 3} more)" if len(differences) > 3 else ""
            raise CheckpointMismatchError(
                f"checkpoint {self.number} was written under another configuration: "
                f"{'; '.join(differences[:3])}{more}. Go back to those settings, or start anew in another folder"
            )


def fingerprint(configuration: Configuration) -> str:
    """SHA-256 of a configuration; the order of its keys does not matter.

    >>> fingerprint({"seed": 0, "name": "a"}) == fingerprint({"name": "a", "seed": 0})
    True
    """
    return hashlib.sha256(encode_text(_json(configuration))).hexdigest()


def pack(state: State, number: int, configuration: Configuration) -> dict[str, bytes]:
    """The content of every file of a checkpoint, by name. Keeps nothing of `state`."""
    from safetensors.numpy import save

    tree, arrays = split(state)
    document = {
        "format": FORMAT,
        "version": VERSION,
        "number": number,
        "fingerprint": fingerprint(configuration),
        "configuration": configuration,
        "state": tree,
    }
    files = {ARRAYS: save(arrays), STATE: encode_text(_json(document) + "\n")}
    sums = "".join(f"{_sha256(content)}  {name}\n" for name, content in files.items())
    return files | {SUMS: sums.encode()}


def read_checkpoint(path: Path) -> Checkpoint:
    """What the checkpoint in this folder holds; every byte is checked.

    Raises `CheckpointDamagedError` when anything is not as it was written, `CheckpointMismatchError` for another
    version of the format. Takes no lock.
    """
    try:
        return _unpack(_read_files(path))
    except RecursionError as error:
        raise CheckpointDamagedError(f"{path} is damaged: {STATE} is nested too deeply") from error
    except OSError as error:
        raise CheckpointDamagedError(f"{path} cannot be read: {error.strerror or error}") from error
    except CheckpointDamagedError as error:
        raise CheckpointDamagedError(f"{path} is damaged: {error}") from error
    except CheckpointMismatchError as error:
        raise CheckpointMismatchError(f"{path} cannot be used: {error}") from error


def _read_files(path: Path) -> dict[str, bytes]:
    present = {entry.name for entry in path.iterdir()}
    if SUMS not in present:
        raise CheckpointDamagedError(f"it has no {SUMS}")
    sums = _parse_sums((path / SUMS).read_bytes())
    if missing := sums.keys() - present:
        raise CheckpointDamagedError(f"it has no {', '.join(sorted(missing))}")
    if extra := present - sums.keys() - {SUMS}:
        raise CheckpointDamagedError(f"it has files that do not belong there: {', '.join(sorted(extra))}")
    files: dict[str, bytes] = {}
    for name, expected in sums.items():
        files[name] = (path / name).read_bytes()
        if _sha256(files[name]) != expected:
            raise CheckpointDamagedError(
                f"the {len(files[name])} bytes of {name} are not those that were written (SHA-256 differs)"
            )
    return files


def _parse_sums(content: bytes) -> dict[str, str]:
    lines = content.decode("ascii", "replace").split("\n")
    matches = [re.fullmatch(r"([0-9a-f]{64})  ([\w.-]+)", line) for line in lines[:-1]]
    if lines[-1] or not matches or None in matches:
        raise CheckpointDamagedError(f"{SUMS} is not readable")
    return {match[2]: match[1] for match in matches if match}


def _unpack(files: dict[str, bytes]) -> Checkpoint:
    document = _parse_document(files.get(STATE, b""))
    if document.get("format") != FORMAT or document.get("version") != VERSION:
        raise CheckpointMismatchError(
            f"expected {FORMAT!r} version {VERSION}, found {document.get('format')!r} version "
            f"{document.get('version')!r}; it takes the version of streammtl that wrote it"
        )
    for key, kind in (("number", int), ("configuration", dict), ("state", dict)):
        if not isinstance(document.get(key), kind):
            raise CheckpointDamagedError(f"{STATE} has no {key!r}, or one of another type")
    state = join(document["state"], _parse_arrays(files.get(ARRAYS, b"")))
    return Checkpoint(number=document["number"], configuration=document["configuration"], state=state)


def _parse_document(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise CheckpointDamagedError(f"{STATE} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise CheckpointDamagedError(f"{STATE} is not a JSON object")
    return document


def _parse_arrays(content: bytes) -> dict[str, AnyArray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return load(content)
    except (SafetensorError, KeyError, ValueError) as error:
        raise CheckpointDamagedError(f"{ARRAYS} is not in the safetensors format: {error}") from error


def _differences(saved: Any, given: Any, key: str) -> Iterator[str]:
    if isinstance(saved, Mapping) and isinstance(given, Mapping):
        for name in sorted({*saved, *given}):
            inner = f"{key}.{name}" if key else name
            if name not in given:
                yield f"{inner} is {_short(saved[name])} in the checkpoint and absent now"
            elif name not in saved:
                yield f"{inner} is absent in the checkpoint and {_short(given[name])} now"
            else:
                yield from _differences(saved[name], given[name], inner)
    elif _json(saved) != _json(given):
        yield f"{key} is {_short(saved)} in the checkpoint and {_short(given)} now"


def _short(value: Any) -> str:
    text = _json(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


__all__ = ["ARRAYS", "STATE", "SUMS", "Checkpoint", "Configuration", "fingerprint", "pack", "read_checkpoint"]
