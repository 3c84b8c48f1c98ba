"""Experts on threads of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pytest

from streammtl.models._experts import MemoryExpert, NetworkExpert
from streammtl.models._side_by_side import SideBySide
from streammtl.models._team import _MANY_OPS
from streammtl.models.base import Model, Strides
from streammtl.models.mlp import DEFAULT_EXPERTS, Mlp
from streammtl.models.optimizers import Factored
from streammtl.testing.models import LAYOUT, assert_same_state, example_ops, example_tasks
from streammtl.types import Floats, Signals

Give: TypeAlias = Callable[[int], None]


def test_who_follow_do_so_while_the_leader_goes_on_each_on_a_thread_of_its_own() -> None:
    meeting = threading.Barrier(3)

    def lead(give: Give) -> str:
        give(7)
        meeting.wait(timeout=10)  # raises where they come one after the other
        return "led"

    def follow(lot: int) -> int:
        meeting.wait(timeout=10)
        return lot

    assert SideBySide[int](n_threads=3).run(lead, [follow, follow]) == ("led", [[7], [7]])


@pytest.mark.parametrize("n_threads", [1, 2, 3, 9])
def test_each_takes_every_lot_in_order(n_threads: int) -> None:
    taken: dict[str, list[int]] = {"a": [], "b": [], "c": []}

    def lead(give: Give) -> None:
        for lot in range(5):
            give(lot)

    def follower(name: str) -> Callable[[int], str]:
        def follow(lot: int) -> str:
            taken[name].append(lot)
            return f"{name}{lot}"

        return follow

    _, results = SideBySide[int](n_threads).run(lead, [follower(name) for name in taken])
    assert results == [[f"{name}{lot}" for lot in range(5)] for name in taken]
    assert all(lots == [0, 1, 2, 3, 4] for lots in taken.values())


def test_an_error_is_raised_when_all_have_ended() -> None:
    goes_on, ended = threading.Event(), []

    def lead(give: Give) -> None:
        give(1)

    def lead_and_fail(give: Give) -> None:
        give(1)
        goes_on.set()
        raise ValueError("the leader")

    def late(lot: int) -> None:
        assert goes_on.wait(timeout=10)
        ended.append(lot)

    def fail(lot: int) -> None:
        raise ValueError("who follows")

    side_by_side = SideBySide[int](n_threads=3)
    with pytest.raises(ValueError, match="the leader"):
        side_by_side.run(lead_and_fail, [late, late])
    assert ended == [1, 1]
    with pytest.raises(ValueError, match="who follows"):
        side_by_side.run(lead, [late, fail])
    assert ended == [1, 1, 1]
    assert side_by_side.run(lead, [late]) == (None, [[None]])


def test_threads_change_nothing_that_is_learned() -> None:
    ops = example_ops(1000)
    assert len(ops) >= 4 * _MANY_OPS
    experts = (*DEFAULT_EXPERTS, MemoryExpert(), NetworkExpert(optimizer=Factored(rate=0.04), scope="single"))

    def reweight(signals: Signals) -> Floats:
        return np.nan_to_num(1.0 + signals.losses_T, nan=1.0)

    def learned(n_threads: int, stops: list[int]) -> tuple[Strides, Model]:
        model = Mlp.Config(experts=experts, threads=n_threads).build(LAYOUT, example_tasks())
        return model.advance_in_segments(ops, stops, np.ones(4), reweight), model

    for stops in ([], list(range(20, len(ops), 20)), [1, len(ops)]):
        alone, model = learned(1, stops)
        for n_threads in (2, 4):
            strides, other = learned(n_threads, stops)
            np.testing.assert_array_equal(strides.outputs_PO, alone.outputs_PO)
            assert (strides.n_steps, strides.n_steps_skipped) == (alone.n_steps, alone.n_steps_skipped)
            assert_same_state(other.state(), model.state())
