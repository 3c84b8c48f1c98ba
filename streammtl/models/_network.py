"""One network of the `mlp` model: parameters, an optimizer, and the compiled kernel that runs both.

Shape suffixes as in `streammtl.types`; K raw outputs of all tasks side by side, G groups of parameters that count
their own steps, W weights of the last shared layer.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any, Literal, final

import numpy as np

from streammtl.models._kernel_math import LOSS_CODES
from streammtl.models._kernel_spec import RAW_ROWS, Activation, KernelSpec, OptimizerKind, padded_raws, places
from streammtl.models._mlp_inputs import Inputs
from streammtl.models._mlp_parameters import Parameters, aligned_zeros
from streammtl.models._mlp_statistics import Statistics
from streammtl.models._segment import GradientAverages, Segment, SegmentWeights
from streammtl.models.optimizers import AdaGrad, Adam, Factored, KernelOptimizer, RmsProp, Sgd
from streammtl.tasks.base import Task
from streammtl.types import Floats, Ops, RowLayout, State
from streammtl.weighting.base import ApplyTo, Needs

#: The gradients behind the Gram matrix remember about this many LEARN operations.
_GRADIENT_MEMORY_ROWS = 256


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """The settings of one network."""

    hidden: tuple[int, ...]
    head_hidden: tuple[int, ...]
    activation: Activation
    embedding_dim: int
    optimizer: KernelOptimizer
    cap: float | None
    clip_norm: float | None
    clip_task_norm: float | None
    clip_input: float
    memory_rows: int
    dtype: Literal["float32", "float64"]

    def spec(self, layout: RowLayout, needs: Needs = Needs.LOSSES) -> KernelSpec:
        """What the kernel of these settings is compiled for; code that collects no signal compiles sooner."""
        return KernelSpec(
            n_dense=layout.n_dense,
            n_categories=layout.n_categories,
            embedding_dim=self.embedding_dim,
            hidden=self.hidden,
            head_hidden=self.head_hidden,
            activation=self.activation,
            optimizer=kernel_optimizer(self.optimizer)[0],
            dtype=self.dtype,
            has_after=Needs.LOSSES_AFTER in needs,
            has_gradients=Needs.GRAMIAN in needs,
        )


@dataclass(frozen=True, slots=True)
class Steps:
    """What a network did with some operations."""

    n_taken: int
    n_skipped: int


@final
class Network:
    """A shared trunk, a head per task, and their steps."""

    def __init__(
        self,
        plan: NetworkPlan,
        layout: RowLayout,
        tasks: tuple[Task, ...],
        columns: tuple[int, ...],
        needs: Needs,
        apply_to: ApplyTo,
        seed: int,
    ) -> None:
        """`tasks` are sorted by name; `columns` are their places in the labels, the weights and the signals."""
        from streammtl.models._kernel_build import build_kernel

        self.plan, self.layout, self.tasks = plan, layout, tasks
        self.spec = plan.spec(layout, needs)
        self.kernel = build_kernel(self.spec)
        #: The first raw output of each task, and the number of all of them.
        self.first_raw_T = [0, *itertools.accumulate(task.n_raw for task in tasks)]
        self.parameters = Parameters(self.spec, layout, {task.name: task.n_raw for task in tasks}, seed)
        n_columns = max(columns) + 1
        self.averages: GradientAverages | None = None
        if Needs.GRAMIAN in needs:
            last = places(self.spec).trunk[-1]
            share = math.exp(-1.0 / _GRADIENT_MEMORY_ROWS)
            self.averages = GradientAverages(n_columns, last.n_in * last.n_out, share)
        self._no_averages_TW = np.zeros((n_columns, 0))
        self._n_no_averages_T = np.zeros(n_columns, dtype=np.int64)
        self._constants = (
            *_of_tasks(tasks, columns, self.first_raw_T),
            *_of_tables(layout, self.parameters),
            *_of_settings(plan),
            np.array([apply_to == "all"]),
            loss_parameters(tasks),
            np.array([_is_plain(task) for task in tasks]),
        )
        self._class_weight_K = np.ones(self.first_raw_T[-1])
        self._has_class_weights = any(task.kernel_loss().class_weight_K is not None for task in tasks)
        self._scratch = _scratch(self.spec, len(tasks), self.first_raw_T[-1])

    def advance(
        self,
        ops: Ops,
        inputs: Inputs,
        weights: SegmentWeights,
        statistics: Statistics,
        segment: Segment,
        raw_PK: Floats,
        mixing_LT: Floats,
    ) -> Steps:
        """Execute the operations in order; `segment`, and `statistics` of the labels, move on.

        Writes the raw outputs of each PREDICT, in the units of the labels, and of each LEARN the losses by which a
        mixture weighs its experts, made by the network as it was before the step; NaN stays where there is no label.
        """
        n_taken, n_skipped = self.kernel(
            ops.is_learn_N,
            ops.row_N,
            ops.labels_NT,
            inputs.place_N,
            inputs.x_ND,
            ops.category_RC,
            weights.weights_ST,
            weights.stop_S,
            raw_PK,
            mixing_LT,
            self.parameters.value,
            *self.parameters.slots,
            self.parameters.n_steps_G,
            *statistics.of_labels,
            segment.n_T,
            segment.sum_T,
            segment.after_T,
            self._no_averages_TW if self.averages is None else self.averages.average_TW,
            self._n_no_averages_T if self.averages is None else self.averages.n_T,
            *self._constants,
            self._class_weights(),
            *self._scratch,
        )
        return Steps(n_taken, n_skipped)

    def _class_weights(self) -> Floats:
        """The weight of every class; of a task that discovers its classes it may come with a new class."""
        if self._has_class_weights:
            for t, task in enumerate(self.tasks):
                weight_K = task.kernel_loss().class_weight_K
                if weight_K is not None:
                    self._class_weight_K[self.first_raw_T[t] : self.first_raw_T[t + 1]] = weight_K
        return self._class_weight_K

    def state(self) -> State:
        """Parameters, the optimizer's arrays, and the averages of gradients."""
        averages = {} if self.averages is None else self.averages.state()
        return {**self.parameters.state(), "gradients": averages}

    def load(self, state: State) -> None:
        """Take over a `state`."""
        self.parameters.load(state)
        if self.averages is not None:
            self.averages.load(state["gradients"])


def kernel_optimizer(chosen: KernelOptimizer) -> tuple[OptimizerKind, tuple[float, ...]]:
    """The kernel's name of the optimizer, and its `hyper`: the rate, then what the formula of this kind reads."""
    match chosen:
        case Sgd():
            if chosen.momentum or chosen.weight_decay:
                return "momentum", (chosen.rate, chosen.momentum, chosen.weight_decay)
            return "sgd", (chosen.rate,)
        case Adam():
            return "adam", (chosen.rate, chosen.epsilon, chosen.beta1, chosen.beta2)
        case AdaGrad():
            return "adagrad", (chosen.rate, chosen.epsilon)
        case RmsProp():
            return "rmsprop", (chosen.rate, chosen.epsilon, chosen.decay)
        case Factored():
            return "factored", (chosen.rate, chosen.epsilon)


def _of_tasks(tasks: tuple[Task, ...], columns: tuple[int, ...], first_raw_T: list[int]) -> tuple[Any, ...]:
    """The kernel's arguments from `column_T` to `first_raw_T`."""
    return (
        np.array(columns, dtype=np.int64),
        np.array([LOSS_CODES.index(task.kernel_loss().code) for task in tasks], dtype=np.int64),
        np.array([task.is_scaled for task in tasks], dtype=bool),
        np.array(first_raw_T, dtype=np.int64),
    )


def loss_parameters(tasks: tuple[Task, ...]) -> Floats:
    """The kernel's argument `loss_T3`."""
    loss_T3 = np.zeros((len(tasks), 3))
    for t, task in enumerate(tasks):
        parameters = task.kernel_loss().parameters
        loss_T3[t, : len(parameters)] = parameters
    return loss_T3


def _is_plain(task: Task) -> bool:
    """Whether the loss is the plain log loss: then a mixture weighs by the same number."""
    loss = task.kernel_loss()
    is_plain_binary = loss.code == "binary" and loss.parameters == (1.0, 0.0, 0.0)
    is_plain_multiclass = loss.code == "multiclass" and loss.parameters == (0.0,) and loss.class_weight_K is None
    return is_plain_binary or is_plain_multiclass


def _of_tables(layout: RowLayout, parameters: Parameters) -> tuple[Any, ...]:
    """The kernel's arguments from `size_C` to `head_places`."""
    places = parameters.places
    return (
        np.array(layout.table_sizes, dtype=np.int64),
        np.array(places.table_C, dtype=np.int64),
        np.array(places.bias_C, dtype=np.int64),
        np.array([places.heads, places.marks, places.biases], dtype=np.int64),
    )


def _of_settings(plan: NetworkPlan) -> tuple[Any, ...]:
    """The kernel's arguments `limits` and `hyper`."""
    clips = [math.inf if clip is None else clip for clip in (plan.clip_norm, plan.clip_task_norm)]
    share = 1.0 - math.exp(-1.0 / _GRADIENT_MEMORY_ROWS)
    cap = math.inf if plan.cap is None else plan.cap
    return np.array([plan.memory_rows, *clips, share, cap]), np.array(kernel_optimizer(plan.optimizer)[1])


def _scratch(spec: KernelSpec, n_tasks: int, n_raw: int) -> tuple[Any, ...]:
    """The kernel's arguments from `a` to the end."""
    at = places(spec)
    return (
        aligned_zeros(at.n_scratch + n_tasks * at.n_block + len(RAW_ROWS) * padded_raws(n_raw), spec.dtype),
        np.zeros(n_raw),
        np.zeros(n_raw),
        np.zeros(n_tasks),
        np.zeros(n_tasks, dtype=bool),
        np.zeros(n_tasks),
        np.zeros(spec.n_categories, dtype=np.int64),
        np.zeros(spec.n_categories, dtype=np.int64),
        np.zeros(spec.n_dense + 1, dtype=np.int64),
    )
