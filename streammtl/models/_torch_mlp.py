"""The `mlp` model in plain torch: what the compiled kernel computes, written to be read. Imports torch.

Networks, losses and gradients are torch's own; `streammtl.models._descent` takes the steps; the running scales are the
scalar functions that the kernel compiles too. A step takes a thousand times as long as in the kernel.

Shape suffixes as in `streammtl.models._mlp_parameters`; B rows, T tasks sorted by name.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from typing import final

import numpy as np
import torch
from torch.nn import functional

from streammtl.models._descent import Descent, Group, Piece
from streammtl.models._kernel_math import corrected, standardised, take_count, take_inputs, take_label
from streammtl.models._mlp_parameters import Parameters, Reals
from streammtl.models._mlp_statistics import Statistics
from streammtl.models._network import Network
from streammtl.tasks.base import Task
from streammtl.types import Floats, Floats32, Ints32, State
from streammtl.weighting.base import ApplyTo


@final
class Twin(torch.nn.Module):
    """The network as a module, beside everything that it needs to learn row by row.

    Rows are as networks read them: with what `streammtl.models._mlp_quantiles` adds to them.
    """

    mean_D: torch.Tensor
    inverse_D: torch.Tensor
    unit_3T: torch.Tensor
    seen_K: torch.Tensor
    size_C: torch.Tensor

    def __init__(self, network: Network) -> None:
        super().__init__()
        layout, tasks, spec = network.layout, network.tasks, network.spec
        self._plan, self._layout, self._tasks, self._spec = network.plan, layout, tasks, spec
        self._raws = [slice(*ends) for ends in itertools.pairwise(network.first_raw_T)]
        self._plain = Parameters(spec, layout, {task.name: task.n_raw for task in tasks}, seed=0)
        self._names = list(self._plain.named)
        self._descent = Descent(network.plan, spec.optimizer, self._plain)
        self.statistics = Statistics(layout, tasks)
        # Views: steps and statistics change numpy's arrays, and torch sees it.
        self.tensors = torch.nn.ParameterList(
            torch.nn.Parameter(torch.from_numpy(view)) for view in self._plain.named.values()
        )
        self.register_buffer("mean_D", torch.from_numpy(self.statistics.scale_6D[1]))
        self.register_buffer("inverse_D", torch.from_numpy(self.statistics.inverse_D))
        self.register_buffer("unit_3T", torch.from_numpy(self.statistics.unit_3T))
        self.register_buffer("seen_K", torch.from_numpy(self.statistics.seen_K))
        self.register_buffer("size_C", torch.tensor(layout.table_sizes, dtype=torch.int64))
        self._activate = {"relu": torch.relu, "silu": functional.silu}[spec.activation]

    def _tensor(self, name: str) -> torch.Tensor:
        tensor: torch.Tensor = self.tensors[self._names.index(name)]
        return tensor

    # -- the function

    def forward(self, dense_BD: torch.Tensor, category_BC: torch.Tensor) -> list[torch.Tensor]:
        """Raw outputs by task, of dense columns as they come and categories."""
        values_BD, marks_BD = self.standardise(dense_BD)
        known_BC = self._known(category_BC)
        shared_BH = self.trunk(values_BD, marks_BD, self._rows("embeddings", known_BC) if self._spec.hidden else [])[-1]
        raws = []
        for task in self._tasks:
            biases = self._rows(f"heads/{task.name}/categories", known_BC)
            input_BM = torch.cat((self.private(task, shared_BH), values_BD), dim=1)
            raws.append(self.head(task, input_BM, marks_BD, biases))
        return raws

    def in_units(self, dense_BD: torch.Tensor, category_BC: torch.Tensor) -> dict[str, torch.Tensor]:
        """By task, as the kernel hands them over: float64, in units of the labels, -inf for classes never seen."""
        found = {}
        for t, (task, raw_BK) in enumerate(zip(self._tasks, self(dense_BD, category_BC), strict=True)):
            value_BK = raw_BK.double().nan_to_num(0.0, 0.0, 0.0).clamp(-100.0, 100.0)
            if task.is_scaled:
                value_BK = value_BK * self.unit_3T[1, t] + self.unit_3T[0, t]
            found[task.name] = value_BK.masked_fill(~self.seen_K[self._raws[t]], -math.inf)
        return found

    def standardise(self, dense_BD: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Dense columns standardised and clipped, 0 where missing, and the marks that say so."""
        x_BD = dense_BD.double()
        is_missing_BD = ~torch.isfinite(x_BD)
        x_BD = (x_BD - self.mean_D) * self.inverse_D
        x_BD = x_BD.clamp(-self._plan.clip_input, self._plan.clip_input).masked_fill(is_missing_BD, 0.0)
        dtype = torch.float64 if self._spec.dtype == "float64" else torch.float32
        return x_BD.to(dtype), is_missing_BD.to(dtype)

    def _known(self, category_BC: torch.Tensor) -> torch.Tensor:
        """Categories, 0 for those that the table does not have."""
        return category_BC.masked_fill((category_BC < 0) | (category_BC >= self.size_C), 0)

    def _rows(self, owner: str, category_BC: torch.Tensor) -> list[torch.Tensor]:
        """The rows of the categories in the tables of each column."""
        columns = enumerate(self._layout.category_names)
        return [self._tensor(f"{owner}/{column}")[category_BC[:, c]] for c, column in columns]

    def trunk(
        self, values_BD: torch.Tensor, marks_BD: torch.Tensor, embedded: list[torch.Tensor]
    ) -> list[torch.Tensor]:
        """The trunk's input, then each shared layer's output; of a linear model one output without a column."""
        if not self._spec.hidden:
            return [values_BD[:, :0]]
        return self._layers("trunk", torch.cat((values_BD, *embedded, marks_BD), dim=1), len(self._spec.hidden))

    def private(self, task: Task, shared_BH: torch.Tensor) -> torch.Tensor:
        """The task's last hidden layer."""
        return self._layers(f"heads/{task.name}", shared_BH, len(self._spec.head_hidden))[-1]

    def head(
        self, task: Task, input_BM: torch.Tensor, marks_BD: torch.Tensor, biases: list[torch.Tensor]
    ) -> torch.Tensor:
        """Raw outputs of one task; `biases` are those of the categories."""
        owner = f"heads/{task.name}"
        raw_BK = input_BM @ self._tensor(f"{owner}/weight").T + self._tensor(f"{owner}/bias")
        return raw_BK + marks_BD @ self._tensor(f"{owner}/marks").T + sum(biases)

    def _layers(self, owner: str, x: torch.Tensor, n_layers: int) -> list[torch.Tensor]:
        """The input, then the output of each layer."""
        layers = [x]
        for number in range(n_layers):
            z = layers[-1] @ self._tensor(f"{owner}/{number}/weight") + self._tensor(f"{owner}/{number}/bias")
            layers.append(self._activate(z))
        return layers

    # -- one row after the other

    def predict(self, dense_D: Floats32, category_C: Ints32) -> Floats:
        """Raw outputs of all tasks side by side for one event, which enters the running scales."""
        self.statistics.counts[0] += 1
        self._take_inputs(dense_D)
        with torch.no_grad():
            raws = self(*_one_row(dense_D, category_C))
        return np.concatenate([raw.numpy()[0] for raw in raws]).astype(np.float64)

    def _take_inputs(self, dense_D: Floats32) -> None:
        known = self.statistics
        scaled_D = np.array(self._layout.dense_is_scaled, dtype=bool)
        take_inputs(dense_D[None], 0, scaled_D, known.scale_6D, known.inverse_D, self._plan.memory_rows)

    def learn(
        self, dense_D: Floats32, category_C: Ints32, labels_T: Floats, weights_T: Floats, apply_to: ApplyTo = "trunk"
    ) -> None:
        """One step on one row; labels and weights by task, sorted by name; NaN: no label."""
        self.statistics.counts[1] += 1
        if self.statistics.counts[1] > self.statistics.counts[0]:
            self._take_inputs(dense_D)
        labels_T = np.array([self._read(task, label) for task, label in zip(self._tasks, labels_T, strict=True)])
        for t in np.flatnonzero(np.isfinite(labels_T)).tolist():
            labels_T[t] = self._take_label(t, float(labels_T[t]))
        self._step(*_one_row(dense_D, category_C), labels_T, weights_T, apply_to)

    @staticmethod
    def _read(task: Task, label: float) -> float:
        """The label; NaN where it is none, or no class of the task."""
        is_class = task.kernel_loss().code != "multiclass" or 0.0 <= label < task.n_raw
        return label if math.isfinite(label) and is_class else math.nan

    def _take_label(self, t: int, label: float) -> float:
        """The label as the loss reads it."""
        task, known = self._tasks[t], self.statistics
        if task.hides_unseen:
            known.seen_K[self._raws[t]][int(label)] = True
        if task.kernel_loss().code == "count":
            return take_count(known.scale_6T, t, label, self._plan.memory_rows)
        if not task.is_scaled:
            return label
        ratio, shift = take_label(known.scale_6T, known.unit_3T, t, label, self._plan.memory_rows)
        correct = np.vectorize(corrected, otypes=[np.float64])
        for name, view in self._plain.named.items():
            owner, _, rest = name.rpartition("/")
            is_output = owner == f"heads/{task.name}" and rest in ("weight", "marks")
            if is_output or name.startswith(f"heads/{task.name}/categories/"):
                view[...] = correct(view.astype(np.float64), ratio, 0.0)
            elif name == f"heads/{task.name}/bias":
                view[...] = correct(view.astype(np.float64), ratio, shift)
        return standardised(known.unit_3T, t, label)

    def _step(
        self,
        dense_1D: torch.Tensor,
        category_1C: torch.Tensor,
        labels_T: Floats,
        weights_T: Floats,
        apply_to: ApplyTo,
    ) -> None:
        values_1D, marks_1D = self.standardise(dense_1D)
        row_C = self._known(category_1C)[0].tolist()
        tables = [f"embeddings/{column}" for column in self._layout.category_names if self._spec.hidden]
        # A row of a table is a leaf of its own: the rest of the table has no gradient.
        embedded = [self._leaf(name, row_C[c]) for c, name in enumerate(tables)]
        layers = self.trunk(values_1D, marks_1D, embedded)
        into_1H, room = torch.zeros_like(layers[-1]), 0.0
        groups: list[Group] = []
        for t in np.flatnonzero(np.isfinite(labels_T)).tolist():
            weight = float(weights_T[t])
            head, loss, into = self._backward_head(t, layers[-1], values_1D, marks_1D, row_C, float(labels_T[t]))
            head.factor = weight if apply_to == "all" else 1.0
            self._descent.cap_head(head, loss)
            limit = self._plan.clip_task_norm
            clip = 1.0 if limit is None else min(1.0, limit / max(float(into.norm()), 1e-30))
            into_1H = into_1H + weight * head.share * clip * into
            room += loss * max(weight, head.factor)
            groups.append(head)
        if groups:
            self._descent.step([*self._backward_trunk(layers, tables, embedded, row_C, into_1H), *groups], room)

    def _backward_head(
        self,
        t: int,
        shared_1H: torch.Tensor,
        values_1D: torch.Tensor,
        marks_1D: torch.Tensor,
        row_C: list[int],
        label: float,
    ) -> tuple[Group, float, torch.Tensor]:
        """Gradients of a head, its loss, and the gradient at the last shared layer's output."""
        task = self._tasks[t]
        owner = f"heads/{task.name}"
        own = [n for n in self._names if n.startswith(f"{owner}/") and "/categories/" not in n]
        tables = [f"{owner}/categories/{column}" for column in self._layout.category_names]
        biases = [self._leaf(name, row_C[c]) for c, name in enumerate(tables)]
        leaf_1H = shared_1H.detach().requires_grad_()
        input_1M = torch.cat((self.private(task, leaf_1H), values_1D), dim=1)
        loss = self._loss(t, self.head(task, input_1M, marks_1D, biases), label)
        into, *found = torch.autograd.grad(loss, [leaf_1H, *map(self._tensor, own), *biases])
        pieces = _pieces(own, found, {f"{owner}/weight": input_1M})
        pieces += _row_pieces(tables, row_C, found[len(own) :])
        return Group(2 + t, pieces, n_ones=1 + len(tables)), loss.item(), into

    def _backward_trunk(
        self,
        layers: list[torch.Tensor],
        tables: list[str],
        embedded: list[torch.Tensor],
        row_C: list[int],
        into_1H: torch.Tensor,
    ) -> tuple[Group, Group]:
        """Gradients of the trunk and of the embeddings; a linear model has none of either."""
        names = [name for name in self._names if name.startswith("trunk/")]
        leaves = [*map(self._tensor, names), *embedded]
        found = torch.autograd.grad(layers[-1], leaves, grad_outputs=into_1H) if names else ()
        inputs = {f"trunk/{number}/weight": x for number, x in enumerate(layers[:-1])}
        if names:
            # Marks of missing values take AdaGrad's step under `factored`: they are no factor of an outer product.
            inputs["trunk/0/weight"] = layers[0][:, : layers[0].shape[1] - self._layout.n_dense]
        return Group(0, _pieces(names, found, inputs)), Group(1, _row_pieces(tables, row_C, found[len(names) :]))

    def _leaf(self, name: str, row: int) -> torch.Tensor:
        return self._tensor(name)[row : row + 1].detach().requires_grad_()

    def _loss(self, t: int, raw_1K: torch.Tensor, label: float) -> torch.Tensor:
        task = self._tasks[t]
        if task.hides_unseen:
            raw_1K = raw_1K.masked_fill(~self.seen_K[self._raws[t]], -math.inf)
        return task.loss_torch(raw_1K.double(), torch.tensor([label], dtype=torch.float64))[0]

    # -- weights, both ways

    def values(self) -> dict[str, Reals]:
        """Copies of all parameters by name."""
        return {name: view.copy() for name, view in self._plain.named.items()}

    def load(self, state: State) -> None:
        """Take over parameters, optimizer and statistics of a state of the model."""
        self._plain.load(state["network"])
        self._descent.load(state["network"])
        self.statistics.load(state["statistics"])


def _pieces(names: list[str], gradients: Iterable[torch.Tensor], inputs: dict[str, torch.Tensor]) -> list[Piece]:
    """Gradients of whole parameters; `inputs` are what layers read, by the name of their weight."""
    found = {name: gradient.numpy() for name, gradient in zip(names, gradients, strict=False)}
    pieces = []
    for name, gradient in found.items():
        if name not in inputs:
            pieces.append(Piece(name, slice(None), gradient))
            continue
        x_M, g_N = inputs[name].detach().numpy()[0], found[name.removesuffix("weight") + "bias"]
        # Of a layer, as many rows as there are inputs; raw outputs have a row each, and marks beside the weight.
        is_output = f"{name.removesuffix('weight')}marks" in found
        n_rows = len(g_N) if is_output else len(x_M)
        pieces.append(Piece(name, slice(0, n_rows), gradient[:n_rows], (x_M, g_N), is_output))
        pieces.append(Piece(name, slice(n_rows, None), gradient[n_rows:]))
    return pieces


def _row_pieces(tables: list[str], row_C: list[int], gradients: Iterable[torch.Tensor]) -> list[Piece]:
    """Gradients of the one row of each table that occurred."""
    parts = zip(tables, row_C, gradients, strict=False)
    return [Piece(name, slice(row, row + 1), gradient.numpy()) for name, row, gradient in parts]


def _one_row(dense_D: Floats32, category_C: Ints32) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(dense_D[None].copy()), torch.from_numpy(category_C[None].astype(np.int64))
