"""The command line in this process, and a small stream for it."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from streammtl.run.cli import main

SMALL = """\
name: small
schema:
  features: {a: numeric, b: categorical}
tasks: {up: binary, size: regression}
monitoring: {log_level: warning}
source: {kind: jsonl, path: stream.jsonl}
"""

#: A setting for streams of many shapes: the default model is compiled for each, which takes a quarter of a minute.
NOT_COMPILED = "model={kind: shared_bottom, hidden: [8]}"


def streammtl(*arguments: str | Path) -> Result:
    """Run a command; an exception that is no exit is a bug and comes out."""
    result = CliRunner(env={"COLUMNS": "120"}).invoke(main, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def write_small(folder: Path, n: int = 200, more: str = "") -> Path:
    """A configuration `small.yaml` and its stream beside it; the paths in it are absolute."""
    stream = folder / "stream.jsonl"
    rows = [{"a": i % 7, "b": "xyz"[i % 3], "up": int(i % 7 > 3), "size": i % 7 + 1.0} for i in range(n)]
    stream.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    config = folder / "small.yaml"
    config.write_text(SMALL.replace("stream.jsonl", json.dumps(str(stream))) + more, encoding="utf-8")
    return config
