"""The `mlp` model as an ONNX file. Imports torch, and the packages of the extra `onnx`.

Shape suffixes as in `streammtl.types`; B rows.
"""

from __future__ import annotations

import importlib.util
import json
import warnings
from pathlib import Path
from typing import Any

import torch

from streammtl.errors import MissingExtraError
from streammtl.models._torch_mixture import Snapshot
from streammtl.tasks.base import Task
from streammtl.types import RowLayout

#: The version of ONNX's operators: what runtimes of 2022 and later read.
_OPSET = 18


def export(snapshot: Snapshot, layout: RowLayout, tasks: tuple[Task, ...], path: Path) -> None:
    """Write one file, which names its columns and classes in its metadata, as JSON under `streammtl`."""
    _require_packages()
    snapshot = snapshot.eval().requires_grad_(False)
    # Two rows: from one, the exporter would conclude that there is always one.
    example = (torch.zeros(2, layout.n_dense), torch.zeros(2, layout.n_categories, dtype=torch.int64))
    rows = {0: torch.export.Dim("rows")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own, about itself
        program = torch.onnx.export(
            snapshot,
            example,
            input_names=["dense", "category"],
            output_names=[task.name for task in tasks],
            dynamic_shapes=(rows, rows),
            opset_version=_OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    # The exporter notes for each node from which line of which file it comes.
    for node in program.model.graph.all_nodes():
        node.metadata_props.clear()
    program.model.metadata_props["streammtl"] = json.dumps(_columns(layout, tasks))
    program.save(path, external_data=False)


def _require_packages() -> None:
    for package in ("onnx", "onnxscript"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "onnx", "Writing an ONNX file")


def _columns(layout: RowLayout, tasks: tuple[Task, ...]) -> dict[str, Any]:
    """What the columns of inputs and outputs are."""
    tables = zip(layout.category_names, layout.table_sizes, strict=True)
    return {
        "dense": list(layout.dense_names),
        "category": [{"name": name, "size": size} for name, size in tables],
        "tasks": {task.name: {"columns": list(task.output_names), **task.column_details()} for task in tasks},
    }
