"""What detectors are shown, and what a change is said to have changed."""

from __future__ import annotations

from typing import Literal, final

import numpy as np
import pytest

from streammtl.digest import digest
from streammtl.drift.adwin import Adwin
from streammtl.drift.base import Detector
from streammtl.drift.ddm import Ddm
from streammtl.drift.history import History
from streammtl.drift.page_hinkley import PageHinkley
from streammtl.drift.panel import Change, Panel
from streammtl.drift.scaling import Scaling
from streammtl.drift.usual import UsualValues
from streammtl.errors import CheckpointMismatchError
from streammtl.types import State

NAN = float("nan")


@final
class Recorder(Detector):
    """Finds a change when a value is above 5, and remembers what it was shown. Not registered: its kind is no field."""

    class Config(Detector.Config):
        """Nothing to set."""

    def __init__(self, config: Config, seed: int = 0) -> None:
        self.shown: list[float] = []

    def take(self, value: float) -> bool:
        """Remember it."""
        self.shown.append(value)
        return value > 5.0

    def state(self) -> State:
        """Nothing."""
        return {}

    def load(self, state: State) -> None:
        """Nothing."""


Recorder.Config.owner = Recorder


def recorded(panel: Panel) -> list[list[float]]:
    return [detector.shown for detector in panel._detectors if isinstance(detector, Recorder)]


def panel_of(feed: Literal["mean", "values"], n_signals: int = 1) -> Panel:
    names = tuple(f"signal {signal}" for signal in range(n_signals))
    return Panel(Recorder.Config(feed=feed), names, n_reference=4, seed=0)


def column(*values: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.array(values)[:, np.newaxis]


REFERENCE = column(10.0, 14.0, 10.0, 14.0)  # mean 12, standard deviation 2


def test_the_reference_is_not_shown_and_scales_what_follows() -> None:
    panel = panel_of("values")
    panel.take(REFERENCE)
    panel.take(column(12.0, 14.0, 11.0, 10.0))
    assert recorded(panel) == [[0.0, 1.0, -0.5, -1.0]]


def test_a_mean_of_n_values_is_shown_times_the_root_of_n() -> None:
    panel = panel_of("mean")
    panel.take(REFERENCE)
    panel.take(column(14.0, 14.0, 14.0, 12.0))
    assert recorded(panel) == [[1.5]]  # 3 / sqrt(4)


def test_missing_values_are_left_out() -> None:
    panel = panel_of("mean")
    panel.take(column(10.0, NAN, 14.0, NAN))  # half of the reference
    panel.take(column(NAN, NAN, NAN, NAN))
    panel.take(column(10.0, NAN, NAN, 14.0))
    panel.take(column(NAN, 14.0, np.inf, NAN))
    panel.take(column(NAN, NAN, NAN, NAN))
    assert recorded(panel) == [[1.0]]
    values = panel_of("values")
    values.take(REFERENCE)
    values.take(column(NAN, 14.0, NAN, 10.0))
    assert recorded(values) == [[1.0, -1.0]]


def test_one_absurd_value_counts_as_eight_deviations() -> None:
    panel = panel_of("values")
    panel.take(REFERENCE)
    panel.take(column(1e30, -1e30, 12.0, 12.0))
    assert recorded(panel) == [[8.0, -8.0, 0.0, 0.0]]


def test_values_that_overflow_are_no_error() -> None:
    panel = panel_of("values")
    panel.take(column(1e308, -1e308, 1e308, 1e308))
    panel.take(column(1e308, 1e308, -1e308, 1e308))
    assert recorded(panel) == [[0.0, 0.0, -1.0, 0.0]]  # taken as constant: its variance is no number


def test_any_difference_to_a_constant_counts_as_one() -> None:
    panel = panel_of("values")
    panel.take(column(0.1, 0.1, 0.1, 0.1))
    panel.take(column(0.1, 0.1000001, 0.1, -7.0))
    assert recorded(panel) == [[0.0, 1.0, 0.0, -1.0]]


def test_a_change_begins_a_new_reference() -> None:
    panel = panel_of("values")
    panel.take(REFERENCE)
    assert panel.take(column(30.0, 30.0, 30.0, 30.0)) == [Change(0, before=12.0, after=30.0)]
    panel.take(column(28.0, 32.0, 28.0, 32.0))  # mean 30, deviation 2
    panel.take(column(31.0, 30.0, 30.0, 30.0))
    assert recorded(panel)[0][4:] == [0.5, 0.0, 0.0, 0.0]


def test_signals_are_independent() -> None:
    """A signal is shown the same whatever stands beside it, and whenever that completes its own reference."""
    alone, beside = panel_of("mean"), panel_of("mean", n_signals=3)
    rng = np.random.default_rng(0)
    for _ in range(20):
        block_BS = rng.standard_normal((7, 3))
        block_BS[:, 2] = NAN if rng.random() < 0.5 else block_BS[:, 2]
        alone.take(block_BS[:, :1].copy())
        beside.take(block_BS)
    assert recorded(beside)[0] == pytest.approx(recorded(alone)[0], rel=1e-12, abs=1e-12)


def test_binary_detectors_are_shown_bare_values_from_the_first_on() -> None:
    panel = Panel(Ddm.Config(warm_start=4), ("fraud",), n_reference=1000, seed=0)
    right, wrong = column(*[1.0, 0.0, 0.0, 0.0] * 5), column(*[1.0] * 20)
    assert panel.take(right) == []
    assert panel.take(wrong) == [Change(0, before=0.25, after=1.0)]


def test_a_change_within_the_first_block_has_no_before() -> None:
    panel = Panel(Ddm.Config(warm_start=4), ("fraud",), n_reference=1000, seed=0)
    (change,) = panel.take(column(*[0.0] * 30, *[1.0] * 10))
    assert np.isnan(change.before)
    assert change.after == 0.25


@pytest.mark.parametrize("config", [Adwin.Config(), PageHinkley.Config(feed="values")], ids=["means", "values"])
def test_state_goes_on_exactly(config: Detector.Config) -> None:
    rng = np.random.default_rng(2)
    names = ("a", "b", "c")
    original = Panel(config, names, n_reference=20, seed=0)
    n_changes = 0
    for block in range(80):
        values_BS = rng.standard_normal((10, 3)) + (block // 40) * 4.0
        values_BS[rng.random((10, 3)) < 0.1] = NAN
        copy = Panel(config, names, n_reference=20, seed=0)
        copy.load(original.state())
        changes = original.take(values_BS)
        assert copy.take(values_BS) == changes
        assert digest(copy.state()) == digest(original.state())
        n_changes += len(changes)
    assert n_changes >= 3


def test_a_state_of_other_signals_is_refused() -> None:
    panel = Panel(Adwin.Config(), ("a", "b"), n_reference=4, seed=0)
    with pytest.raises(
        CheckpointMismatchError, match="the signals watched are a, c, but those of the checkpoint are a, b"
    ):
        Panel(Adwin.Config(), ("a", "c"), n_reference=4, seed=0).load(panel.state())


def test_scaling_needs_the_whole_reference() -> None:
    scaling = Scaling(2, n_reference=4)
    block_BS = np.array([[1.0, 0.0], [3.0, 5.0]])
    scaling.extend_references(block_BS, np.array([[True, False], [True, True]]), np.array([2, 1]))
    scaling.extend_references(block_BS, None, np.array([2, 2]))
    assert scaling.is_ready_S.tolist() == [True, False]
    assert scaling.apply(np.array([[5.0, 9.0]])).tolist() == [[3.0, 0.0]]


@pytest.mark.parametrize("n_after", [1, 2, 5, 31, 32])
def test_history_finds_the_place_of_the_change(n_after: int) -> None:
    history = History(1)
    for _ in range(70):
        history.append(np.array([10]), np.array([20.0]))
    for _ in range(n_after):
        history.append(np.array([10]), np.array([50.0]))
    assert history.means(0) == (2.0, 5.0)


def test_history_weighs_blocks_by_their_values() -> None:
    history = History(2)
    for n, total in ((4, 4.0), (1, 3.0), (0, 0.0), (2, 18.0)):
        history.append(np.array([n, 1]), np.array([total, 0.0]))
    assert history.means(0) == (7.0 / 5.0, 9.0)


def test_history_of_one_block_has_no_before() -> None:
    history = History(1)
    history.append(np.array([4]), np.array([6.0]))
    before, after = history.means(0)
    assert np.isnan(before)
    assert after == 1.5


def test_usual_values_make_up_half_of_the_reference() -> None:
    usual = UsualValues(n_values=6, n_reference=8)
    assert np.isnan(usual.take(np.array([5, 1, 1, 3]))).all()
    assert np.isnan(usual.take(np.array([3, 3, 0, 2]))).all()  # 3 three times, 1 twice: five of eight
    assert usual.take(np.array([0, 1, 2, 3, 4, 5])).tolist() == [0.0, 1.0, 0.0, 1.0, 0.0, 0.0]


def test_of_values_equally_frequent_the_first_are_usual() -> None:
    usual = UsualValues(n_values=4, n_reference=4)
    usual.take(np.array([3, 2, 1, 0]))
    assert usual.take(np.array([0, 1, 2, 3])).tolist() == [1.0, 1.0, 0.0, 0.0]


def test_usual_classes_have_half_of_the_probability() -> None:
    usual = UsualValues(n_values=3, n_reference=2)
    assert np.isnan(usual.take_probabilities(np.array([[0.1, 0.7, 0.2], [NAN, NAN, NAN]]))).all()
    assert np.isnan(usual.take_probabilities(np.array([[0.4, 0.2, 0.4]]))).all()
    assert usual.take_probabilities(np.array([[0.5, 0.25, 0.25], [NAN, NAN, NAN]]))[0] == 0.5  # 0.9 + 0.6 of 2.0
