"""The time of day and of the week."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, final

import numpy as np
from pydantic import Field

from streammtl.features.base import Feature, FeatureProblem, as_list, to_dense
from streammtl.times import TimeUnit, read_times
from streammtl.types import Floats, Floats32, Ints32

DAY_S = 86_400.0
PERIOD_S = {"day": DAY_S, "week": 7 * DAY_S}
#: 1970-01-01 was a Thursday; weeks begin on Monday.
START_S = {"day": 0.0, "week": 3 * DAY_S}


@final
class Time(Feature):
    """Where in the day and in the week a moment lies: a point on a circle for each.

    For each part with period P, the two columns sin(2 pi t / P) and cos(2 pi t / P): midnight is beside 23:59, and
    Sunday beside Monday. Read from the event's own time, unless `field` names another.

    >>> import numpy as np
    >>> feature = Time.Config(parts=["day"]).build("clock")
    >>> dense_BD = np.zeros((2, 2), dtype=np.float32)
    >>> six_in_the_morning = 6 * 3600.0
    >>> feature.encode([], np.array([six_in_the_morning, np.nan]), dense_BD, np.zeros((2, 0), dtype=np.int32))
    []
    >>> feature.dense_names, dense_BD.round(3).tolist()
    (('clock.day_sin', 'clock.day_cos'), [[1.0, 0.0], [nan, nan]])
    """

    class Config(Feature.Config):
        """Settings of a time feature."""

        kind: Literal["time"] = "time"
        field: str | None = Field(
            default=None, min_length=1, description="Field that holds a time. Default: the event's time."
        )
        time_unit: TimeUnit = Field(
            default="auto",
            description="How `field` is read: numbers as seconds (s), milliseconds (ms) or by size (auto); or ISO 8601 "
            "text only (iso).",
        )
        parts: tuple[Literal["day", "week"], ...] = Field(
            default=("day", "week"), min_length=1, description="Which cycles: the day, the week, or both."
        )
        utc_offset_h: float = Field(
            default=0.0,
            ge=-14.0,
            le=14.0,
            description="Hours to add to UTC before the day and the week begin: 1 for Berlin in winter.",
        )

    def __init__(self, config: Config, name: str, seed: int = 0) -> None:
        super().__init__(config, name, seed)
        self.field = config.field
        self._unit = config.time_unit
        self._parts = tuple(dict.fromkeys(config.parts))
        self._offset_s = config.utc_offset_h * 3600.0

    @property
    def wire_type(self) -> Any:
        """A number or text."""
        return str | int | float

    @property
    def dense_names(self) -> tuple[str, ...]:
        """Sine and cosine of each part."""
        return tuple(f"{self.name}.{part}_{wave}" for part in self._parts for wave in ("sin", "cos"))

    def encode(
        self, values: Sequence[Any], time_s_B: Floats, dense_BD: Floats32, category_BC: Ints32
    ) -> list[FeatureProblem]:
        """Write the columns."""
        problems: list[FeatureProblem] = []
        if self.field is not None:
            time_s_B, problems = read_times(as_list(values), self._unit)
        wave_BD = np.empty(dense_BD.shape)
        for index, part in enumerate(self._parts):
            period_s = PERIOD_S[part]
            angle_B = np.mod(time_s_B + (self._offset_s + START_S[part]), period_s) * (2.0 * np.pi / period_s)
            wave_BD[:, 2 * index], wave_BD[:, 2 * index + 1] = np.sin(angle_B), np.cos(angle_B)
        dense_BD[:] = to_dense(wave_BD)
        return problems
