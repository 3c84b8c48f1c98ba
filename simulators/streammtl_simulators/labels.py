"""Labels on their way, for worlds whose labels are numbers: a column per task, NaN where a message says nothing of it.

Shape suffixes: L messages, T tasks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from streammtl.types import Bools, Floats, Ints


@dataclass(frozen=True, slots=True)
class Labels:
    """Messages with labels."""

    ms_L: Ints  # when they become known
    number_L: Ints  # of the event
    value_LT: Floats

    def __len__(self) -> int:
        return len(self.ms_L)

    def rows(self, chosen: Bools | Ints | slice) -> Labels:
        """Some of the messages."""
        return Labels(self.ms_L[chosen], self.number_L[chosen], self.value_LT[chosen])


def concatenate(parts: list[Labels], n_tasks: int) -> Labels:
    """All messages of several parts."""
    if not parts:
        return Labels(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, n_tasks)))
    return Labels(
        np.concatenate([part.ms_L for part in parts]),
        np.concatenate([part.number_L for part in parts]),
        np.concatenate([part.value_LT for part in parts]),
    )
