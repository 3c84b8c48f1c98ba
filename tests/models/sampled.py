"""The sample that a column keeps of its values, by hand."""

from __future__ import annotations

from streammtl.models._quantiles import SAMPLE_SIZE, is_due, slot_of


class Sample:
    """Keeps values, and says when it is time to look at them."""

    def __init__(self) -> None:
        self.values: list[float] = []
        self.n = 0

    def take(self, value: float) -> list[float]:
        """Take a value in; all kept ones in order where quantiles are due, else none."""
        slot = slot_of(self.n, SAMPLE_SIZE)
        if slot == len(self.values):
            self.values.append(value)
        elif slot >= 0:
            self.values[slot] = value
        self.n += 1
        return sorted(self.values) if is_due(self.n) else []
