"""How the plain twin of the `mlp` model steps: caps, clipping and optimizers, written to be read.

A step learns from one row, so the gradient of a layer's weight is an outer product, of what the layer reads and the
gradient at what it writes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np

from streammtl.models._kernel_spec import N_SLOTS, OptimizerKind
from streammtl.models._mlp_parameters import Parameters, Reals
from streammtl.models._network import NetworkPlan
from streammtl.models.optimizers import Factored
from streammtl.types import State

#: Instead of zero, in divisors.
_TINY = 1e-300
_NO_CAP = math.inf


@dataclass(frozen=True, slots=True)
class Piece:
    """The gradient of a parameter, or of some of its rows."""

    name: str
    rows: slice
    gradient: Reals
    #: What the layer reads and the gradient at what it writes, where `factored` keeps sums of these.
    factors: tuple[Reals, Reals] | None = None
    is_output: bool = False  # a raw output's weights: rows are outputs, and categories add to what they give

    @property
    def square(self) -> float:
        """The squared norm."""
        return float(np.square(self.gradient, dtype=np.float64).sum())


@dataclass(slots=True)
class Group:
    """What counts its steps together: the trunk, the embeddings, or a head."""

    number: int  # among those of `Parameters.n_steps_G`
    pieces: list[Piece]
    factor: float = 1.0  # the task weight, where it scales the head too
    n_ones: int = 1  # inputs of raw outputs that are always 1: the bias, and the bias of each category
    share: float = 1.0  # what the cap leaves of a head's step


@final
class Descent:
    """Takes steps on the parameters, and keeps the optimizer's arrays beside them."""

    def __init__(self, plan: NetworkPlan, kind: OptimizerKind, parameters: Parameters) -> None:
        self._plan, self._kind, self._parameters = plan, kind, parameters
        self._rate = plan.optimizer.rate
        self._cap = _NO_CAP if plan.cap is None else plan.cap
        chosen = plan.optimizer
        self._slot_names = ("sum",) if isinstance(chosen, Factored) else chosen.slots
        self._slots = {
            name: {slot: np.zeros_like(view) for slot in self._slot_names} for name, view in parameters.named.items()
        }

    def load(self, state: State) -> None:
        """Take over the optimizer's arrays of a network's state."""
        for s, slot in enumerate(self._slot_names[: N_SLOTS[self._kind]]):
            for name, array in self._slots.items():
                array[slot][...] = state["slots"][str(s)][name]

    def cap_head(self, head: Group, loss: float) -> None:
        """Shorten the step of a head so that it promises at most `cap` times the task's loss."""
        if self._kind in ("sgd", "factored"):
            head.share = min(1.0, self._cap * max(loss, _TINY) / max(self._promise(head), _TINY))

    def step(self, groups: list[Group], room: float) -> None:
        """One step, none where it is not finite; it promises at most `cap` times `room`, the loss there is."""
        is_factored = self._kind == "factored"
        # The cap of a `factored` head shortens its step, and is no part of its gradient.
        square = sum(
            (group.factor if is_factored else group.factor * group.share) ** 2 * piece.square
            for group in groups
            for piece in group.pieces
        )
        if not square <= 1e24:
            return
        limit, norm = self._plan.clip_norm, math.sqrt(square)
        scale = 1.0 if limit is None or norm <= limit else limit / norm
        if self._kind == "sgd":
            scale = min(scale, self._cap * max(room, _TINY) / max(self._rate * square, _TINY))
        elif is_factored:
            promise = sum(group.factor * group.share * self._promise(group) for group in groups)
            scale = min(scale, self._cap * max(room, _TINY) / max(promise, _TINY))
        for group in groups:
            self._parameters.n_steps_G[group.number] += 1
            self._update(group, scale * group.factor * group.share)

    def _promise(self, group: Group) -> float:
        """How much of the loss a whole step would take away, to first order: step times gradient.

        Of `factored` without what takes AdaGrad's step on tables, marks of missing values, and private layers.
        """
        if self._kind == "sgd":
            return self._rate * sum(piece.square for piece in group.pieces)
        promise, root = 0.0, math.sqrt(int(self._parameters.n_steps_G[group.number]) + 1)
        for piece in group.pieces:
            if piece.factors is not None:
                (x, g), (u, v) = piece.factors, self._directions(piece)
                n_ones = group.n_ones if piece.is_output else 1
                promise += self._rate * float(g @ v) * (root * float(x @ u) + n_ones)
        return promise

    def _directions(self, piece: Piece) -> tuple[Reals, Reals]:
        """u and v of `streammtl.models.optimizers.Factored`: the sums of squares are those after this step."""
        assert piece.factors is not None
        x, g = piece.factors
        r, c = self._factored_sums(piece)
        epsilon = self._epsilon
        return x / (np.sqrt(r + x * x) + epsilon), g / (np.sqrt(c + g * g) + epsilon)

    def _factored_sums(self, piece: Piece) -> tuple[Reals, Reals]:
        """r lies where the weight begins; c is the bias's own."""
        assert piece.factors is not None
        r = self._slots[piece.name]["sum"].reshape(-1)[: len(piece.factors[0])]
        return r, self._slots[piece.name.removesuffix("weight") + "bias"]["sum"]

    @property
    def _epsilon(self) -> float:
        assert isinstance(self._plan.optimizer, Factored)
        return self._plan.optimizer.epsilon

    def _update(self, group: Group, length: float) -> None:
        n_steps = int(self._parameters.n_steps_G[group.number])
        optimizer = self._plan.optimizer
        if not isinstance(optimizer, Factored):
            for piece in group.pieces:
                slots = {slot: array[piece.rows] for slot, array in self._slots[piece.name].items()}
                value = self._parameters.named[piece.name][piece.rows]
                gradient: Reals = length * piece.gradient
                optimizer.step(value, gradient, slots, n_steps)
            return
        # Weights first: they read the sums of the biases as they were.
        for piece in group.pieces:
            if piece.factors is not None:
                self._take_outer(piece, length * self._rate * math.sqrt(n_steps))
        for piece in group.pieces:
            if piece.factors is None:
                self._take_adagrad(piece, length * self._rate)

    def _take_outer(self, piece: Piece, pace: float) -> None:
        assert piece.factors is not None
        u, v = self._directions(piece)
        # Raw outputs have a row each, layers a row per input.
        outer = np.outer(v, u) if piece.is_output else np.outer(u, v)
        value = self._parameters.named[piece.name][piece.rows]
        value -= pace * outer
        r, _ = self._factored_sums(piece)
        r += np.square(piece.factors[0])

    def _take_adagrad(self, piece: Piece, pace: float) -> None:
        total = self._slots[piece.name]["sum"][piece.rows]
        total += np.square(piece.gradient)
        value = self._parameters.named[piece.name][piece.rows]
        value -= pace * (piece.gradient / (np.sqrt(total) + self._epsilon))
