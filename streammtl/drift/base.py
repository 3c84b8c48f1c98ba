"""The family of drift detectors: one signal, one detector.

A detector sees a stream of numbers one by one. `streammtl.drift.panel` makes that stream: of each fixed block of a
signal's records (the error of a task, a column of the features, ...) it hands over, as `feed` says, the mean or every
value, both scaled so that a signal without drift has a variance of about 1. Binary-only detectors get the bare 0 and 1.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Literal, cast, final

from pydantic import Field

from streammtl.component import Component
from streammtl.types import Floats, State


class Detector(Component):
    """Watches one signal and says when it changed."""

    family: ClassVar[str] = "drift"
    #: True: made for a stream of errors that are 0 or 1 (a wrong or a right class).
    binary_only: ClassVar[bool] = False

    class Config(Component.Config):
        """Settings of every detector."""

        feed: Literal["mean", "values"] = Field(
            default="mean",
            description="What the detector sees of each block of records: its mean (cheap, and a mean of 100 values is "
            "close to normal whatever they are) or every value (finds a change sooner, costs a call per record).",
        )

        def build(self, seed: int = 0) -> Detector:
            """A fresh detector; `seed` for those that draw at random."""
            return cast(Detector, self.owner(self, seed))

    @abstractmethod
    def take(self, value: float) -> bool:
        """Take one value; True when a change was found, and then the detector starts anew with the next value."""

    @final
    def update(self, values_B: Floats) -> bool:
        """Take these values in order; True when a change was found in them."""
        found = [self.take(value) for value in values_B.tolist()]
        return any(found)

    @abstractmethod
    def state(self) -> State:
        """All that `take` depends on: numbers and arrays, nothing pickled."""

    @abstractmethod
    def load(self, state: State) -> None:
        """Take over a `state` of a detector of the same settings."""
