"""KSWIN: compares the distribution of the latest values with that of the values before them."""

from __future__ import annotations

import collections
from typing import Any, Literal, final

import numpy as np
from pydantic import Field, model_validator

from streammtl.drift.base import Detector
from streammtl.types import State


@final
class Kswin(Detector):
    """Kolmogorov-Smirnov windowing, by River.

    Of a window of the latest n values, the last r are compared with r values drawn from the n - r before them. A
    change is found when

        p(D) <= α  and  D > 0.1,   D = sup_x |F_recent(x) - F_drawn(x)|

    F the empirical distribution functions and p the probability of at least this D under one distribution. Finds any
    change of the distribution, not only of the mean; with `feed: values` also a change of the spread.

    C. Raab, M. Heusinger, F.-M. Schleif: Reactive Soft Prototype Computing for Concept Drift Streams. Neurocomputing
    416, 2020.

    The draws come from a generator seeded for the signal, whose state is saved. The test (scipy's) takes
    about 0.7 ms per value, a thousand times the other detectors: name the few signals that need it.

    Differences from River's defaults: α is 1e-5 instead of 0.005, because there is a test per value: 1e-4 gave 2 false
    alarms and 1e-5 none in 20,000 independent values.

    >>> detector = Kswin.Config(window_size=40, stat_size=20).build(seed=1)
    >>> values = np.arange(60) % 7.0
    >>> detector.update(values)
    False
    >>> detector.update(values + 10.0)
    True
    """

    class Config(Detector.Config):
        """Settings of KSWIN."""

        kind: Literal["kswin"] = "kswin"
        alpha: float = Field(
            default=1e-5,
            gt=0.0,
            lt=1.0,
            description="Probability α of the test statistic; smaller finds fewer changes.",
        )
        window_size: int = Field(default=100, ge=4, le=100_000, description="Values n of the window.")
        stat_size: int = Field(
            default=30, ge=2, le=50_000, description="Latest values r, and as many of those before; at most half of n."
        )

        @model_validator(mode="after")
        def _check_sizes(self) -> Kswin.Config:
            if 2 * self.stat_size > self.window_size:
                raise ValueError(
                    f"stat_size is {self.stat_size}, but at most half of window_size ({self.window_size}) can be "
                    "latest values, since as many are drawn from the others"
                )
            return self

    def __init__(self, config: Config, seed: int = 0) -> None:
        from river.drift import KSWIN

        make: Any = KSWIN  # River annotates its parameters only in part
        self._river = make(alpha=config.alpha, window_size=config.window_size, stat_size=config.stat_size, seed=seed)

    def take(self, value: float) -> bool:
        """Take one value; True when a change was found, and then the detector starts anew with the next value."""
        self._river.update(value)
        return bool(self._river.drift_detected)

    def state(self) -> State:
        """The window, and the generator's state (Mersenne Twister: 624 words and the place among them)."""
        version, words, gauss_next = self._river._rng.getstate()
        assert (version, gauss_next) == (3, None)  # only `sample` is called, which draws no normal numbers
        return {
            "drift_detected": bool(self._river.drift_detected),
            "n": self._river.n,
            "window": np.array(self._river.window, dtype=np.float64),
            "generator": np.array(words, dtype=np.uint32),
        }

    def load(self, state: State) -> None:
        """Take over a `state`."""
        window = np.asarray(state["window"]).tolist()
        self._river.n = int(state["n"])
        self._river.window = collections.deque(window, maxlen=self._river.window_size)
        self._river._rng.setstate((3, tuple(np.asarray(state["generator"]).tolist()), None))
        self._river._drift_detected = bool(state["drift_detected"])
