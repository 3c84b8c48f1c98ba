"""Experts on threads of their own."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from streammtl.models._side_by_side import SideBySide
from streammtl.models.mlp import Mlp
from streammtl.testing.models import LAYOUT, example_ops, example_tasks


def test_jobs_run_at_the_same_time() -> None:
    meeting = threading.Barrier(3)

    def meet() -> int:
        return meeting.wait(timeout=10)  # raises where they come one after the other

    assert sorted(SideBySide(n_threads=3).run([meet, meet, meet])) == [0, 1, 2]


def test_an_error_is_raised_when_all_have_ended() -> None:
    goes_on, ended = threading.Event(), []

    def fail() -> None:
        goes_on.set()
        raise ValueError("the first job")

    def late() -> None:
        assert goes_on.wait(timeout=10)
        ended.append(True)

    with pytest.raises(ValueError, match="the first job"):
        SideBySide(n_threads=2).run([fail, late, late])
    assert ended == [True, True]
    with pytest.raises(ValueError, match="the first job"):
        SideBySide(n_threads=2).run([late, fail])


def test_threads_change_nothing() -> None:
    ops = example_ops(400)
    found = [
        Mlp.Config(threads=n_threads).build(LAYOUT, example_tasks()).advance(ops, np.ones(4)).outputs_PO
        for n_threads in (1, 3)
    ]
    np.testing.assert_array_equal(found[0], found[1])
