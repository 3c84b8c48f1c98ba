"""KSWIN draws at random, and remembers where it was."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from streammtl.digest import digest
from streammtl.drift.kswin import Kswin


def test_draws_depend_on_the_seed_alone() -> None:
    values = np.random.default_rng(1).standard_normal(110)
    states = []
    for seed in (1, 1, 2):
        detector = Kswin.Config().build(seed)
        detector.update(values)
        states.append(digest(detector.state()))
    assert states[0] == states[1] != states[2]


def test_more_latest_values_than_others_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"stat_size is 60, but at most half of window_size \(100\)"):
        Kswin.Config(stat_size=60)
