"""The shared-bottom network: one trunk for all tasks, one head for each, a step per so many LEARN operations.

Shape suffixes as in `streammtl.types`: P PREDICT operations, R feature rows, T tasks, D dense columns, C categorical
columns, O published output columns; K raw outputs of all tasks side by side, B rows of one step.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, final

import numpy as np
from pydantic import Field

from streammtl.errors import ConfigError
from streammtl.models._inputs import DenseInputs
from streammtl.models._labels import LabelStatistics
from streammtl.models._segment import GradientAverages, Segment
from streammtl.models._settings import Activation, ClipNorm, NeuralConfig
from streammtl.models.base import Model, Strides
from streammtl.models.optimizers import AdaGrad, AnyOptimizer
from streammtl.tasks.base import Task
from streammtl.types import Floats, Ints, Ints32, Ops, RowLayout, Signals, State
from streammtl.weighting.base import ApplyTo, Needs

if TYPE_CHECKING:
    from streammtl.models._torch_shared_bottom import Target

#: The gradients behind the Gram matrix remember about this many LEARN operations.
_GRADIENT_MEMORY_ROWS = 256


@final
class SharedBottom(Model):
    """A multi-layer perceptron shared by all tasks, with a head per task (Caruana, Multitask Learning, 1997), in torch.

    **Order.** LEARN operations wait until `rows_per_step` of them are there, counted along the stream; then one step
    is taken on them. A PREDICT uses parameters and statistics as of the last step.

    **Inputs.** Dense columns, standardised by running statistics where the layout says so, clipped, missing ones 0
    beside a mark that says so; an embedding per categorical column. A step takes its rows into the statistics first.

    **Loss.** The sum over the tasks that have labels in the step of the mean loss over these labels. Task weights
    scale each task's gradient at the last shared layer's output, and with `apply_to="all"` that of its head too. A
    task without labels contributes nothing, and neither its head nor the head's optimizer moves.

    **Regression.** Labels are standardised by running statistics, updated with the step's labels before the loss; the
    head's last layer is corrected so that published predictions do not jump (see `Network.rescale_head`). Standardised
    labels are clipped to +-50.

    **Robustness.** A step whose loss or gradient is not finite is skipped and counted. Running statistics take in a
    wild value as at most 100 standard deviations. Parameters and outputs stay finite.

    >>> import numpy as np
    >>> from streammtl.tasks.regression import RegressionTask
    >>> from streammtl.types import Ops, RowLayout
    >>> layout = RowLayout(("x",), (True,), (), ())
    >>> model = SharedBottom.Config(rows_per_step=1).build(layout, (RegressionTask.Config().build("y"),))
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

    class Config(NeuralConfig):
        """Settings of the shared-bottom model."""

        kind: Literal["shared_bottom"] = "shared_bottom"
        activation: Activation = "relu"
        clip_norm: ClipNorm = 10.0
        rows_per_step: int = Field(
            default=8, ge=1, le=65_536, description="LEARN operations per optimizer step, counted along the stream."
        )
        optimizer: AnyOptimizer = Field(
            # Of ten settings with 8 rows per step, this and rmsprop at 0.003 ranked first on the recorded streams, and
            # this one held up better over 814,085 events with rare classes (docs/results.md).
            default=AdaGrad(),
            description="How a gradient becomes a step: sgd, adam, adagrad or rmsprop.",
        )
        threads: int = Field(
            default=1,
            ge=1,
            le=1024,
            description="Threads of torch, in the whole process. The matrices are small: more threads mostly wait for "
            "each other, and may round differently.",
        )

    def __init__(
        self,
        config: SharedBottom.Config,
        layout: RowLayout,
        tasks: tuple[Task, ...],
        needs: Needs = Needs.LOSSES,
        apply_to: ApplyTo = "trunk",
        seed: int = 0,
    ) -> None:
        from streammtl.models import _torch_shared_bottom as network

        if not tasks:
            raise ConfigError("a model needs at least one task; found none under tasks")
        self._tasks = tasks
        # Tasks are worked through by name, so that the order of the configuration decides no rounding.
        self._by_name = sorted(range(len(tasks)), key=lambda t: tasks[t].name)
        self._n_raw = sum(task.n_raw for task in tasks)
        self._n_outputs = sum(task.n_outputs for task in tasks)
        self._hides_unseen = any(task.hides_unseen for task in tasks)
        self._rows_per_step = config.rows_per_step
        self._block_rows = network.BLOCK_ROWS
        self._raw_limit = network.RAW_LIMIT
        self._target = network.Target
        self._inputs = DenseInputs(layout, config.clip_input, config.memory_rows)
        self._labels = LabelStatistics(tasks, config.memory_rows)
        self._segment = Segment(len(tasks), needs)
        wants_gradients = Needs.GRAMIAN in needs
        self._network = network.Network(
            config, layout, tasks, apply_to == "all", Needs.LOSSES_AFTER in needs, wants_gradients, seed
        )
        self._averages: GradientAverages | None = None
        if wants_gradients:
            decay = math.exp(-config.rows_per_step / _GRADIENT_MEMORY_ROWS)
            self._averages = GradientAverages(len(tasks), self._network.n_last_shared_weights, decay)
        self._n_predicted = 0  # since the last step
        self._n_waiting = 0
        self._dense_BD = np.full((config.rows_per_step, layout.n_dense), np.nan, dtype=np.float32)
        self._category_BC: Ints32 = np.zeros((config.rows_per_step, layout.n_categories), dtype=np.int32)
        self._labels_BT = np.full((config.rows_per_step, len(tasks)), np.nan)

    def advance(self, ops: Ops, weights_T: Floats) -> Strides:
        """Execute the operations in order; every step taken meanwhile uses these task weights."""
        predict_P = np.flatnonzero(~ops.is_learn_N)
        learn_L = np.flatnonzero(ops.is_learn_N)
        # The LEARN operations after which a step is due.
        full_L = np.arange(self._rows_per_step - self._n_waiting, len(learn_L) + 1, self._rows_per_step)
        before_P = np.searchsorted(predict_P, learn_L[full_L - 1])
        row_P = ops.row_N[predict_P]
        raw = _Raw(len(row_P), self._n_raw, len(self._tasks))
        n_skipped = done_P = done_L = 0
        for end_P, end_L in zip(before_P.tolist(), full_L.tolist(), strict=True):
            self._predict(ops, row_P[done_P:end_P], raw, done_P)
            self._wait(ops, learn_L[done_L:end_L])
            n_skipped += not self._step(weights_T)
            done_P, done_L = end_P, end_L
        self._predict(ops, row_P[done_P:], raw, done_P)
        self._wait(ops, learn_L[done_L:])
        return Strides(self._publish(raw), len(full_L) - n_skipped, n_skipped)

    # -- PREDICT

    def _predict(self, ops: Ops, row_P: Ints, raw: _Raw, start: int) -> None:
        end = start + len(row_P)
        raw.mean_PT[start:end] = self._labels.mean_T
        raw.scale_PT[start:end] = self._labels.scale_T
        done = 0
        while done < len(row_P):
            # The n-th prediction since the last step always lies in row n mod BLOCK_ROWS of a block.
            slot = self._n_predicted % self._block_rows
            rows = row_P[done : done + self._block_rows - slot]
            inputs_BI = self._network.block_np[slot : slot + len(rows)]
            self._inputs.write(ops.dense_RD[rows], inputs_BI)
            self._network.write_categories(ops.category_RC[rows], inputs_BI)
            self._network.predict_block(raw.raw_PK[start + done : start + done + len(rows)], slot)
            self._n_predicted += len(rows)
            done += len(rows)
        if self._hides_unseen:
            raw.is_hidden_PK[start:end] = ~np.concatenate(self._labels.seen)

    def _publish(self, raw: _Raw) -> Floats:
        # NaN becomes 0, the output that says nothing.
        raw_PK = np.nan_to_num(raw.raw_PK.astype(np.float64), posinf=self._raw_limit, neginf=-self._raw_limit)
        np.minimum(np.maximum(raw_PK, -self._raw_limit), self._raw_limit, out=raw_PK)
        if self._hides_unseen:
            raw_PK[raw.is_hidden_PK] = -np.inf
        outputs_PO = np.empty((len(raw_PK), self._n_outputs))
        first_raw = first_output = 0
        for t, task in enumerate(self._tasks):
            task_raw_PK = np.ascontiguousarray(raw_PK[:, first_raw : first_raw + task.n_raw])
            if task.is_scaled:
                task_raw_PK = task_raw_PK * raw.scale_PT[:, t, None] + raw.mean_PT[:, t, None]
            outputs_PO[:, first_output : first_output + task.n_outputs] = task.publish(task_raw_PK)
            first_raw += task.n_raw
            first_output += task.n_outputs
        return outputs_PO

    # -- LEARN

    def _wait(self, ops: Ops, learn_L: Ints) -> None:
        rows = ops.row_N[learn_L]
        here = slice(self._n_waiting, self._n_waiting + len(rows))
        self._dense_BD[here] = ops.dense_RD[rows]
        self._category_BC[here] = ops.category_RC[rows]
        self._labels_BT[here] = ops.labels_NT[learn_L]
        self._n_waiting += len(rows)

    def _step(self, weights_T: Floats) -> bool:
        """One step on the rows that wait; False: skipped."""
        self._n_waiting = self._n_predicted = 0
        self._inputs.update(self._dense_BD)
        for task, ratio, shift in self._labels.update(self._labels_BT):
            self._network.rescale_head(task, ratio, shift)
        self._inputs.write(self._dense_BD, self._network.step_np)
        targets = self._targets()
        result = self._network.step(self._category_BC, targets, weights_T) if targets else None
        if result is None:
            return False
        for i, target in enumerate(targets):
            after = result.losses_after[i] if result.losses_after else 0.0
            self._segment.add(target.task, len(target.label_B), result.losses[i], after)
            if self._averages is not None:
                self._averages.add(target.task, result.gradients[i])
        return True

    def _targets(self) -> list[Target]:
        targets: list[Target] = []
        present_BT = np.isfinite(self._labels_BT)
        for t in self._by_name:
            rows_B = np.flatnonzero(present_BT[:, t])
            if len(rows_B):
                label_B = self._labels.standardised(t, self._labels_BT[rows_B, t])
                some_B = None if len(rows_B) == self._rows_per_step else rows_B
                targets.append(self._target(t, some_B, label_B, ~self._labels.seen[t]))
        return targets

    def take_signals(self) -> Signals:
        """The signals of the steps taken since the last call, and start collecting anew."""
        gramian_TT = None if self._averages is None else self._averages.gramian()
        return self._segment.take(self._labels.has_spread_T, gramian_TT)

    # -- state

    def state(self) -> State:
        """Parameters, optimizer, running statistics, rows that wait for their step, and the signals so far."""
        return {
            "network": self._network.state(),
            "inputs": self._inputs.state(),
            "labels": self._labels.state(),
            "segment": self._segment.state(),
            "gradients": {} if self._averages is None else self._averages.state(),
            "n_predicted": self._n_predicted,
            "waiting": {
                "dense": self._dense_BD[: self._n_waiting].copy(),
                "category": self._category_BC[: self._n_waiting].copy(),
                "labels": self._labels_BT[: self._n_waiting].copy(),
            },
        }

    def load(self, state: State) -> None:
        """Take over a `state` of a model of the same configuration."""
        self._network.load(state["network"])
        self._inputs.load(state["inputs"])
        self._labels.load(state["labels"])
        self._segment.load(state["segment"])
        if self._averages is not None:
            self._averages.load(state["gradients"])
        self._n_predicted = int(state["n_predicted"])
        waiting = state["waiting"]
        self._n_waiting = len(waiting["labels"])
        self._dense_BD[: self._n_waiting] = waiting["dense"]
        self._category_BC[: self._n_waiting] = waiting["category"]
        self._labels_BT[: self._n_waiting] = waiting["labels"]


class _Raw:
    """Raw outputs of the predictions of one call, with the units in which they were made."""

    def __init__(self, n_rows: int, n_raw: int, n_tasks: int) -> None:
        self.raw_PK = np.empty((n_rows, n_raw), dtype=np.float32)
        self.mean_PT = np.empty((n_rows, n_tasks))
        self.scale_PT = np.empty((n_rows, n_tasks))
        self.is_hidden_PK = np.zeros((n_rows, n_raw), dtype=bool)
