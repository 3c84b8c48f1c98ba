"""The per-event network: an optimizer step on every LEARN, in a compiled kernel.

Shape suffixes as in `streammtl.types`; K raw outputs of all tasks side by side, G groups of parameters that count
their own steps.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, final

import numpy as np
from pydantic import Field

from streammtl.errors import ConfigError
from streammtl.models._kernel_math import LOSS_CODES
from streammtl.models._kernel_spec import Activation, KernelSpec, OptimizerKind, places
from streammtl.models._mlp_parameters import Parameters, aligned_zeros
from streammtl.models._mlp_statistics import Statistics
from streammtl.models._segment import GradientAverages, Segment
from streammtl.models.base import Model, Strides
from streammtl.models.optimizers import AdaGrad, Adam, AnyOptimizer, RmsProp, Sgd
from streammtl.tasks.base import Task
from streammtl.types import Floats, Ops, RowLayout, Signals, State
from streammtl.weighting.base import ApplyTo, Needs

if TYPE_CHECKING:
    from streammtl.models._torch_mlp import Twin

_Width: TypeAlias = Annotated[int, Field(ge=1, le=8192)]

#: The gradients behind the Gram matrix remember about this many LEARN operations.
_GRADIENT_MEMORY_ROWS = 256


@final
class Mlp(Model):
    """A multi-layer perceptron shared by all tasks, with a head per task, that takes a step on every LEARN.

    **Order.** One compiled loop executes PREDICT and LEARN in record order. What was learned from one label is in the
    next prediction.

    **Inputs.** Dense columns, standardised by running statistics where the layout says so, clipped, missing ones 0
    beside a mark that says so; an embedding per categorical column. A row enters the statistics when it is predicted,
    labelled or not, before it is standardised. (Rows learned without ever having been predicted enter when learned.)

    **Heads.** Each raw output is linear in the last hidden layer *and* in the dense inputs, plus a bias per category:
    a linear model that needs no hidden layer, and a network for the rest (as in Cheng et al., Wide & Deep Learning
    for Recommender Systems, DLRS 2016).

    **Loss.** The sum over the tasks that have a label. Task weights scale each task's gradient at the last shared
    layer's output, and with `apply_to="all"` that of its head too. A task without a label contributes nothing, and
    neither its head nor the head's optimizer moves.

    **Regression.** Labels are standardised by running statistics, updated with each label before its loss. The units
    of the head follow in small jumps, and at each jump its last layer is corrected so that its function stays what it
    is (van Hasselt, Guez, Hessel, Mnih, Silver, Learning values across many orders of magnitude, NeurIPS 2016,
    proposition 1); we differ from it in the jumps, which make the correction cheap. Standardised labels are clipped
    to +-50.

    **Robustness.** A step whose loss or gradient is not finite is skipped and counted. Running statistics take in a
    wild value as at most 100 standard deviations. Parameters and outputs stay finite.

    **Speed.** The kernel is compiled for the widths, the tasks' kinds and the optimizer, when the model is built; this
    takes some seconds the first time on a machine, after that it is read from a folder below the user's home.

    >>> import numpy as np
    >>> from streammtl.tasks.regression import RegressionTask
    >>> from streammtl.types import Ops, RowLayout
    >>> layout = RowLayout(("x",), (True,), (), ())
    >>> model = Mlp.Config(hidden=(4,)).build(layout, (RegressionTask.Config().build("y"),))
    >>> ops = Ops(
    ...     is_learn_N=np.array([False, True, False]),
    ...     row_N=np.array([0, 0, 0]),
    ...     labels_NT=np.array([[np.nan], [3.0], [np.nan]]),
    ...     dense_RD=np.ones((1, 1), dtype=np.float32),
    ...     category_RC=np.zeros((1, 0), dtype=np.int32),
    ... )
    >>> model.advance(ops, np.ones(1)).outputs_PO
    array([[0.],
           [3.]])
    """

    class Config(Model.Config):
        """Settings of the per-event network."""

        kind: Literal["mlp"] = "mlp"
        hidden: tuple[_Width, ...] = Field(
            default=(64, 64), min_length=1, max_length=16, description="Widths of the shared layers."
        )
        head_hidden: tuple[_Width, ...] = Field(
            default=(), max_length=16, description="Widths of the hidden layers of each head; none by default."
        )
        activation: Activation = Field(
            default="relu", description="What follows each hidden layer: max(x, 0), or x / (1 + exp(-x))."
        )
        embedding_dim: int = Field(
            default=8, ge=1, le=1024, description="Width of the embedding of each categorical column."
        )
        optimizer: AnyOptimizer = Field(
            default=Sgd(rate=0.02), description="How a gradient becomes a step: sgd, adam, adagrad or rmsprop."
        )
        clip_norm: float | None = Field(
            default=10.0, gt=0.0, description="Largest norm of the gradient of all parameters together; null: no limit."
        )
        clip_task_norm: float | None = Field(
            default=None,
            gt=0.0,
            description="Largest norm of each task's gradient at the last shared layer's output, before its weight; "
            "null: no limit.",
        )
        clip_input: float = Field(
            default=8.0,
            gt=0.0,
            le=1000.0,
            description="Dense inputs are clipped to plus or minus this, standardised ones after standardising.",
        )
        memory_rows: int = Field(
            default=100_000,
            ge=2,
            description="Rows after which the running mean and deviation of features and labels begin to forget.",
        )
        dtype: Literal["float32", "float64"] = Field(
            default="float32", description="Precision of the parameters; float64 takes about twice the time."
        )

    def __init__(
        self,
        config: Mlp.Config,
        layout: RowLayout,
        tasks: tuple[Task, ...],
        needs: Needs = Needs.LOSSES,
        apply_to: ApplyTo = "trunk",
        seed: int = 0,
    ) -> None:
        from streammtl.models._kernel_build import build_kernel

        if not tasks:
            raise ConfigError("a model needs at least one task; found none under tasks")
        by_name = sorted(range(len(tasks)), key=lambda t: tasks[t].name)
        self._config, self._layout, self._tasks = config, layout, tasks
        #: In the kernel's order, by name: so the order of the configuration decides no rounding.
        self._sorted_tasks = tuple(tasks[t] for t in by_name)
        self._spec = kernel_spec(config, layout)
        self._advance = build_kernel(self._spec)
        #: The first raw output of each, and the number of all of them.
        self._first_raw_T = [0, *itertools.accumulate(task.n_raw for task in self._sorted_tasks)]
        n_raw_by_name = {task.name: task.n_raw for task in self._sorted_tasks}
        self._parameters = Parameters(self._spec, layout, n_raw_by_name, seed)
        self._statistics = Statistics(layout, self._sorted_tasks)
        self._segment = Segment(len(tasks), needs)
        self._averages: GradientAverages | None = None
        n_averaged = 0
        if Needs.GRAMIAN in needs:
            last = places(self._spec).trunk[-1]
            n_averaged = last.n_in * last.n_out
            self._averages = GradientAverages(len(tasks), n_averaged, math.exp(-1.0 / _GRADIENT_MEMORY_ROWS))
        self._no_averages_TW = np.zeros((len(tasks), 0))
        self._n_no_averages_T = np.zeros(len(tasks), dtype=np.int64)
        wants = [apply_to == "all", Needs.LOSSES_AFTER in needs, Needs.GRAMIAN in needs]
        self._constants = (
            np.array(layout.dense_is_scaled, dtype=bool),
            *_of_tasks(self._sorted_tasks, by_name, self._first_raw_T),
            *_of_tables(layout, self._parameters),
            *_of_settings(config),
            np.array(wants),
            _loss_parameters(self._sorted_tasks),
        )
        self._class_weight_K = np.ones(self._first_raw_T[-1])
        self._has_class_weights = any(task.kernel_loss().class_weight_K is not None for task in tasks)
        raw_of = {task.name: slice(*self._first_raw_T[t : t + 2]) for t, task in enumerate(self._sorted_tasks)}
        self._published = [(task, raw_of[task.name]) for task in tasks]
        self._scratch = _scratch(self._spec, len(tasks), self._first_raw_T[-1])

    def advance(self, ops: Ops, weights_T: Floats) -> Strides:
        """Execute the operations in order; every step taken meanwhile uses these task weights."""
        n_predicts = len(ops) - int(np.count_nonzero(ops.is_learn_N))
        raw_PK = np.empty((n_predicts, self._first_raw_T[-1]))
        parameters, segment, averages = self._parameters, self._segment, self._averages
        n_taken, n_skipped, wrong = self._advance(
            np.ascontiguousarray(ops.is_learn_N),
            np.ascontiguousarray(ops.row_N),
            np.ascontiguousarray(ops.labels_NT),
            np.ascontiguousarray(ops.dense_RD),
            np.ascontiguousarray(ops.category_RC),
            np.ascontiguousarray(weights_T),
            raw_PK,
            parameters.value,
            *parameters.slots,
            parameters.n_steps_G,
            *self._statistics.arrays,
            segment.n_T,
            segment.sum_T,
            segment.after_T,
            self._no_averages_TW if averages is None else averages.average_TW,
            self._n_no_averages_T if averages is None else averages.n_T,
            *self._constants,
            self._class_weights(),
            *self._scratch,
        )
        if wrong >= 0:
            raise IndexError(f"operation {wrong} names row {ops.row_N[wrong]} of {len(ops.dense_RD)}")
        return Strides(self._publish(raw_PK), n_taken, n_skipped)

    def _class_weights(self) -> Floats:
        """The weight of every class; of a task that discovers its classes it may come with a new class."""
        if self._has_class_weights:
            for t, task in enumerate(self._sorted_tasks):
                weight_K = task.kernel_loss().class_weight_K
                if weight_K is not None:
                    self._class_weight_K[self._first_raw_T[t] : self._first_raw_T[t + 1]] = weight_K
        return self._class_weight_K

    def _publish(self, raw_PK: Floats) -> Floats:
        outputs = [task.publish(np.ascontiguousarray(raw_PK[:, here])) for task, here in self._published]
        return np.concatenate(outputs, axis=1)

    def take_signals(self) -> Signals:
        """The signals of the steps taken since the last call, and start collecting anew."""
        has_spread = self._statistics.has_spread
        has_spread_T = np.array([has_spread[task.name] for task in self._tasks])
        return self._segment.take(has_spread_T, None if self._averages is None else self._averages.gramian())

    def to_torch(self) -> Twin:
        """The same model in plain torch, with copies of the parameters and statistics: for reading, export, tests."""
        from streammtl.models._torch_mlp import Twin

        twin = Twin(self._config, self._layout, self._sorted_tasks, self._spec)
        twin.load(self.state())
        return twin

    def from_torch(self, twin: Twin) -> None:
        """Take over the parameters of a twin; statistics and the optimizer's arrays stay."""
        state = self._parameters.state()
        self._parameters.load({**state, "values": twin.values()})

    # -- state

    def state(self) -> State:
        """Parameters, optimizer, running statistics, and the signals so far."""
        return {
            "network": self._parameters.state(),
            "statistics": self._statistics.state(),
            "segment": self._segment.state(),
            "gradients": {} if self._averages is None else self._averages.state(),
        }

    def load(self, state: State) -> None:
        """Take over a `state` of a model of the same configuration."""
        self._parameters.load(state["network"])
        self._statistics.load(state["statistics"])
        self._segment.load(state["segment"])
        if self._averages is not None:
            self._averages.load(state["gradients"])


def kernel_spec(config: Mlp.Config, layout: RowLayout) -> KernelSpec:
    """What the kernel of these settings is compiled for."""
    return KernelSpec(
        n_dense=layout.n_dense,
        n_categories=layout.n_categories,
        embedding_dim=config.embedding_dim,
        hidden=config.hidden,
        head_hidden=config.head_hidden,
        activation=config.activation,
        optimizer=_optimizer(config)[0],
        dtype=config.dtype,
    )


def _optimizer(config: Mlp.Config) -> tuple[OptimizerKind, tuple[float, ...]]:
    """The kernel's name of the optimizer, and its `hyper`: the rate, then what the formula of this kind reads."""
    chosen = config.optimizer
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


def _of_tasks(tasks: tuple[Task, ...], by_name: list[int], first_raw_T: list[int]) -> tuple[Any, ...]:
    """The kernel's arguments from `column_T` to `first_raw_T`."""
    return (
        np.array(by_name, dtype=np.int64),
        np.array([LOSS_CODES.index(task.kernel_loss().code) for task in tasks], dtype=np.int64),
        np.array([task.is_scaled for task in tasks], dtype=bool),
        np.array(first_raw_T, dtype=np.int64),
    )


def _loss_parameters(tasks: tuple[Task, ...]) -> Floats:
    """The kernel's argument `loss_T3`."""
    loss_T3 = np.zeros((len(tasks), 3))
    for t, task in enumerate(tasks):
        parameters = task.kernel_loss().parameters
        loss_T3[t, : len(parameters)] = parameters
    return loss_T3


def _of_tables(layout: RowLayout, parameters: Parameters) -> tuple[Any, ...]:
    """The kernel's arguments from `size_C` to `head_places`."""
    places = parameters.places
    return (
        np.array(layout.table_sizes, dtype=np.int64),
        np.array(places.table_C, dtype=np.int64),
        np.array(places.bias_C, dtype=np.int64),
        np.array([places.heads, places.marks, places.biases], dtype=np.int64),
    )


def _of_settings(config: Mlp.Config) -> tuple[Any, ...]:
    """The kernel's arguments `limits` and `hyper`."""
    clips = [math.inf if clip is None else clip for clip in (config.clip_norm, config.clip_task_norm)]
    share = 1.0 - math.exp(-1.0 / _GRADIENT_MEMORY_ROWS)
    return np.array([config.clip_input, config.memory_rows, *clips, share]), np.array(_optimizer(config)[1])


def _scratch(spec: KernelSpec, n_tasks: int, n_raw: int) -> tuple[Any, ...]:
    """The kernel's arguments from `a` to the end."""
    at = places(spec)
    return (
        aligned_zeros(at.n_scratch + n_tasks * at.n_block + n_raw, spec.dtype),
        np.zeros(n_raw),
        np.zeros(n_raw),
        np.zeros(n_tasks),
        np.zeros(n_tasks, dtype=bool),
        np.zeros(spec.n_categories, dtype=np.int64),
        np.zeros(spec.n_categories, dtype=np.int64),
    )
