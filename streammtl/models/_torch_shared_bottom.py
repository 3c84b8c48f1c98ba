"""The network of the shared-bottom model, and one step of it. Imports torch.

A step goes back in two phases. Heads first, so that the gradient of every task at the last shared layer's output is
known by itself. Then the trunk: the tasks' gradients are clipped, weighted and added, and go through it together.
Autograd is used for the losses of the tasks only.

Shape suffixes: B rows, I network inputs, H outputs of the last shared layer, K raw outputs of all tasks side by side,
C categorical columns, U different embedding rows of a step, W weights of the last shared layer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, final

import numpy as np
import torch

from streammtl.models._layers import Layers, Trace
from streammtl.models._parameters import Group, Table
from streammtl.seeds import named_rng
from streammtl.tasks.base import Task
from streammtl.types import Bools, Floats, Floats32, Ints, Ints32, RowLayout, State

if TYPE_CHECKING:
    from streammtl.models.shared_bottom import SharedBottom

#: Rows of a forward pass for predictions. Always the same number, filled up with whatever is there: a row then goes
#: through the same instructions in the same place however the stream was cut. 64 rows cost little more than one.
BLOCK_ROWS = 64

#: Raw outputs are published within this bound; only parameters on their way to infinity reach it.
RAW_LIMIT = 1e6

#: A gradient beyond this norm counts as not finite: its square, summed over any stream, still fits float32.
_MAX_GRADIENT = 1e12

_NOTHING: Ints = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Target:
    """The labels of one task in a step."""

    task: int
    rows_B: Ints | None  # which rows of the step have a label; None: all
    label_B: Floats32  # in the units in which the model learns
    hidden_K: Bools  # raw columns whose class was never learned


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step saw: one entry per target."""

    losses: list[float]
    losses_after: list[float]
    gradients: list[Floats32]  # at the last shared layer's weight; empty where nobody asked


@final
class Network:
    """Trunk, heads and embedding tables, and how they learn."""

    def __init__(
        self,
        config: SharedBottom.Config,
        layout: RowLayout,
        tasks: tuple[Task, ...],
        scales_heads: bool,
        wants_after: bool,
        wants_gradients: bool,
        seed: int,
    ) -> None:
        torch.set_num_threads(config.threads)
        self._tasks = tasks
        self._clip_norm, self._clip_task_norm = config.clip_norm, config.clip_task_norm
        self._scales_heads, self._wants_after, self._wants_gradients = scales_heads, wants_after, wants_gradients

        self._n_dense_inputs = 2 * layout.n_dense
        n_inputs = self._n_dense_inputs + layout.n_categories * config.embedding_dim
        self._table: Table | None = None
        if layout.n_categories:
            tables = {
                name: _embedding(size, config.embedding_dim, seed, name)
                for name, size in zip(layout.category_names, layout.table_sizes, strict=True)
            }
            self._table = Table(tables, config.optimizer)
        self._trunk = Group(_layers((n_inputs, *config.hidden), seed, "trunk"), config.optimizer)
        self._heads = [
            Group(_head((config.hidden[-1], *config.head_hidden, task.n_raw), seed, task.name), config.optimizer)
            for task in tasks
        ]
        self._trunk_layers = Layers(self._trunk, config.activation, ends_linear=False)
        self._head_layers = [Layers(head, config.activation, ends_linear=True) for head in self._heads]
        self.n_last_shared_weights = self._trunk_layers.last[0].numel()
        self._last_K = np.cumsum([task.n_raw for task in tasks]).tolist()

        self._block_BI = torch.zeros(BLOCK_ROWS, n_inputs)
        self._step_BI = torch.zeros(config.rows_per_step, n_inputs)
        self.block_np: Floats32 = self._block_BI.numpy()
        self.step_np: Floats32 = self._step_BI.numpy()

    # -- predicting

    def write_categories(self, category_BC: Ints32, inputs_BI: Floats32) -> None:
        """Write the embeddings of these rows behind the dense inputs."""
        if self._table is not None:
            found_BCE = self._table.value_np[category_BC + self._table.first_C]
            inputs_BI[:, self._n_dense_inputs :] = found_BCE.reshape(len(category_BC), -1)

    def predict_block(self, raw_BK: Floats32, slot: int) -> None:
        """Raw outputs of the rows that lie in `block_np` from `slot` on, as many as `raw_BK` has."""
        shared_BH = self._trunk_layers.forward(self._block_BI)
        for task, end in enumerate(self._last_K):
            raw = self._head_layers[task].forward(shared_BH).numpy()
            raw_BK[:, end - raw.shape[1] : end] = raw[slot : slot + len(raw_BK)]

    # -- learning

    def rescale_head(self, task: int, ratio: float, shift: float) -> None:
        """Let every raw output r of this task become `r ratio + shift`, exactly but for rounding.

        The output-preserving correction of van Hasselt, Guez, Hessel, Mnih, Silver, Learning values across many orders
        of magnitude, NeurIPS 2016 (PopArt), proposition 1: both parameters of the last layer are rescaled.
        """
        for parameter, offset in zip(self._head_layers[task].last, (0.0, shift), strict=True):
            array = parameter.numpy()
            array[...] = array.astype(np.float64) * ratio + offset

    def step(self, category_BC: Ints32, targets: Sequence[Target], weights_T: Floats) -> StepResult | None:
        """One step on the rows whose dense inputs lie in `step_np`; None: skipped, since something was not finite.

        Losses and gradients are added up in the order of `targets`.
        """
        row_U, inverse = self._occurring(category_BC)
        trunk_trace: Trace = []
        shared_BH = self._trunk_layers.forward(self._step_inputs(row_U, inverse), trunk_trace)
        traces: list[Trace] = [[] for _ in targets]
        raws = [self._raw(target, shared_BH, trace) for target, trace in zip(targets, traces, strict=True)]
        losses = [self._loss(target, raw.requires_grad_()) for target, raw in zip(targets, raws, strict=True)]
        values = torch.stack(losses).tolist()
        if not all(map(math.isfinite, values)):
            return None

        into_BH = torch.zeros_like(shared_BH)
        gradients: list[Floats32] = []
        for target, trace, into_raw in zip(targets, traces, torch.autograd.grad(losses, raws), strict=True):
            gradient = self._head_layers[target.task].backward(trace, into_raw)
            if self._wants_gradients:
                alone_BH = _add(torch.zeros_like(shared_BH), target, gradient, 1.0)
                last = self._trunk_layers.last_weight_gradient(trunk_trace, alone_BH)
                gradients.append(last.reshape(-1).numpy())
            weight = float(weights_T[target.task])
            if self._scales_heads:
                self._heads[target.task].scale_gradient(weight)
            _add(into_BH, target, gradient, weight * self._clip_factor(gradient))
        into_BI = self._trunk_layers.backward(trunk_trace, into_BH)
        if not self._update(targets, row_U, self._into_table(row_U, inverse, into_BI)):
            return None

        after: list[float] = []
        if self._wants_after:
            shared_BH = self._trunk_layers.forward(self._step_inputs(row_U, inverse))
            after = [float(self._loss(target, self._raw(target, shared_BH))) for target in targets]
        return StepResult(values, after, gradients)

    def _occurring(self, category_BC: Ints32) -> tuple[Ints, Ints]:
        if self._table is None:
            return _NOTHING, _NOTHING
        row_U, inverse = np.unique(category_BC + self._table.first_C, return_inverse=True)
        return row_U, inverse.reshape(-1)

    def _step_inputs(self, row_U: Ints, inverse: Ints) -> torch.Tensor:
        if self._table is not None:
            found = self._table.value_np[row_U][inverse]
            self.step_np[:, self._n_dense_inputs :] = found.reshape(len(self.step_np), -1)
        return self._step_BI

    def _into_table(self, row_U: Ints, inverse: Ints, into_BI: torch.Tensor) -> torch.Tensor:
        if self._table is None:
            return torch.zeros(0)
        width = self._table.value_np.shape[1]
        into_UE = torch.zeros(len(row_U), width)
        return into_UE.index_add_(0, torch.from_numpy(inverse), into_BI[:, self._n_dense_inputs :].reshape(-1, width))

    def _raw(self, target: Target, shared_BH: torch.Tensor, trace: Trace | None = None) -> torch.Tensor:
        if target.rows_B is not None:
            shared_BH = shared_BH[torch.from_numpy(target.rows_B)]
        return self._head_layers[target.task].forward(shared_BH, trace)

    def _loss(self, target: Target, raw_BK: torch.Tensor) -> torch.Tensor:
        task = self._tasks[target.task]
        if task.hides_unseen:
            raw_BK = raw_BK.masked_fill(torch.from_numpy(target.hidden_K), -math.inf)
        return task.loss_torch(raw_BK, torch.from_numpy(target.label_B)).mean()

    def _clip_factor(self, gradient: torch.Tensor) -> float:
        if self._clip_task_norm is None:
            return 1.0
        return min(1.0, self._clip_task_norm / max(float(gradient.norm()), 1e-30))

    def _update(self, targets: Sequence[Target], row_U: Ints, into_UE: torch.Tensor) -> bool:
        groups = [self._trunk, *(self._heads[target.task] for target in targets)]
        norm = math.sqrt(sum(group.square() for group in groups) + float(into_UE.square().sum()))
        if not norm <= _MAX_GRADIENT:  # NaN is not
            return False
        scale = 1.0 if self._clip_norm is None or norm <= self._clip_norm else self._clip_norm / norm
        for group in groups:
            group.scale_gradient(scale)
            group.step()
        if self._table is not None:
            self._table.step(row_U, into_UE.numpy() * np.float32(scale))
        return True

    # -- state

    def state(self) -> State:
        """Parameters and optimizer of every part."""
        return {
            "trunk": self._trunk.state(),
            "heads": {task.name: head.state() for task, head in zip(self._tasks, self._heads, strict=True)},
            "embeddings": {} if self._table is None else self._table.state(),
        }

    def load(self, state: State) -> None:
        """Take over a `state`."""
        self._trunk.load(state["trunk"])
        for task, head in zip(self._tasks, self._heads, strict=True):
            head.load(state["heads"][task.name])
        if self._table is not None:
            self._table.load(state["embeddings"])


def _add(into_BH: torch.Tensor, target: Target, gradient: torch.Tensor, weight: float) -> torch.Tensor:
    if target.rows_B is None:
        return into_BH.add_(gradient, alpha=weight)
    return into_BH.index_add_(0, torch.from_numpy(target.rows_B), gradient, alpha=weight)


def _layers(widths: Sequence[int], seed: int, *names: str) -> dict[str, Floats32]:
    """Weights of He, Zhang, Ren, Sun, Delving Deep into Rectifiers, ICCV 2015, eq. 10; biases zero."""
    arrays: dict[str, Floats32] = {}
    for layer, (n_in, n_out) in enumerate(pairwise(widths)):
        draws = named_rng(seed, *names, str(layer), "weight").standard_normal((n_out, n_in))
        arrays[f"{layer}.weight"] = (draws * math.sqrt(2.0 / max(n_in, 1))).astype(np.float32)
        arrays[f"{layer}.bias"] = np.zeros(n_out, dtype=np.float32)
    return arrays


def _head(widths: Sequence[int], seed: int, task: str) -> dict[str, Floats32]:
    """The last layer starts at zero: a task's first predictions say nothing, whatever the features are."""
    arrays = _layers(widths, seed, "head", task)
    arrays[f"{len(widths) - 2}.weight"][...] = 0.0
    return arrays


def _embedding(size: int, width: int, seed: int, column: str) -> Floats32:
    """Small normal numbers, of about the size of a standardised feature's share in the first layer."""
    return (0.1 * named_rng(seed, "embedding", column).standard_normal((size, width))).astype(np.float32)
