"""Operations for the experts of the `mlp` model, and what is the same for all of them.

Shape suffixes as in `streammtl.types`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from streammtl.models._mlp_inputs import Inputs
from streammtl.models._segment import SegmentWeights
from streammtl.types import Ints, Ops


@dataclass(frozen=True, slots=True)
class Lot:
    """Some of the operations of a call, with the task weights that are in force."""

    ops: Ops  # on rows with tails behind the dense values and bins behind the categories, where there are any
    inputs: Inputs
    weights: SegmentWeights
    first: int  # the place of the first of them in the call
    n_learned_N: Ints  # LEARNs of the call before each of them, and after the last

    @classmethod
    def of(cls, ops: Ops, inputs: Inputs, weights: SegmentWeights) -> Lot:
        """All operations of a call."""
        return cls(ops, inputs, weights, 0, np.concatenate(([0], np.cumsum(ops.is_learn_N))))

    @property
    def predicts(self) -> slice:
        """Which PREDICTs of the call these are."""
        start, stop = self.first, self.first + len(self.ops)
        return slice(start - self.n_learned_N[0], stop - self.n_learned_N[-1])

    @property
    def learns(self) -> slice:
        """Which LEARNs of the call these are."""
        return slice(self.n_learned_N[0], self.n_learned_N[-1])

    def between(self, start: int, stop: int, weights: SegmentWeights) -> Lot:
        """A part of them."""
        return Lot(
            ops=self.ops.between(start, stop),
            inputs=Inputs(self.inputs.place_N[start:stop], self.inputs.x_ND),
            weights=weights,
            first=self.first + start,
            n_learned_N=self.n_learned_N[start : stop + 1],
        )
