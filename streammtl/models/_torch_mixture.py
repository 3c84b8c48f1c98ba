"""The whole `mlp` model in plain torch as it predicts now: it learns no more, nor do running scales. Imports torch.

Shape suffixes as in `streammtl.types`; B rows, K raw outputs of a task, E experts, Q edges, O published columns.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import final

import numpy as np
import torch

from streammtl.models._experts import Expert, LabelMemory, SingleExpert
from streammtl.models._lot import Lot
from streammtl.models._mlp_inputs import Inputs
from streammtl.models._mlp_quantiles import Quantiles
from streammtl.models._mlp_statistics import Statistics
from streammtl.models._network import Network
from streammtl.models._segment import SegmentWeights
from streammtl.models._torch_mlp import Twin
from streammtl.tasks.base import Task
from streammtl.types import Floats, Ops, State


class Predictor(torch.nn.Module, ABC):
    """An expert that learns no more: raw outputs of every task, by name, in the units of the labels."""

    @abstractmethod
    def forward(self, dense_BD: torch.Tensor, category_BC: torch.Tensor) -> dict[str, torch.Tensor]:
        """`(B, K)` in float64; -inf for classes never seen."""


@final
class Networks(Predictor):
    """Twins: one for all tasks, or one for each."""

    def __init__(self, twins: list[Twin], quantiles: Quantiles | None, reads_bins: bool) -> None:
        super().__init__()
        self.twins = torch.nn.ModuleList(twins)
        self.tails = None if quantiles is None or not quantiles.has_tails else Tails(quantiles)
        self.bins = None if quantiles is None or not reads_bins else Bins(quantiles)

    def forward(self, dense_BD: torch.Tensor, category_BC: torch.Tensor) -> dict[str, torch.Tensor]:
        """By running scales and quantiles as they are: the rows do not enter them."""
        if self.bins is not None:
            category_BC = torch.cat((category_BC, self.bins(dense_BD)), dim=1)
        if self.tails is not None:
            dense_BD = torch.cat((dense_BD, self.tails(dense_BD)), dim=1)
        found = {}
        for twin in self.twins:
            assert isinstance(twin, Twin)
            found.update(twin.in_units(dense_BD, category_BC))
        return found


@final
class Constants(Predictor):
    """What the memory of the labels says, whatever the features are."""

    def __init__(self, raws: Mapping[str, Floats]) -> None:
        super().__init__()
        self._names = list(raws)
        for t, raw_K in enumerate(raws.values()):
            self.register_buffer(f"raw_{t}", torch.from_numpy(raw_K.copy()))

    def forward(self, dense_BD: torch.Tensor, category_BC: torch.Tensor) -> dict[str, torch.Tensor]:
        """The same for every row."""
        zero_B1 = torch.zeros_like(dense_BD[:, :0]).sum(dim=1, keepdim=True).double()
        return {name: zero_B1 + self.get_buffer(f"raw_{t}") for t, name in enumerate(self._names)}


@final
class Tails(torch.nn.Module):
    """The tail of each dense value, by the edges as they are: see `streammtl.models._quantiles.tail_of`."""

    tail_4Z: torch.Tensor
    column_Z: torch.Tensor

    def __init__(self, quantiles: Quantiles) -> None:
        super().__init__()
        self.register_buffer("tail_4Z", torch.from_numpy(quantiles.tail_4Z.copy()))
        self.register_buffer("column_Z", torch.from_numpy(quantiles.column_Z.copy()))

    def forward(self, dense_BD: torch.Tensor) -> torch.Tensor:
        """What lies beyond either edge, on a logarithmic scale; 0 for what is not finite."""
        x_BZ = dense_BD[:, self.column_Z].double()
        x_BZ = torch.where(torch.isfinite(x_BZ), x_BZ, self.tail_4Z[0])
        below_BZ = (self.tail_4Z[0] - x_BZ).clamp(min=0.0) * self.tail_4Z[1]
        above_BZ = (x_BZ - self.tail_4Z[2]).clamp(min=0.0) * self.tail_4Z[3]
        return (above_BZ.log1p() - below_BZ.log1p()).to(dense_BD.dtype)


@final
class Bins(torch.nn.Module):
    """The bin of each dense value, by the edges as they are: see `streammtl.models._quantiles.bin_of`."""

    edge_ZQ: torch.Tensor
    column_Z: torch.Tensor

    def __init__(self, quantiles: Quantiles) -> None:
        super().__init__()
        self.register_buffer("edge_ZQ", torch.from_numpy(quantiles.edge_ZQ.copy()))
        self.register_buffer("column_Z", torch.from_numpy(quantiles.column_Z.copy()))

    def forward(self, dense_BD: torch.Tensor) -> torch.Tensor:
        """1 + the number of edges below + the number of edges not above; 0 for what is not finite."""
        x_BZ = dense_BD[:, self.column_Z]
        is_below_BZQ, is_not_above_BZQ = self.edge_ZQ < x_BZ[:, :, None], self.edge_ZQ <= x_BZ[:, :, None]
        place_BZ = 1 + is_below_BZQ.long().sum(dim=2) + is_not_above_BZQ.long().sum(dim=2)
        return place_BZ.masked_fill(~torch.isfinite(x_BZ), 0)


@final
class Snapshot(torch.nn.Module):
    """Published outputs by task, of the mixture with the shares that its experts have now."""

    def __init__(
        self, predictors: list[Predictor], shares: Mapping[str, Mapping[str, float]], tasks: tuple[Task, ...]
    ) -> None:
        """`shares` are those of the predictors, by task and in order; `tasks` are in the order of the outputs."""
        super().__init__()
        for task in tasks:
            task.publish_torch(torch.zeros(1, task.n_raw, dtype=torch.float64))  # raises where a task has none
        self.predictors = torch.nn.ModuleList(predictors)
        self._tasks = tasks
        for t, task in enumerate(tasks):
            self.register_buffer(f"share_{t}", torch.tensor(list(shares[task.name].values()), dtype=torch.float64))

    def forward(self, dense: torch.Tensor, category: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """`(B, O)` by task, of dense columns `(B, D)` with NaN where missing, and categories `(B, C)`."""
        by_expert = [predictor(dense, category) for predictor in self.predictors]
        outputs = []
        for t, task in enumerate(self._tasks):
            raw_EBK = torch.stack([raws[task.name] for raws in by_expert])
            outputs.append(task.publish_torch(mixed(task, raw_EBK, self.get_buffer(f"share_{t}")[:, None, None])))
        return tuple(outputs)


def mixed(task: Task, raw_EBK: torch.Tensor, share_E11: torch.Tensor) -> torch.Tensor:
    """Raw outputs: means of probabilities, rates and values (see `streammtl.models._mixing.mix_task`)."""
    match task.kernel_loss().code:
        case "binary":
            yes_BK, no_BK = ((share_E11 * (sign * raw_EBK).sigmoid()).sum(dim=0) for sign in (1.0, -1.0))
            return yes_BK.log() - no_BK.log()
        case "multiclass":
            # Before the first label no class has been seen, and all are alike.
            is_any_EB1 = raw_EBK.isfinite().any(dim=2, keepdim=True)
            p_BK = (share_E11 * torch.where(is_any_EB1, raw_EBK, 0.0).softmax(dim=2)).sum(dim=0)
            return torch.where(raw_EBK[0].isfinite(), p_BK.log(), -torch.inf)
        case "count":
            return (raw_EBK.clamp(-30.0, 30.0) + share_E11.log()).logsumexp(dim=0)
        case _:
            return (share_E11 * raw_EBK).sum(dim=0)


def snapshot_of(
    experts: Sequence[Expert],
    statistics: Statistics,
    quantiles: Quantiles | None,
    shares: Mapping[str, Mapping[str, float]],
    tasks: tuple[Task, ...],
) -> Snapshot:
    """The model of these parts: `statistics` are those of the shared experts, `tasks` in the order of the outputs."""
    return Snapshot([_predictor(expert, statistics, quantiles, tasks) for expert in experts], shares, tasks)


def _predictor(
    expert: Expert, statistics: Statistics, quantiles: Quantiles | None, tasks: tuple[Task, ...]
) -> Predictor:
    if isinstance(expert, LabelMemory):
        return Constants(_remembered(expert, tasks))
    if isinstance(expert, SingleExpert):
        own = expert.state()
        states = [own[network.tasks[0].name] for network in expert.networks]
    else:
        states = [{"network": expert.state(), "statistics": statistics.state()}]
    twins = [_twin(network, state) for network, state in zip(expert.networks, states, strict=True)]
    reads_bins = quantiles is not None and expert.networks[0].layout.n_categories > quantiles.layout.n_categories
    return Networks(twins, quantiles, reads_bins)


def _twin(network: Network, state: State) -> Twin:
    twin = Twin(network)
    twin.load(state)
    return twin


def _remembered(memory: LabelMemory, tasks: tuple[Task, ...]) -> dict[str, Floats]:
    """What the memory predicts next, by task."""
    no_label_1T = np.full((1, len(tasks)), np.nan)
    no_features = np.zeros((1, 0), dtype=np.float32), np.zeros((1, 0), dtype=np.int32)
    ops = Ops(np.array([False]), np.array([0]), no_label_1T, *no_features)
    by_name = sorted(tasks, key=lambda task: task.name)
    raw_1K = np.empty((1, sum(task.n_raw for task in tasks)))
    no_inputs = Inputs(np.zeros(1, dtype=np.int64), np.zeros((1, 0)))
    lot = Lot.of(ops, no_inputs, SegmentWeights.constant(np.ones(len(tasks)), 1))
    memory.advance(lot, raw_1K, np.empty((0, len(tasks))))
    ends = np.cumsum([task.n_raw for task in by_name])
    return {task.name: raw_1K[0, end - task.n_raw : end] for task, end in zip(by_name, ends, strict=True)}
