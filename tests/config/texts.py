"""A configuration that is right, to be spoiled."""

from __future__ import annotations

from pathlib import Path

RIGHT = """\
name: plant
schema:
  id: tx
  time: ts
  features:
    AT: numeric
    shop: {kind: categorical, table_size: 64}
tasks:
  y: binary
  z_CO: {kind: regression, loss: huber}
source: {kind: csv, path: x.csv}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "run.yaml"
    path.write_text(text, encoding="utf-8")
    return path
