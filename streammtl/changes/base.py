"""The family of changes: what is done to the records of a stream before anything reads them.

Shape suffix: N records of a poll.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self, cast

import numpy as np
from pydantic import Field, model_validator

from streammtl.component import Component
from streammtl.seeds import named_seed
from streammtl.types import Floats, Ints

Course = Literal["abrupt", "gradual", "incremental", "recurring"]


class Change(Component):
    """Changes records one by one, from a place in the stream on, by a course.

    What becomes of a record depends on its number in the stream and on what is in it, and on nothing else: a change
    has no state, so a stream that is changed is cut into polls and resumed like any other.
    """

    family: ClassVar[str] = "changes"

    #: Whether a record can be changed by a part only, as it is on an incremental course.
    is_gradable: ClassVar[bool] = False

    class Config(Component.Config):
        """Settings of every change."""

        at: int = Field(default=0, ge=0, description="Number of the first record that it may change, from 0.")
        course: Course = Field(
            default="abrupt",
            description="abrupt: every record from `at` on; gradual: more and more records over the next `over`, then "
            "every one; incremental: every record, but first by a little, and over `over` records ever more; "
            "recurring: `over` records changed, as many unchanged, and so on.",
        )
        over: int | None = Field(
            default=None, ge=1, description="Records that the course takes; needed by all courses but abrupt."
        )
        seed: int = Field(default=0, ge=0, description="Seed of what is left to chance.")

        @model_validator(mode="after")
        def _check_course(self) -> Self:
            if (self.course == "abrupt") != (self.over is None):
                raise ValueError(
                    f"a change with the course {self.course} {'has no' if self.course == 'abrupt' else 'needs'} `over`"
                )
            if self.course == "incremental" and not self.owner.is_gradable:
                raise ValueError("it is done to a record or not at all: take the course gradual instead of incremental")
            return self

        def build(self) -> Change:
            """The change."""
            return cast(Change, self.owner(self))

    config: Change.Config

    def __init__(self, config: Change.Config) -> None:
        self.config = config

    @property
    @abstractmethod
    def fields(self) -> tuple[str, ...]:
        """The fields of a record that it changes."""

    @abstractmethod
    def apply(self, record: dict[str, Any], strength: float, chance: float) -> None:
        """Change a record in place.

        `strength` is 1, or on an incremental course above 0 and up to 1; `chance` is this record's number between 0
        and 1 for what is left to chance. A value that is not what the change can work on stays as it is.
        """

    def apply_all(self, records: list[dict[str, Any] | None], numbers_N: Ints) -> None:
        """Change those of the records that it is for; None is a record that cannot be read."""
        strength_N = self.strength(numbers_N)
        chance_N = chances(numbers_N, named_seed(self.config.seed, "change", *self.fields))
        for n in np.flatnonzero(strength_N).tolist():
            record = records[n]
            if record is not None:
                self.apply(record, float(strength_N[n]), float(chance_N[n]))

    def strength(self, numbers_N: Ints) -> Floats:
        """How much each of the records is changed: 0 not at all, 1 in full."""
        since_N: Floats = (numbers_N - self.config.at).astype(np.float64)
        over, course = self.config.over or 1, self.config.course
        if course == "abrupt":
            return np.where(since_N >= 0, 1.0, 0.0)
        if course == "recurring":
            return np.where((since_N >= 0) & (since_N // over % 2 == 0), 1.0, 0.0)
        ramp_N: Floats = np.clip((since_N + 1) / over, 0.0, 1.0)
        if course == "incremental":
            return ramp_N
        chance_N = chances(numbers_N, named_seed(self.config.seed, "gradual", *self.fields))
        return np.where(chance_N < ramp_N, 1.0, 0.0)


def chances(numbers_N: Ints, seed: int) -> Floats:
    """A number from 0 up to 1 for each number, as good as random: SplitMix64 of the seed plus the number.

    (G. L. Steele, D. Lea and C. H. Flood, Fast splittable pseudorandom number generators, OOPSLA 2014, figure 13.)

    >>> chances(np.array([0, 1, 2]), seed=1).round(3).tolist() == chances(np.array([0, 1, 2]), seed=1).round(3).tolist()
    True
    """
    with np.errstate(over="ignore"):
        z = (numbers_N.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53


def as_number(value: Any) -> float | None:
    """The value as a number, also where it is text that stands for one (CSV); None: it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | np.integer | np.floating):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def exchange(record: dict[str, Any], value_of: Mapping[str, Any]) -> None:
    """Give fields the values of `value_of`; a field whose value is `MISSING` is taken out."""
    for name, value in value_of.items():
        if value is MISSING:
            record.pop(name, None)
        else:
            record[name] = value


#: Stands for a field that is not there.
MISSING = object()
