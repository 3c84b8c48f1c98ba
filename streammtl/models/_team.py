"""The experts of the `mlp` model at work: the first leads, and the others follow.

Shape suffixes as in `streammtl.types`; K raw outputs of all tasks side by side, E experts.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import final

from streammtl.models._experts import Expert, SharedExpert
from streammtl.models._lot import Lot
from streammtl.models._mlp_statistics import Statistics
from streammtl.models._network import Steps
from streammtl.models._side_by_side import SideBySide, one_by_one
from streammtl.types import Floats

#: From so many operations on, waking threads for the experts takes less than it saves.
_MANY_OPS = 128
#: Those who follow begin as soon as the leader knows its weights for so large a part of the operations.
_N_LOTS = 8


@final
class Team:
    """Only the leader stops for new weights; the others learn the same operations with the same weights after it."""

    def __init__(self, leader: SharedExpert, others: Sequence[Expert], n_threads: int) -> None:
        self._leader, self._others = leader, others
        self._side_by_side = SideBySide[Lot](min(n_threads, 1 + len(others)))

    def advance(
        self,
        lot: Lot,
        stops: Sequence[int],
        statistics: Statistics,
        raw_EPK: Floats,
        mixing_ELT: Floats,
        reweight: Callable[[], Floats],
    ) -> tuple[list[Steps], Floats]:
        """Execute the operations, with new weights before each of `stops`.

        Writes raw outputs and the losses that weigh the experts. Returns the steps of every network, and the weights
        after the last stop.
        """
        for expert in (self._leader, *self._others):
            expert.begin(statistics)
        n_ops = len(lot.ops)
        lead = functools.partial(
            self._leader.lead, lot, stops, max(_MANY_OPS, n_ops // _N_LOTS), raw_EPK[0], mixing_ELT[0], reweight
        )
        others = [
            functools.partial(_follow, expert, raw_PK, mixing_LT)
            for expert, raw_PK, mixing_LT in zip(self._others, raw_EPK[1:], mixing_ELT[1:], strict=True)
        ]
        (of_leader, weights_T), of_others = (self._side_by_side.run if n_ops >= _MANY_OPS else one_by_one)(lead, others)
        return [*of_leader, *itertools.chain.from_iterable(map(_sums, of_others))], weights_T


def _follow(expert: Expert, raw_PK: Floats, mixing_LT: Floats, lot: Lot) -> tuple[Steps, ...]:
    return expert.advance(lot, raw_PK[lot.predicts], mixing_LT[lot.learns])


def _sums(of_lots: list[tuple[Steps, ...]]) -> list[Steps]:
    """What each network did, over all lots."""
    return [
        Steps(sum(steps.n_taken for steps in of_network), sum(steps.n_skipped for steps in of_network))
        for of_network in zip(*of_lots, strict=True)
    ]
