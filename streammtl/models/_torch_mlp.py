"""The `mlp` model in plain torch: what the compiled kernel computes, written to be read. Imports torch.

Networks, losses and gradients are torch's own; the optimizers are those of `streammtl.models.optimizers`; the running
scales are the scalar functions that the kernel compiles too. A step takes a thousand times as long as in the kernel.

Shape suffixes as in `streammtl.models._mlp_parameters`; B rows, T tasks sorted by name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, final

import numpy as np
import torch
from torch.nn import functional

from streammtl.models._kernel_math import corrected, standardised, take_inputs, take_label
from streammtl.models._kernel_spec import KernelSpec
from streammtl.models._mlp_parameters import Parameters, Reals
from streammtl.models._mlp_statistics import Statistics
from streammtl.tasks.base import Task
from streammtl.types import Floats, Floats32, Ints32, RowLayout, State
from streammtl.weighting.base import ApplyTo

if TYPE_CHECKING:
    from streammtl.models.mlp import Mlp


@final
class Twin(torch.nn.Module):
    """The network as a module, beside everything that it needs to learn row by row."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        layout, tasks, spec = network.layout, network.tasks, network.spec
        self._config, self._layout, self._tasks, self._spec = network.plan, layout, tasks, spec
        self._plain = Parameters(spec, layout, {task.name: task.n_raw for task in tasks}, seed=0)
        self._names = list(self._plain.named)
        self.statistics = Statistics(layout, tasks)
        # Views: the optimizers change numpy's arrays, and torch sees it.
        self.tensors = torch.nn.ParameterList(
            torch.nn.Parameter(torch.from_numpy(view)) for view in self._plain.named.values()
        )
        self._slots = {
            name: {slot: np.zeros_like(view) for slot in config.optimizer.slots}
            for name, view in self._plain.named.items()
        }
        self._activate = {"relu": torch.relu, "silu": functional.silu}[config.activation]

    def _tensor(self, name: str) -> torch.nn.Parameter:
        tensor: torch.nn.Parameter = self.tensors[self._names.index(name)]
        return tensor

    # -- the function

    def forward(self, dense_BD: torch.Tensor, category_BC: torch.Tensor) -> list[torch.Tensor]:
        """Raw outputs by task, of dense columns as they come and categories."""
        values_BD, marks_BD = self.standardise(dense_BD)
        embedded = [
            self._tensor(f"embeddings/{column}")[category_BC[:, c]]
            for c, column in enumerate(self._layout.category_names)
        ]
        shared_BH = self.trunk(values_BD, marks_BD, embedded)
        raws = []
        for task in self._tasks:
            biases = [
                self._tensor(f"heads/{task.name}/categories/{column}")[category_BC[:, c]]
                for c, column in enumerate(self._layout.category_names)
            ]
            raws.append(self.head(task, shared_BH, values_BD, marks_BD, biases))
        return raws

    def standardise(self, dense_BD: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Dense columns standardised and clipped, 0 where missing, and the marks that say so."""
        x_BD = dense_BD.double()
        is_missing_BD = ~torch.isfinite(x_BD)
        mean_D = torch.from_numpy(self.statistics.scale_6D[1])
        x_BD = (x_BD - mean_D) * torch.from_numpy(self.statistics.inverse_D)
        x_BD = x_BD.clamp(-self._config.clip_input, self._config.clip_input).masked_fill(is_missing_BD, 0.0)
        dtype = getattr(torch, self._config.dtype)
        return x_BD.to(dtype), is_missing_BD.to(dtype)

    def trunk(self, values_BD: torch.Tensor, marks_BD: torch.Tensor, embedded: list[torch.Tensor]) -> torch.Tensor:
        """The last shared layer's output."""
        return self._layers("trunk", torch.cat((values_BD, *embedded, marks_BD), dim=1), len(self._spec.hidden))

    def head(
        self,
        task: Task,
        shared_BH: torch.Tensor,
        values_BD: torch.Tensor,
        marks_BD: torch.Tensor,
        biases: list[torch.Tensor],
    ) -> torch.Tensor:
        """Raw outputs of one task, from the last shared layer, the dense inputs, and the biases of the categories."""
        owner = f"heads/{task.name}"
        hidden_BM = self._layers(owner, shared_BH, len(self._spec.head_hidden))
        raw_BK = torch.cat((hidden_BM, values_BD), dim=1) @ self._tensor(f"{owner}/weight").T
        raw_BK = raw_BK + marks_BD @ self._tensor(f"{owner}/marks").T + self._tensor(f"{owner}/bias")
        return raw_BK + sum(biases)

    def _layers(self, owner: str, x: torch.Tensor, n_layers: int) -> torch.Tensor:
        for number in range(n_layers):
            z = x @ self._tensor(f"{owner}/{number}/weight") + self._tensor(f"{owner}/{number}/bias")
            x = self._activate(z)
        return x

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
        take_inputs(dense_D[None], 0, scaled_D, known.scale_6D, known.inverse_D, self._config.memory_rows)

    def learn(
        self, dense_D: Floats32, category_C: Ints32, labels_T: Floats, weights_T: Floats, apply_to: ApplyTo = "trunk"
    ) -> None:
        """One step on one row; labels and weights by task, sorted by name; NaN: no label."""
        self.statistics.counts[1] += 1
        if self.statistics.counts[1] > self.statistics.counts[0]:
            self._take_inputs(dense_D)
        for t, label in enumerate(labels_T):
            if math.isfinite(label):
                self._take_label(t, float(label))
        self._step(*_one_row(dense_D, category_C), labels_T, weights_T, apply_to)

    def _take_label(self, t: int, label: float) -> None:
        task, known = self._tasks[t], self.statistics
        if task.hides_unseen:
            first = sum(other.n_raw for other in self._tasks[:t])
            known.seen_K[first + int(label)] = True
        if not task.is_scaled:
            return
        ratio, shift = take_label(known.scale_6T, known.unit_3T, t, label, self._config.memory_rows)
        correct = np.vectorize(corrected, otypes=[np.float64])
        for name, view in self._plain.named.items():
            owner, _, rest = name.rpartition("/")
            is_output = owner == f"heads/{task.name}" and rest in ("weight", "marks")
            if is_output or name.startswith(f"heads/{task.name}/categories/"):
                view[...] = correct(view.astype(np.float64), ratio, 0.0)
            elif name == f"heads/{task.name}/bias":
                view[...] = correct(view.astype(np.float64), ratio, shift)

    def _step(
        self,
        dense_1D: torch.Tensor,
        category_1C: torch.Tensor,
        labels_T: Floats,
        weights_T: Floats,
        apply_to: ApplyTo,
    ) -> None:
        values_1D, marks_1D = self.standardise(dense_1D)
        columns = list(enumerate(self._layout.category_names))
        row_C = category_1C[0].tolist()
        # A row of a table is a leaf of its own: the rest of the table has no gradient.
        embedded = [self._leaf(f"embeddings/{column}", row_C[c]) for c, column in columns]
        shared_1H = self.trunk(values_1D, marks_1D, embedded)
        trunk = [name for name in self._names if name.startswith("trunk/")]
        gradients: dict[str, Any] = {}  # by group: a list of (name, row or None, gradient)
        into_1H = torch.zeros_like(shared_1H)
        for t, task in enumerate(self._tasks):
            if not math.isfinite(labels_T[t]):
                continue
            own = [n for n in self._names if n.startswith(f"heads/{task.name}/") and "/categories/" not in n]
            biases = [self._leaf(f"heads/{task.name}/categories/{column}", row_C[c]) for c, column in columns]
            leaf_1H = shared_1H.detach().requires_grad_()
            raw_1K = self.head(task, leaf_1H, values_1D, marks_1D, biases)
            loss = self._loss(t, raw_1K, float(labels_T[t]))
            into, *found = torch.autograd.grad(loss, [leaf_1H, *map(self._tensor, own), *biases])
            factor = float(weights_T[t]) if apply_to == "all" else 1.0
            where = [*((name, None) for name in own)]
            where += [(f"heads/{task.name}/categories/{column}", row_C[c]) for c, column in columns]
            gradients[task.name] = [(*place, factor * g) for place, g in zip(where, found, strict=True)]
            limit = self._config.clip_task_norm
            clip = 1.0 if limit is None else min(1.0, limit / max(float(into.norm()), 1e-30))
            into_1H = into_1H + float(weights_T[t]) * clip * into
        if not gradients:
            return
        shared = torch.autograd.grad(shared_1H, [*map(self._tensor, trunk), *embedded], grad_outputs=into_1H)
        gradients["trunk"] = [(name, None, g) for name, g in zip(trunk, shared, strict=False)]
        gradients["tables"] = [
            (f"embeddings/{column}", row_C[c], g) for (c, column), g in zip(columns, shared[len(trunk) :], strict=True)
        ]
        self._update(gradients)

    def _leaf(self, name: str, row: int) -> torch.Tensor:
        return self._tensor(name)[row : row + 1].detach().requires_grad_()

    def _loss(self, t: int, raw_1K: torch.Tensor, label: float) -> torch.Tensor:
        task = self._tasks[t]
        if task.is_scaled:
            label = standardised(self.statistics.unit_3T, t, label)
        if task.hides_unseen:
            first = sum(other.n_raw for other in self._tasks[:t])
            hidden_K = ~self.statistics.seen_K[first : first + task.n_raw]
            raw_1K = raw_1K.masked_fill(torch.from_numpy(hidden_K), -math.inf)
        return task.loss_torch(raw_1K.double(), torch.tensor([label], dtype=torch.float64))[0]

    def _update(self, gradients: Mapping[str, list[tuple[str, int | None, torch.Tensor]]]) -> None:
        square = sum(float(g.double().square().sum()) for found in gradients.values() for _, _, g in found)
        if not square <= 1e24:
            return
        limit, norm = self._config.clip_norm, math.sqrt(square)
        scale = 1.0 if limit is None or norm <= limit else limit / norm
        groups = ["trunk", "tables", *(task.name for task in self._tasks)]
        for group, found in gradients.items():
            number = groups.index(group)
            self._plain.n_steps_G[number] += 1
            for name, row, gradient in found:
                here = slice(None) if row is None else slice(row, row + 1)
                slots = {slot: array[here] for slot, array in self._slots[name].items()}
                step = (scale * gradient).numpy()
                n_steps = int(self._plain.n_steps_G[number])
                self._config.optimizer.step(self._plain.named[name][here], step, slots, n_steps)

    # -- weights, both ways

    def values(self) -> dict[str, Reals]:
        """Copies of all parameters by name."""
        return {name: view.copy() for name, view in self._plain.named.items()}

    def load(self, state: State) -> None:
        """Take over parameters, optimizer and statistics of a state of the model."""
        self._plain.load(state["network"])
        for s, slot in enumerate(self._config.optimizer.slots if state["network"]["slots"] else ()):
            for name, array in self._slots.items():
                array[slot][...] = state["network"]["slots"][str(s)][name]
        self.statistics.load(state["statistics"])


def _one_row(dense_D: Floats32, category_C: Ints32) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(dense_D[None].copy()), torch.from_numpy(category_C[None].astype(np.int64))
