"""The experts of the `mlp` model: networks, for all tasks together or one for each, and a memory of the labels.

Shape suffixes as in `streammtl.types`; K raw outputs of all tasks side by side.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, TypeAlias, final

import numpy as np
from pydantic import Field

from streammtl.component import Settings
from streammtl.models._kernel_math import LOSS_CODES
from streammtl.models._lot import Lot
from streammtl.models._mlp_statistics import Statistics
from streammtl.models._network import Network, Steps, loss_parameters
from streammtl.models._segment import Segment, SegmentWeights
from streammtl.models.optimizers import KernelOptimizer, Sgd
from streammtl.tasks.base import Task
from streammtl.types import Floats, Ints, RowLayout, State

Width: TypeAlias = Annotated[int, Field(ge=1, le=8192)]
_Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9_.-]+$")]


class NetworkExpert(Settings):
    """Settings of an expert that is a network, or one network per task."""

    kind: Literal["network"] = "network"
    name: _Name | None = Field(default=None, description="Default: made of the settings, as sgd-0.012.")
    optimizer: KernelOptimizer = Field(
        default=Sgd(rate=0.012),
        description="How a gradient becomes a step: sgd, factored, adagrad, adam or rmsprop.",
    )
    hidden: Annotated[tuple[Width, ...], Field(max_length=16)] | None = Field(
        default=None, description="Widths of the shared layers; [] is a linear model. Default: the model's."
    )
    embedding_dim: int | None = Field(
        default=None, ge=1, le=1024, description="Width of each embedding. Default: the model's."
    )
    scope: Literal["shared", "single"] = Field(
        default="shared",
        description="shared: one network for all tasks. single: one for each task, which shows what sharing gains.",
    )
    bins: bool = Field(
        default=False,
        description="Whether it also reads, per standardised column, between which quantiles the value lies.",
    )
    weights: Literal["adaptive", "equal"] = Field(
        default="adaptive", description="The weighting's task weights, or 1 for every task."
    )

    @property
    def title(self) -> str:
        """The name, or one made of the settings."""
        if self.name is not None:
            return self.name
        words = [self.optimizer.kind, f"{self.optimizer.rate:g}"]
        words += ["linear"] if self.hidden == () else []
        words += ["bins"] if self.bins else []
        words += ["single"] if self.scope == "single" else []
        words += ["equal"] if self.weights == "equal" else []
        return "-".join(words)


class MemoryExpert(Settings):
    """Settings of the expert that looks at no feature: it predicts a decayed mean of the labels."""

    kind: Literal["memory"] = "memory"
    name: _Name | None = Field(default=None, description="Default: made of the settings, as memory-0.5.")
    decay: float = Field(
        default=0.5, ge=0.0, lt=1.0, description="How much of the past each label leaves; 0: the last label again."
    )

    @property
    def title(self) -> str:
        """The name, or one made of the settings."""
        return self.name or f"memory-{self.decay:g}"


AnyExpert: TypeAlias = Annotated[NetworkExpert | MemoryExpert, Field(discriminator="kind")]


class Expert(ABC):
    """Predicts and learns as its settings say, by itself."""

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def networks(self) -> tuple[Network, ...]:
        """The networks that it consists of."""
        return ()

    def begin(self, statistics: Statistics) -> None:
        """Take what is needed of the scales before a call: of the inputs as after it, of the labels as before."""
        return

    @abstractmethod
    def advance(self, lot: Lot, raw_PK: Floats, mixing_LT: Floats) -> tuple[Steps, ...]:
        """Execute operations; write raw outputs and, of each LEARN, the losses that weigh it (see `Network`).

        Returns the steps of each network; where no label was of any use to it, no step was skipped.
        """

    @abstractmethod
    def state(self) -> State:
        """What it has learned."""

    @abstractmethod
    def load(self, state: State) -> None:
        """Take over a `state`."""


@final
class SharedExpert(Expert):
    """One network for all tasks.

    Every shared expert sees the same running scales, so they are kept once, by the model: each runs on a copy of what
    they were before the operations, and the leader's copy is what those of the labels are afterwards.
    """

    def __init__(self, name: str, settings: NetworkExpert, network: Network, segment: Segment) -> None:
        super().__init__(name)
        self.network, self.segment = network, segment
        self.statistics = Statistics(network.layout, network.tasks)
        self._is_equal = settings.weights == "equal"

    @property
    def networks(self) -> tuple[Network, ...]:
        """The one."""
        return (self.network,)

    def begin(self, statistics: Statistics) -> None:
        """Copy the scales of the labels; the inputs come standardised."""
        self.statistics.copy_labels_from(statistics)

    def advance(self, lot: Lot, raw_PK: Floats, mixing_LT: Floats) -> tuple[Steps, ...]:
        """Execute the operations."""
        return (_of_labelled(self._advance(lot, raw_PK, mixing_LT), mixing_LT),)

    def lead(
        self,
        lot: Lot,
        stops: Sequence[int],
        n_given: int,
        raw_PK: Floats,
        mixing_LT: Floats,
        reweight: Callable[[], Floats],
        give: Callable[[Lot], None],
    ) -> tuple[tuple[Steps, ...], Floats]:
        """Execute the operations with new weights before each of `stops`; returns the weights after the last, too.

        Gives them to those who follow in lots of at least `n_given`, each as soon as its weights are known.
        """
        weights_T = lot.weights.weights_ST[0]
        if not stops:  # as in most small turns, which shall be quick
            give(lot)
            return self.advance(lot, raw_PK, mixing_LT), weights_T
        n_taken = start = first = 0  # the first that was not given
        weights_ST, stop_S = [], []
        for i, stop in enumerate((*stops, len(lot.ops))):
            weights_ST.append(weights_T)
            stop_S.append(stop - first)
            if stop - first >= n_given or (i == len(stops) and stop > first):
                give(lot.between(first, stop, SegmentWeights(np.array(weights_ST), np.array(stop_S))))
                weights_ST, stop_S, first = [], [], stop
            part = lot.between(start, stop, SegmentWeights.constant(weights_T, stop - start))
            n_taken += self._advance(part, raw_PK[part.predicts], mixing_LT[part.learns]).n_taken
            start = stop
            if i < len(stops):
                weights_T = reweight()
        return (_of_labelled(Steps(n_taken, 0), mixing_LT),), weights_T

    def _advance(self, lot: Lot, raw_PK: Floats, mixing_LT: Floats) -> Steps:
        weights = lot.weights
        if self._is_equal:
            weights = SegmentWeights(np.ones_like(weights.weights_ST), weights.stop_S)
        return self.network.advance(lot.ops, lot.inputs, weights, self.statistics, self.segment, raw_PK, mixing_LT)

    def state(self) -> State:
        """Of the network; scales and signals are the model's."""
        return self.network.state()

    def load(self, state: State) -> None:
        """Take over a `state`."""
        self.network.load(state)


@final
class SingleExpert(Expert):
    """A network for each task, which knows of no other task."""

    def __init__(self, name: str, networks: tuple[Network, ...], n_columns: int) -> None:
        super().__init__(name)
        self._networks = networks
        self._statistics = [Statistics(network.layout, network.tasks) for network in networks]
        self._segments = [Segment(n_columns) for _ in networks]

    @property
    def networks(self) -> tuple[Network, ...]:
        """One per task."""
        return self._networks

    def begin(self, statistics: Statistics) -> None:
        """Copy the scales of the inputs: those of the labels are its own."""
        for own in self._statistics:
            own.copy_inputs_from(statistics)

    def advance(self, lot: Lot, raw_PK: Floats, mixing_LT: Floats) -> tuple[Steps, ...]:
        """Execute the operations."""
        k0, all_steps = 0, []
        ones = SegmentWeights.constant(np.ones_like(lot.weights.weights_ST[0]), len(lot.ops))
        for t, network in enumerate(self._networks):
            n_raw = network.first_raw_T[-1]
            own_PK, own_L1 = np.empty((len(raw_PK), n_raw)), np.full((len(mixing_LT), 1), np.nan)
            steps = network.advance(lot.ops, lot.inputs, ones, self._statistics[t], self._segments[t], own_PK, own_L1)
            raw_PK[:, k0 : k0 + n_raw] = own_PK
            mixing_LT[:, t] = own_L1[:, 0]
            k0 += n_raw
            all_steps.append(_of_labelled(steps, own_L1))
        return tuple(all_steps)

    def state(self) -> State:
        """Of each network, with scales of its own."""
        parts = zip(self._networks, self._statistics, strict=True)
        return {n.tasks[0].name: {"network": n.state(), "statistics": s.state()} for n, s in parts}

    def load(self, state: State) -> None:
        """Take over a `state`."""
        for network, statistics in zip(self._networks, self._statistics, strict=True):
            own = state[network.tasks[0].name]
            network.load(own["network"])
            statistics.load(own["statistics"])


@final
class LabelMemory(Expert):
    """A decayed mean of the labels, of classes and yes or no their decayed frequency."""

    def __init__(
        self, name: str, settings: MemoryExpert, tasks: tuple[Task, ...], columns: tuple[int, ...], memory_rows: int
    ) -> None:
        """`memory_rows` is that of the networks: its losses are measured in the same units."""
        from streammtl.models._kernel_build import build_passes

        super().__init__(name)
        self._remember: Any = build_passes().remember
        self._tasks = tasks
        first_raw_T: Ints = np.array([0, *itertools.accumulate(task.n_raw for task in tasks)])
        self._first_raw_T = first_raw_T
        self._tables = (
            np.array(columns, dtype=np.int64),
            np.array([LOSS_CODES.index(task.kernel_loss().code) for task in tasks], dtype=np.int64),
            np.array([task.is_scaled for task in tasks], dtype=bool),
            first_raw_T,
            np.array([settings.decay, memory_rows]),
            loss_parameters(tasks),
        )
        self._sum_K: Floats = np.zeros(first_raw_T[-1])
        self._total_T: Floats = np.zeros(len(tasks))
        self._statistics = Statistics(RowLayout((), (), (), ()), tasks)
        self._raw_K: Floats = np.zeros(first_raw_T[-1])

    def advance(self, lot: Lot, raw_PK: Floats, mixing_LT: Floats) -> tuple[Steps, ...]:
        """Execute the operations."""
        known = self._statistics
        state = (self._sum_K, self._total_T, known.scale_6T, known.unit_3T, known.seen_K)
        self._remember(lot.ops.is_learn_N, lot.ops.labels_NT, *self._tables, *state, self._raw_K, raw_PK, mixing_LT)
        return ()

    def state(self) -> State:
        """Sums and counts, and the running scales of the labels, tasks by name."""
        scales, parts = self._statistics.state()["tasks"], {}
        for t, task in enumerate(self._tasks):
            here = slice(self._first_raw_T[t], self._first_raw_T[t + 1])
            parts[task.name] = {"sum": self._sum_K[here].copy(), "total": float(self._total_T[t]), **scales[task.name]}
        return parts

    def load(self, state: State) -> None:
        """Take over a `state`."""
        for t, task in enumerate(self._tasks):
            here, own = slice(self._first_raw_T[t], self._first_raw_T[t + 1]), state[task.name]
            self._sum_K[here], self._total_T[t] = own["sum"], own["total"]
        empty = self._statistics.state()
        self._statistics.load({**empty, "tasks": state})


def _of_labelled(steps: Steps, mixing_LT: Floats) -> Steps:
    """An operation without a label that the network could use is none that was skipped."""
    n_labelled = int(np.count_nonzero(~np.isnan(mixing_LT).all(axis=1)))
    return Steps(steps.n_taken, n_labelled - steps.n_taken)
