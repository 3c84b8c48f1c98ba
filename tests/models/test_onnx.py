"""The model in plain torch and as an ONNX file predicts as it does itself. Shape suffixes as in `streammtl.types`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from streammtl.errors import ConfigError, MissingExtraError
from streammtl.models._experts import AnyExpert, MemoryExpert, NetworkExpert
from streammtl.models._quantiles import FIRST_EDGES
from streammtl.models.mlp import Mlp
from streammtl.models.optimizers import Factored, Sgd
from streammtl.tasks.base import KernelLoss, Task
from streammtl.tasks.binary import BinaryTask
from streammtl.tasks.multiclass import MulticlassTask
from streammtl.testing.models import LAYOUT, example_ops, example_tasks
from streammtl.types import Floats, Floats32, Ints32, Ops, RowLayout, State

#: Compiles many kernels.
pytestmark = pytest.mark.slow

#: Kernels that the tests of the twin compile too.
SMALL: dict[str, Any] = {"hidden": (9,), "embedding_dim": 2}
LEADER = NetworkExpert(optimizer=Sgd(rate=0.05))
EVERY_KIND: tuple[AnyExpert, ...] = (
    LEADER,
    NetworkExpert(optimizer=Factored(rate=0.1), bins=True),
    NetworkExpert(optimizer=Factored(rate=0.1), hidden=()),
    NetworkExpert(optimizer=Sgd(rate=0.05), scope="single"),
    MemoryExpert(decay=0.9),
)
#: Of these only: the exporter takes seconds for every network.
TRACED: tuple[AnyExpert, ...] = (LEADER, EVERY_KIND[1], EVERY_KIND[4])


def runtime() -> Any:
    """The package that runs ONNX files; where it or what writes them is missing the test is skipped."""
    for package in ("onnx", "onnxscript"):
        pytest.importorskip(package)
    return pytest.importorskip("onnxruntime")


def strange_rows() -> tuple[Floats32, Ints32]:
    """With values that are missing, infinite or wild, and categories that were never learned or that no table has."""
    ops = example_ops(60, seed=5)
    dense_RD, category_RC = ops.dense_RD.copy(), ops.category_RC.copy()
    dense_RD[0], dense_RD[1, 0], dense_RD[2, 1], dense_RD[3, 2] = np.nan, np.inf, 1e30, -1e30
    category_RC[::7], category_RC[1::7], category_RC[2::7] = 6, 7, -1
    return dense_RD, category_RC


def trained(config: Mlp.Config, tasks: tuple[Task, ...], n_events: int) -> Mlp:
    """Has learned, of all categories but 5 and 6, and a few rows more do not move its running scales."""
    ops = example_ops(n_events)
    known = Ops(ops.is_learn_N, ops.row_N, ops.labels_NT, ops.dense_RD, ops.category_RC % 5)
    first, model = (config.build(LAYOUT, tasks) for _ in range(2))
    assert isinstance(model, Mlp)
    first.advance(known, np.ones(len(tasks)))
    state = first.state()
    settle(state)
    model.load(state)
    return model


def settle(state: State) -> None:
    """Make running scales and quantiles of inputs those of ever so many rows."""
    for key, value in state.items():
        if key == "quantiles":
            value["n"][value["n"] >= FIRST_EDGES] = 2**20 + 1
        elif key == "inputs":
            n_D = np.maximum(value[0], 1.0)
            value[0], value[2] = 1e15, value[2] * 1e15 / n_D
        elif isinstance(value, dict):
            settle(value)


def predicted(model: Mlp, dense_RD: Floats32, category_RC: Ints32) -> Floats:
    n_rows = len(dense_RD)
    tasks = len(model.insights()["shares"])
    ops = Ops(np.zeros(n_rows, bool), np.arange(n_rows), np.full((n_rows, tasks), np.nan), dense_RD, category_RC)
    return model.advance(ops, np.ones(tasks)).outputs_PO


def config_of(experts: tuple[AnyExpert, ...], **others: Any) -> Mlp.Config:
    return Mlp.Config(**SMALL, experts=experts, memory_rows=10**15, **others)


def tasks_with_a_class_never_seen() -> tuple[Task, ...]:
    kinds = {"band": MulticlassTask.Config(max_classes=5).build("band")}
    return tuple(kinds.get(task.name, task) for task in example_tasks())


@pytest.mark.parametrize("n_events", [0, 400])
def test_a_snapshot_predicts_as_the_model_does(n_events: int) -> None:
    model = trained(config_of(EVERY_KIND, dtype="float64"), tasks_with_a_class_never_seen(), n_events)
    dense_RD, category_RC = strange_rows()
    with torch.no_grad():
        found = model.snapshot()(torch.from_numpy(dense_RD), torch.from_numpy(category_RC).long())
    expected = predicted(model, dense_RD, category_RC)
    np.testing.assert_allclose(torch.cat(found, dim=1).numpy(), expected, rtol=1e-9, atol=1e-12)
    # It says something, once it has learned.
    assert (np.ptp(expected, axis=0).max() > 0.0) == (n_events > 0)


def test_outputs_stand_in_the_order_of_the_tasks() -> None:
    tasks = (*reversed(tasks_with_a_class_never_seen()),)
    model = trained(config_of((LEADER,), dtype="float64"), tasks, 0)
    found = model.snapshot()(torch.zeros(2, 3), torch.zeros(2, 1, dtype=torch.int64))
    assert [output_BO.shape for output_BO in found] == [(2, 1), (2, 1), (2, 5), (2, 1)]


def test_declared_classes_publish_a_plain_softmax() -> None:
    classes = MulticlassTask.Config(classes=("0", "1", "2", "3")).build("band")
    tasks = tuple(classes if task.name == "band" else task for task in example_tasks())
    model = trained(config_of((LEADER, MemoryExpert()), dtype="float64"), tasks, 100)
    dense_RD, category_RC = strange_rows()
    with torch.no_grad():
        found = model.snapshot()(torch.from_numpy(dense_RD), torch.from_numpy(category_RC).long())
    expected = predicted(model, dense_RD, category_RC)
    np.testing.assert_allclose(torch.cat(found, dim=1).numpy(), expected, rtol=1e-9, atol=1e-12)


def test_a_task_of_a_kind_unknown_to_torch_cannot_be_exported() -> None:
    class Share(Task):
        """Publishes in a way of its own."""

        scorer = "regression"
        wire_type = float
        n_raw = 1
        output_names = ("share",)

        def encode_labels(self, values: Any) -> Any:
            return np.array(values, dtype=np.float64), []

        def publish(self, raw_BK: Floats) -> Floats:
            return np.tanh(raw_BK)

        def describe(self, outputs_O: Floats) -> dict[str, Any]:
            return {"share": float(outputs_O[0])}

        def baseline(self, label: float) -> Floats:
            return np.array([label])

        def loss_torch(self, raw_BK: torch.Tensor, label_B: torch.Tensor) -> torch.Tensor:
            return (raw_BK[:, 0] - label_B).square()

        def kernel_loss(self) -> KernelLoss:
            return KernelLoss("squared")

    model = config_of((LEADER,), dtype="float64").build(LAYOUT, (Share(Task.Config(), "part"),))
    assert isinstance(model, Mlp)
    with pytest.raises(ConfigError, match="how it publishes"):
        model.snapshot()


def test_without_the_packages_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    model = trained(config_of((LEADER,), dtype="float64"), example_tasks(), 0)
    with pytest.raises(MissingExtraError, match=r"streammtl\[onnx\]"):
        model.export_onnx(tmp_path / "model.onnx")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("experts", "dtype"),
    [(TRACED, "float64"), ((NetworkExpert(optimizer=Factored(rate=0.1)),), "float32")],
    ids=["a mixture", "single precision"],
)
def test_an_onnx_file_predicts_as_the_model_does(tmp_path: Path, experts: Any, dtype: str) -> None:
    onnxruntime = runtime()
    tasks = tasks_with_a_class_never_seen()
    tasks[1].encode_labels(["0", "1", "2", "3"])
    model = trained(config_of(experts, dtype=dtype), tasks, 400)
    path = tmp_path / "model.onnx"
    model.export_onnx(path)
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]
    session = onnxruntime.InferenceSession(path)
    assert [output.name for output in session.get_outputs()] == ["is_high", "band", "amount", "visits"]
    dense_RD, category_RC = strange_rows()
    found = session.run(None, {"dense": dense_RD, "category": category_RC.astype(np.int64)})
    np.testing.assert_allclose(
        np.concatenate(found, axis=1), predicted(model, dense_RD, category_RC), rtol=1e-4, atol=1e-4
    )
    about = json.loads(session.get_modelmeta().custom_metadata_map["streammtl"])
    assert about["dense"] == ["a", "b", "c"]
    assert about["category"] == [{"name": "m", "size": 7}]
    assert about["tasks"]["band"]["classes"] == ["0", "1", "2", "3"]
    assert b".py" not in path.read_bytes()  # nothing of the machine that wrote it


@pytest.mark.slow
def test_a_layout_without_categories_is_exported_too(tmp_path: Path) -> None:
    onnxruntime = runtime()
    layout = RowLayout(("a", "b"), (True, True), (), ())
    model = config_of((LEADER,)).build(layout, (BinaryTask.Config().build("y"),))
    assert isinstance(model, Mlp)
    model.export_onnx(tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    features = {"dense": np.ones((3, 2), np.float32), "category": np.zeros((3, 0), np.int64)}
    np.testing.assert_array_equal(session.run(None, features)[0], np.full((3, 1), 0.5))
