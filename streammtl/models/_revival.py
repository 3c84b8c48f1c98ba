"""Revives the networks of the `mlp` model that can learn no more."""

from __future__ import annotations

from typing import final

import numpy as np

from streammtl.models._experts import Expert
from streammtl.models._network import Network, Steps
from streammtl.models._mlp_parameters import Parameters
from streammtl.types import Ints, State

#: Operations from one look at the networks to the next, counted along the stream.
BLOCK = 4096
#: A block with fewer steps than this says nothing about a network.
_FEW = 16


@final
class Revival:
    """Looks after every block of operations whether each network is finite and still takes steps.

    One that is not takes over the parameters of the first healthy network of the same shape, or begins anew where there
    is none; its optimizer starts from nothing.
    """

    def __init__(self, experts: list[Expert], seed: int) -> None:
        self._experts, self._seed = experts, seed
        self._n_ops = 0
        self._n_taken_E: Ints = np.zeros(len(experts), dtype=np.int64)  # in this block
        self._n_skipped_E: Ints = np.zeros(len(experts), dtype=np.int64)
        self.revived = 0

    def stops(self, n_ops: int) -> list[int]:
        """Where to cut the next operations, so that pieces end where blocks do."""
        cuts = np.arange(BLOCK - self._n_ops % BLOCK, n_ops, BLOCK)
        return [*cuts.tolist(), n_ops] if n_ops else []

    def count(self, steps: list[Steps]) -> None:
        """What each expert did."""
        self._n_taken_E += [step.n_taken for step in steps]
        self._n_skipped_E += [step.n_skipped for step in steps]

    def look_after(self, n_ops: int) -> None:
        """So many operations later: where a block has ended, look."""
        self._n_ops += n_ops
        if self._n_ops % BLOCK:
            return
        is_stuck_E = (self._n_taken_E == 0) & (self._n_skipped_E >= _FEW)
        ill = [
            network
            for e, expert in enumerate(self._experts)
            for network in expert.networks
            if is_stuck_E[e] or not network.is_finite
        ]
        healthy = [n for expert in self._experts for n in expert.networks if not any(n is other for other in ill)]
        for network in ill:
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
