"""Revives the networks of the `mlp` model that can learn no more.

Shape suffix: E networks of all experts, side by side.
"""

from __future__ import annotations

import math
from typing import final

import numpy as np

from streammtl.models._experts import Expert
from streammtl.models._mlp_parameters import Parameters, Reals
from streammtl.models._network import Network, Steps
from streammtl.types import Ints, State

#: Operations from one look at the networks to the next, counted along the stream.
BLOCK = 4096
#: A block with fewer labelled operations than this says nothing about a network.
_FEW = 16
#: Beside a parameter of this size, steps of size 1 are lost to rounding in float32.
_TOO_LARGE = 1e8
#: Where no step is taken, smaller ones may be why: products of several layers. With all parameters below this it is
#: the labels that are beyond any network, and to begin anew would help nobody.
_LARGE = 100.0


@final
class Revival:
    """Looks after every block of operations whether each network is finite, of sensible size, and takes steps.

    One that is not takes over the parameters of the first healthy network of the same shape, or begins anew where there
    is none; its optimizer starts from nothing.
    """

    def __init__(self, experts: list[Expert], seed: int) -> None:
        self._networks = [network for expert in experts for network in expert.networks]
        self._seed = seed
        self._n_ops = 0
        self._n_taken_E: Ints = np.zeros(len(self._networks), dtype=np.int64)  # in this block
        self._n_skipped_E: Ints = np.zeros(len(self._networks), dtype=np.int64)
        self.revived = 0

    def stops(self, n_ops: int) -> list[int]:
        """Where to cut the next operations, so that pieces end where blocks do."""
        cuts = np.arange(BLOCK - self._n_ops % BLOCK, n_ops, BLOCK)
        return [*cuts.tolist(), n_ops] if n_ops else []

    def count(self, steps: list[Steps]) -> None:
        """What each network did."""
        self._n_taken_E += [step.n_taken for step in steps]
        self._n_skipped_E += [step.n_skipped for step in steps]

    def look_after(self, n_ops: int) -> None:
        """So many operations later: where a block has ended, look."""
        self._n_ops += n_ops
        if self._n_ops % BLOCK:
            return
        is_stuck_E = (self._n_taken_E == 0) & (self._n_skipped_E >= _FEW)
        is_ill_E = [_is_ill(n, bool(stuck)) for n, stuck in zip(self._networks, is_stuck_E, strict=True)]
        healthy = [network for network, is_ill in zip(self._networks, is_ill_E, strict=True) if not is_ill]
        for network, is_ill in zip(self._networks, is_ill_E, strict=True):
            if is_ill:
                self._revive(network, healthy)
        self._n_taken_E[:] = 0
        self._n_skipped_E[:] = 0

    def _revive(self, network: Network, healthy: list[Network]) -> None:
        self.revived += 1
        own = network.parameters
        n_raw_of = {task.name: task.n_raw for task in network.tasks}
        fresh = Parameters(network.spec, network.layout, n_raw_of, self._seed + self.revived)
        donor = next((other.parameters for other in healthy if own.has_shape_of(other.parameters)), fresh)
        values = {name: view.copy() for name, view in donor.named.items()}
        own.load({**fresh.state(), "values": values})

    def state(self) -> State:
        """Counts."""
        counts = {"n_ops": self._n_ops, "revived": self.revived}
        return counts | {"n_taken": self._n_taken_E.copy(), "n_skipped": self._n_skipped_E.copy()}

    def load(self, state: State) -> None:
        """Take over a `state`."""
        self._n_ops, self.revived = int(state["n_ops"]), int(state["revived"])
        self._n_taken_E[...] = state["n_taken"]
        self._n_skipped_E[...] = state["n_skipped"]


def _is_ill(network: Network, is_stuck: bool) -> bool:
    own = network.parameters
    is_small = _largest(own.value) <= (_LARGE if is_stuck else _TOO_LARGE)
    # Squares of gradients are sums: they may be large, but not infinite.
    return not (is_small and all(_largest(slot) < math.inf for slot in own.slots))


def _largest(values: Reals) -> float:
    """The largest size; NaN where there is one. Without a copy, for there may be millions of values."""
    return max(float(values.max()), -float(values.min())) if len(values) else 0.0
