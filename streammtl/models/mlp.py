"""The per-event model: a mixture of networks that take an optimizer step on every LEARN, in compiled kernels.

Shape suffixes as in `streammtl.types`; K raw outputs of all tasks side by side, E experts.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, final

import numpy as np
from pydantic import Field, field_validator

from streammtl.errors import ConfigError
from streammtl.models._experts import (
    AnyExpert,
    Expert,
    LabelMemory,
    MemoryExpert,
    NetworkExpert,
    SharedExpert,
    SingleExpert,
)
from streammtl.models._lot import Lot
from streammtl.models._mixture import Mixture
from streammtl.models._mlp_inputs import Buffer, Intake
from streammtl.models._mlp_quantiles import Quantiles
from streammtl.models._mlp_statistics import Statistics
from streammtl.models._network import Network, NetworkPlan, Steps
from streammtl.models._revival import Revival
from streammtl.models._segment import Segment, SegmentWeights
from streammtl.models._settings import NeuralConfig
from streammtl.models._team import Team
from streammtl.models.base import Model, Reweight, Strides
from streammtl.models.optimizers import Factored, Sgd
from streammtl.tasks.base import Task
from streammtl.types import Floats, Ops, RowLayout, Signals, State
from streammtl.weighting.base import ApplyTo, Needs

if TYPE_CHECKING:
    from streammtl.models._torch_mixture import Snapshot
    from streammtl.models._torch_mlp import Twin

#: Two whose rates fall, the one steady and the other fast; and one at a high rate for ever, on the bins of the values.
DEFAULT_EXPERTS: tuple[AnyExpert, ...] = (
    NetworkExpert(optimizer=Factored(rate=0.04)),
    NetworkExpert(optimizer=Factored(rate=0.15)),
    NetworkExpert(optimizer=Sgd(rate=0.1), bins=True, hidden=(64,), embedding_dim=4),
)


@final
class Mlp(Model):
    """Networks shared by all tasks that take a step on every label, mixed by how well each did lately: the default.

    **Order.** One compiled loop executes PREDICT and LEARN in record order. What was learned from one label is in the
    next prediction.

    **Experts.** Which step size suits depends on the stream, the task, and the hour. So several networks learn side by
    side, each with an optimizer and a rate of its own, and each task mixes their predictions by how well each did
    lately: `share_e ~ exp(-sharpness S_e)`, `S_e <- decay S_e + loss_e`. Losses are those of the predictions made just
    before each label was learned. The first expert leads: the weighting reads its losses.

    By default there are three. Two networks of 64-64 have rates that fall as the stream goes on, as AdaGrad's do
    (`factored`): one careful, at 0.04, and one quick, at 0.15. The third takes plain steps at 0.1 for ever, so it
    follows where things change; it has one layer of 64, and reads beside each number between which quantiles of its
    column it lies, which makes steps and bumps easy for it. Settings in `experts` replace all three:

    - one network: `experts: [{kind: network, optimizer: {kind: factored, rate: 0.04}}]`
    - what sharing gains, task by task (`sharing`): the experts you have and one with a network per task, which is
      otherwise as the first: `{kind: network, optimizer: {kind: factored, rate: 0.04}, scope: single}`
    - a predictor that looks at no feature, where labels go on as they were: `{kind: memory, decay: 0.5}`

    **Inputs.** Dense columns, standardised by running statistics where the layout says so, clipped, missing ones 0
    beside a mark that says so; an embedding per categorical column; for experts with `bins` also one per standardised
    column, of the quantiles that its value lies between. A row enters the statistics when it is predicted, labelled or
    not, before it is standardised. (Rows learned without ever having been predicted enter when learned.)

    **Tails.** What is rare hides at the ends of a column: beside a deviation of 40 purchases a month, one and ten are
    the same. So each standardised column has a second input, its *tail*. It is 0 between the least and the largest 64th
    of the values (running quantiles of a sample of them), and beyond them `log(1 + l)`, l the distance from there
    divided by its mean, with a minus on the lower side. So a column is read in three pieces, of which the outer two are
    stretched or compressed to a size of their own; compare the piecewise linear encoding of Gorishniy, Rubachev,
    Babenko, On Embeddings for Numerical Features in Tabular Deep Learning, NeurIPS 2022, section 3.2, which has a piece
    per bin. Since a tail is 0 for most rows, and what is 0 is skipped, it costs little. `tails: false` leaves it out.

    **Heads.** Each raw output is linear in the last hidden layer *and* in the dense inputs, plus a bias per category:
    a linear model that needs no hidden layer, and a network for the rest (as in Cheng et al., Wide & Deep Learning
    for Recommender Systems, DLRS 2016).

    **Loss.** The sum over the tasks that have a label. Task weights scale each task's gradient at the last shared
    layer's output, and with `apply_to="all"` that of its head too. A task without a label contributes nothing, and
    neither its head nor the head's optimizer moves.

    **The cap.** A step of `sgd` (without momentum or weight decay) or `factored` promises, to first order, to take
    away some loss: step times gradient. It is shortened where it promises more than `cap` times the loss there is, for
    each head by itself and then for the whole. With plain gradient descent and `cap: 1` that is the step size of
    Polyak, as a bound (Loizou, Vaswani, Laradji, Lacoste-Julien, Stochastic Polyak Step-size for SGD, AISTATS 2021). So
    large rates do not diverge, and the wild label of one task does not shorten the steps of the others, as clipping the
    norm of the whole does. What `factored` promises is reckoned without embeddings, marks of missing values and private
    layers.

    **Regression.** Labels are standardised by running statistics, updated with each label before its loss. The units
    of the head follow in small jumps, and at each jump its last layer is corrected so that its function stays what it
    is (van Hasselt, Guez, Hessel, Mnih, Silver, Learning values across many orders of magnitude, NeurIPS 2016,
    proposition 1); we differ from it in the jumps, which make the correction cheap. As long as all labels are alike
    they count as 16 at most, so that the first others are no outliers. Standardised labels are clipped to +-50.

    **Counts.** A label counts as at most 50 standard deviations above the mean of those before it, a deviation of less
    than 1 as 1.

    **Robustness.** A step whose loss or gradient is not finite is skipped and counted. Running statistics take in a
    wild value as at most 100 standard deviations, and start anew where recent values are 100 times as narrow. A network
    that can learn no more is replaced by a copy of a healthy one, and counted (`insights`).

    **Speed.** Kernels are compiled when the model is built, for the numbers of inputs, the widths and the optimizers;
    the tasks do not matter. This takes about 20 seconds the first time on a machine, and a log line says so. What was
    compiled is kept in `~/.cache/streammtl`, and read from there in about a second. Where many records come at once,
    the experts learn side by side, each on a core of its own as far as there are cores (`threads`).

    >>> import numpy as np
    >>> from streammtl.tasks.regression import RegressionTask
    >>> from streammtl.types import Ops, RowLayout
    >>> layout = RowLayout(("x",), (True,), ("m",), (8,))
    >>> model = Mlp.Config().build(layout, (RegressionTask.Config().build("y"),))
    >>> ops = Ops(
    ...     is_learn_N=np.array([False, True, False]),
    ...     row_N=np.array([0, 0, 0]),
    ...     labels_NT=np.array([[np.nan], [3.0], [np.nan]]),
    ...     dense_RD=np.ones((1, 1), dtype=np.float32),
    ...     category_RC=np.ones((1, 1), dtype=np.int32),
    ... )
    >>> model.advance(ops, np.ones(1)).outputs_PO
    array([[0.],
           [3.]])
    >>> list(model.insights()["shares"]["y"])
    ['factored-0.04', 'factored-0.15', 'sgd-0.1-bins']
    """

    class Config(NeuralConfig):
        """Settings of the per-event model."""

        kind: Literal["mlp"] = "mlp"
        experts: tuple[AnyExpert, ...] = Field(
            default=DEFAULT_EXPERTS,
            min_length=1,
            max_length=32,
            description="What learns side by side; the first must be a shared network, and leads.",
        )
        decay: float = Field(
            default=0.995, gt=0.0, lt=1.0, description="What each label leaves of the losses by which experts mix."
        )
        sharpness: float = Field(
            default=0.5, ge=0.0, le=100.0, description="How much a better expert counts for; 0: all alike."
        )
        tails: bool = Field(
            default=True,
            description="Whether networks read, beside each standardised column, how far the value lies in its tails: "
            "beyond the least or the largest 64th of its values.",
        )
        bins: int = Field(
            default=16,
            ge=2,
            le=64,
            description="Parts into which quantiles divide a standardised column, for experts with bins.",
        )
        cap: float | None = Field(
            default=1.0,
            gt=0.0,
            description="The share of the loss that a step may promise to take, of factored and of sgd without "
            "momentum and weight decay; others are not capped. null: any.",
        )
        dtype: Literal["float32", "float64"] = Field(
            default="float32", description="Precision of the parameters; float64 takes about twice the time."
        )
        threads: int | None = Field(
            default=None,
            ge=1,
            le=256,
            description="Threads on which experts learn side by side, where many records come at once. Changes no "
            "result. null: as many as there are experts, and no more than cores.",
        )

        @field_validator("experts")
        @classmethod
        def _check_leader(cls, experts: tuple[AnyExpert, ...]) -> tuple[AnyExpert, ...]:
            first = experts[0]
            if not (isinstance(first, NetworkExpert) and first.scope == "shared" and first.hidden != ()):
                raise ValueError(
                    "the first expert must be a shared network with a hidden layer: the weighting reads it"
                )
            return experts

    def __init__(
        self,
        config: Mlp.Config,
        layout: RowLayout,
        tasks: tuple[Task, ...],
        needs: Needs = Needs.LOSSES,
        apply_to: ApplyTo = "trunk",
        seed: int = 0,
    ) -> None:
        if not tasks:
            raise ConfigError("a model needs at least one task; found none under tasks")
        self._columns = tuple(sorted(range(len(tasks)), key=lambda t: tasks[t].name))
        self._config, self._layout, self._tasks = config, layout, tasks
        #: In the kernels' order, by name: so the order of the configuration decides no rounding.
        self._sorted_tasks = tuple(tasks[t] for t in self._columns)
        has_bins = any(isinstance(expert, NetworkExpert) and expert.bins for expert in config.experts)
        has_quantiles = any(layout.dense_is_scaled) and (config.tails or has_bins)
        n_parts = config.bins if has_bins else None
        self._quantiles = Quantiles(layout, config.tails, n_parts) if has_quantiles else None
        read_layout = layout if self._quantiles is None else self._quantiles.layout
        self._statistics = Statistics(read_layout, self._sorted_tasks)
        self._intake = Intake(read_layout, config.clip_input, config.memory_rows)
        self._segment = Segment(len(tasks), needs)
        self._experts: list[Expert] = []
        for settings, name in zip(config.experts, expert_names(config.experts), strict=True):
            self._experts.append(self._expert(settings, name, needs, apply_to, seed))
        names = tuple(expert.name for expert in self._experts)
        leader = self._experts[0]
        assert isinstance(leader, SharedExpert)
        self._leader = leader
        self._mixture = Mixture(names, self._sorted_tasks, config.decay, config.sharpness)
        self._revival = Revival(self._experts, seed)
        self._team = Team(leader, self._experts[1:], config.threads or os.cpu_count() or 1)
        first_raw, n_raw = {}, 0
        for task in self._sorted_tasks:
            first_raw[task.name] = n_raw
            n_raw += task.n_raw
        self._n_raw = n_raw
        self._raw, self._mixing = Buffer(), Buffer()
        self._published = [(task, slice(first_raw[task.name], first_raw[task.name] + task.n_raw)) for task in tasks]

    def _expert(self, settings: AnyExpert, name: str, needs: Needs, apply_to: ApplyTo, seed: int) -> Expert:
        n_columns = len(self._tasks)
        if isinstance(settings, MemoryExpert):
            return LabelMemory(name, settings, self._sorted_tasks, self._columns, self._config.memory_rows)
        layout = self._layout
        if self._quantiles is not None:
            layout = self._quantiles.binned_layout if settings.bins else self._quantiles.layout
        plan = network_plan(self._config, settings)
        if settings.scope == "shared":
            is_leader = not self._experts
            own = needs if is_leader else Needs.LOSSES
            network = Network(plan, layout, self._sorted_tasks, self._columns, own, apply_to, seed)
            return SharedExpert(name, settings, network, self._segment if is_leader else Segment(n_columns))
        networks = tuple(
            Network(plan, layout, (task,), (column,), Needs.LOSSES, apply_to, seed)
            for task, column in zip(self._sorted_tasks, self._columns, strict=True)
        )
        return SingleExpert(name, networks, n_columns)

    def advance(self, ops: Ops, weights_T: Floats) -> Strides:
        """Execute the operations in order; every step taken meanwhile uses these task weights."""
        return self.advance_in_segments(ops, (), weights_T, lambda _: weights_T)

    def advance_in_segments(self, ops: Ops, stops: Sequence[int], weights_T: Floats, reweight: Reweight) -> Strides:
        """As `Model` says. Only the leader stops for new weights: the others follow in one go."""
        raws, n_taken, n_skipped, start = [np.empty((0, self._n_raw))], 0, 0, 0
        for stop in self._revival.stops(len(ops)):
            here = [at - start for at in stops if start < at <= stop]
            raw_PK, steps, weights_T = self._run(_contiguous(ops.between(start, stop)), here, weights_T, reweight)
            raws.append(raw_PK.copy())
            n_taken, n_skipped = n_taken + steps.n_taken, n_skipped + steps.n_skipped
            self._revival.look_after(stop - start)
            start = stop
        return Strides(self._publish(np.concatenate(raws)), n_taken, n_skipped)

    def _run(
        self, ops: Ops, stops: Sequence[int], weights_T: Floats, reweight: Reweight
    ) -> tuple[Floats, Steps, Floats]:
        """The mixed raw outputs, the leader's steps, and the weights from here on."""
        n_learns = int(np.count_nonzero(ops.is_learn_N))
        n_experts = len(self._experts)
        raw_EPK = self._raw.of((n_experts, len(ops) - n_learns, self._n_raw))
        mixing_ELT = self._mixing.of((n_experts, n_learns, len(self._tasks)))
        mixing_ELT.fill(np.nan)
        placed = ops if self._quantiles is None else self._quantiles.place(ops)
        inputs = self._intake.advance(placed, self._statistics)
        steps, weights_T = self._team.advance(
            Lot.of(placed, inputs, SegmentWeights.constant(weights_T, len(ops))),
            stops,
            self._statistics,
            raw_EPK,
            mixing_ELT,
            lambda: reweight(self._take_signals(self._leader.statistics)),
        )
        self._revival.count(steps)
        self._statistics.copy_labels_from(self._leader.statistics)
        mixed_PK = raw_EPK[0] if n_experts == 1 else self._mixture.advance(ops.is_learn_N, raw_EPK, mixing_ELT)
        return mixed_PK, steps[0], weights_T

    def _publish(self, raw_PK: Floats) -> Floats:
        outputs = [task.publish(np.ascontiguousarray(raw_PK[:, here])) for task, here in self._published]
        return np.concatenate(outputs, axis=1)

    def take_signals(self) -> Signals:
        """The signals of the leader's steps since the last call, and start collecting anew."""
        return self._take_signals(self._statistics)

    def _take_signals(self, statistics: Statistics) -> Signals:
        has_spread_T = np.empty(len(self._tasks), dtype=np.bool_)
        has_spread_T[list(self._columns)] = statistics.has_spread_T
        averages = self._leader.network.averages
        return self._segment.take(has_spread_T, None if averages is None else averages.gramian())

    def insights(self) -> dict[str, Any]:
        """By task: each expert's share of the mixture and mean loss; what sharing gains; how many were revived.

        `sharing` is 1 minus the loss of the leader divided by that of the first expert with a network per task: above
        0 the tasks help each other, below they are in each other's way. It needs an expert with `scope: single`.
        """
        losses = self._mixture.losses()
        leader = self._experts[0].name
        single = next((expert.name for expert in self._experts if isinstance(expert, SingleExpert)), None)
        sharing = {
            task: 1.0 - by_expert[leader] / max(by_expert[single], 1e-12)
            for task, by_expert in losses.items()
            # Where neither has any loss, sharing gains and costs nothing that could be said.
            if single is not None and by_expert and max(by_expert[leader], by_expert[single]) > 0.0
        }
        found: dict[str, Any] = {"shares": self._mixture.shares(), "losses": losses, "revived": self._revival.revived}
        return found | ({"sharing": sharing} if single is not None else {})

    def to_torch(self, expert: int = 0) -> Twin:
        """A shared expert's network in plain torch, with copies of the parameters and statistics."""
        from streammtl.models._torch_mlp import Twin

        chosen = self._experts[expert]
        if not isinstance(chosen, SharedExpert):
            raise ConfigError(f"expert {expert} ({chosen.name}) is no shared network: it has no twin in torch")
        twin = Twin(chosen.network)
        twin.load({"network": chosen.network.state(), "statistics": self._statistics.state()})
        return twin

    def from_torch(self, twin: Twin, expert: int = 0) -> None:
        """Take over the parameters of a twin; statistics and the optimizer's arrays stay."""
        parameters = self._experts[expert].networks[0].parameters
        parameters.load({**parameters.state(), "values": twin.values()})

    def snapshot(self) -> Snapshot:
        """The whole mixture in plain torch, as it predicts now: running scales, bins and shares stay as they are."""
        from streammtl.models._torch_mixture import snapshot_of

        return snapshot_of(self._experts, self._statistics, self._quantiles, self._mixture.shares(), self._tasks)

    def export_onnx(self, path: Path) -> None:
        """Write a `snapshot` as one ONNX file; needs the extra `onnx`.

        Inputs are `dense` `(B, D)` float32, NaN where missing, and `category` `(B, C)` int64; each task has an output
        `(B, O)` under its name, in float64.
        """
        from streammtl.models._onnx import export

        export(self.snapshot(), self._layout, self._tasks, path)

    # -- state

    def state(self) -> State:
        """Networks with their optimizers, running statistics, the mixture, and the signals so far."""
        return {
            "experts": {expert.name: expert.state() for expert in self._experts},
            "statistics": self._statistics.state(),
            "quantiles": {} if self._quantiles is None else self._quantiles.state(),
            "mixture": self._mixture.state(),
            "revival": self._revival.state(),
            "segment": self._segment.state(),
        }

    def load(self, state: State) -> None:
        """Take over a `state` of a model of the same configuration."""
        for expert in self._experts:
            expert.load(state["experts"][expert.name])
        self._statistics.load(state["statistics"])
        if self._quantiles is not None:
            self._quantiles.load(state["quantiles"])
        self._mixture.load(state["mixture"])
        self._revival.load(state["revival"])
        self._segment.load(state["segment"])


def expert_names(experts: tuple[AnyExpert, ...]) -> tuple[str, ...]:
    """A name for each, told apart by a number where two have the same."""
    titles = [expert.title for expert in experts]
    names: list[str] = []
    for title in titles:
        n_before = sum(1 for other in titles[: len(names)] if other == title)
        names.append(title if n_before == 0 else f"{title}-{n_before + 1}")
    if len(set(names)) < len(names):
        raise ConfigError(f"experts need names of their own; found {', '.join(names)}")
    return tuple(names)


def network_plan(config: Mlp.Config, expert: NetworkExpert) -> NetworkPlan:
    """The settings of an expert's network: its own, and the model's for the rest."""
    hidden = config.hidden if expert.hidden is None else expert.hidden
    return NetworkPlan(
        hidden=hidden,
        head_hidden=config.head_hidden if hidden else (),
        activation=config.activation,
        embedding_dim=config.embedding_dim if expert.embedding_dim is None else expert.embedding_dim,
        optimizer=expert.optimizer,
        cap=config.cap,
        clip_norm=config.clip_norm,
        clip_task_norm=config.clip_task_norm,
        clip_input=config.clip_input,
        memory_rows=config.memory_rows,
        dtype=config.dtype,
    )


def _contiguous(ops: Ops) -> Ops:
    return Ops(
        np.ascontiguousarray(ops.is_learn_N),
        np.ascontiguousarray(ops.row_N),
        np.ascontiguousarray(ops.labels_NT),
        np.ascontiguousarray(ops.dense_RD),
        np.ascontiguousarray(ops.category_RC),
    )
