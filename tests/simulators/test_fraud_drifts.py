"""Each drift of the fraud world does what its ground truth says, when it says so, and nothing when it is off."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from streammtl_simulators import FraudWorld
from streammtl_simulators.fraud.calendar import (
    CODES_CHANGE,
    DRIFT_NAMES,
    HIDING,
    INFLATION,
    NEW_ATTACK,
    SEASONS,
    WAVES,
    Calendar,
)
from streammtl_simulators.fraud.cast import CODES
from streammtl_simulators.fraud.concept import KINDS

from streammtl.component import members
from streammtl.types import Floats, Ints
from tests.simulators.reading import Stream


def share(hit_E: Floats, rows: Ints) -> tuple[float, float]:
    """A share with its standard deviation."""
    mean = float(hit_E[rows].mean())
    return mean, float(np.sqrt(mean * (1 - mean) / len(rows)))


def valuables_online(stream: Stream) -> Floats:
    device = ~stream.equals("device", None)
    kinds = np.isin([event["descriptor"].split()[0] for event in stream.events], ("phone", "laptop", "camera", "audio"))
    return (device & kinds).astype(float)


def test_every_kind_of_drift_occurs() -> None:
    drifts = FraudWorld.Config().build().drifts()
    assert {drift.kind for drift in drifts} == {"abrupt", "gradual", "incremental", "recurring"}
    assert {drift.name for drift in drifts} == set(DRIFT_NAMES)
    assert len(drifts) == len(DRIFT_NAMES) + 2 + 1  # three waves and two seasons


def test_a_short_stream_has_every_drift() -> None:
    drifts = FraudWorld.Config(events=1000).build().drifts()
    assert len(drifts) == 9
    assert [0 < drift.start_event < 1000 for drift in drifts] == [True] * 9


@pytest.mark.parametrize("name", DRIFT_NAMES)
def test_a_drift_that_is_switched_off_is_not_there(name: str) -> None:
    kept = [drift for drift in DRIFT_NAMES if drift != name]
    world = FraudWorld.Config.model_validate({"events": 2000, "drifts": kept}).build()
    assert {drift.name for drift in world.drifts()} == set(kept)


@pytest.mark.parametrize("wave", WAVES)
def test_waves_bring_fraud_with_valuables_online(
    default_stream: Stream, stationary_stream: Stream, wave: tuple[float, float]
) -> None:
    before = (wave[0] - 0.06, wave[0])
    rates = []
    for stream in (default_stream, stationary_stream):
        target = np.flatnonzero(valuables_online(stream))
        is_fraud = np.nan_to_num(stream.labels["is_fraud"])
        inside, outside = (np.intersect1d(stream.between(*window), target) for window in (wave, before))
        rates.append((*share(is_fraud, inside), *share(is_fraud, outside)))
    (during, d_spread, ahead, a_spread), (off, off_spread, off_ahead, off_ahead_spread) = rates
    assert during - ahead > 4 * np.hypot(d_spread, a_spread)
    assert during > 3 * ahead
    assert abs(off - off_ahead) < 4 * np.hypot(off_spread, off_ahead_spread)


def test_the_new_attack_appears_at_its_first_event(default_stream: Stream) -> None:
    (drift,) = (drift for drift in default_stream.world.drifts() if drift.name == "new_attack")
    kind = default_stream.labels["fraud_kind"]
    of_attack = np.flatnonzero(kind == KINDS.index("sim_swap"))
    assert of_attack[0] >= drift.start_event
    assert len(of_attack) > 80
    best = default_stream.best_EO[:, 1 + KINDS.index("sim_swap")]
    assert best[: drift.start_event].max() == 0.0
    assert drift.start_event / len(kind) == pytest.approx(NEW_ATTACK, abs=0.03)


def test_without_the_new_attack_its_class_never_occurs(stationary_stream: Stream) -> None:
    assert not (stationary_stream.labels["fraud_kind"] == KINDS.index("sim_swap")).any()
    assert stationary_stream.best_EO[:, 5].max() == 0.0


@pytest.mark.parametrize("season", SEASONS)
def test_seasons_bring_more_and_dearer_purchases(default_stream: Stream, season: tuple[float, float]) -> None:
    # The weekdays differ by more than a season does, so only like days are compared: with the same world without one.
    calm = Calendar(100_000, 1700.0, [drift for drift in DRIFT_NAMES if drift != "season"])
    middle = (season[0] + season[1]) / 2
    window = (middle - 0.02, middle + 0.02)
    rows = default_stream.between(*window)
    edges_s = [edge * calm.span_s for edge in window]
    expected_when_calm = calm.work_at(edges_s[1]) - calm.work_at(edges_s[0])
    assert len(rows) > 1.3 * expected_when_calm
    price = np.exp(np.log(default_stream.column("amount")[rows]).mean() - usual_log_amount(default_stream))
    assert price > 1.15 * calm.price(np.array([middle * calm.span_s]))[0]


def usual_log_amount(stream: Stream) -> float:
    """Mean log amount before any drift."""
    return float(np.log(stream.column("amount")[stream.between(0.0, 0.1)]).mean())


def test_prices_rise_little_by_little(default_stream: Stream, stationary_stream: Stream) -> None:
    log_amount = np.log(default_stream.column("amount"))
    windows = [(0.0, 0.1), (0.33, 0.42), (0.55, 0.65), (0.93, 1.0)]
    levels = [np.exp(log_amount[default_stream.between(*window)].mean()) for window in windows]
    ramp = [np.clip((np.mean(window) - INFLATION[0]) / (INFLATION[1] - INFLATION[0]), 0, 1) for window in windows]
    for level, progress in zip(levels, ramp, strict=True):
        assert level / levels[0] == pytest.approx(1 + 0.4 * progress, rel=0.06)
    log_amount = np.log(stationary_stream.column("amount"))
    first, last = (log_amount[stationary_stream.between(*window)] for window in (windows[0], windows[-1]))
    assert abs(first.mean() - last.mean()) < 6 * np.hypot(
        first.std() / len(first) ** 0.5, last.std() / len(last) ** 0.5
    )


def codes_by_merchant(stream: Stream, rows: Ints) -> dict[str, set[str]]:
    codes: dict[str, set[str]] = {}
    for row in rows.tolist():
        codes.setdefault(stream.events[row]["merchant"], set()).add(stream.events[row]["category"])
    return codes


def test_half_of_the_merchants_change_their_code_at_once(default_stream: Stream) -> None:
    (drift,) = (drift for drift in default_stream.world.drifts() if drift.name == "merchant_codes")
    everything = np.arange(len(default_stream.events))
    before = codes_by_merchant(default_stream, everything[: drift.start_event])
    after = codes_by_merchant(default_stream, everything[drift.start_event :])
    assert all(len(codes) == 1 for codes in (*before.values(), *after.values()))
    assert set().union(*before.values()) == set().union(*after.values()) == set(CODES)
    changed = [before[merchant] != after[merchant] for merchant in before.keys() & after.keys()]
    assert 0.4 < np.mean(changed) < 0.6
    assert drift.start_event / len(everything) == pytest.approx(CODES_CHANGE, abs=0.03)


def test_without_the_change_every_merchant_keeps_its_code(stationary_stream: Stream) -> None:
    codes = codes_by_merchant(stationary_stream, np.arange(len(stationary_stream.events)))
    assert {len(of_merchant) for of_merchant in codes.values()} == {1}


def test_thieves_hide_more_and_more() -> None:
    calendar = Calendar(100_000, 1700.0, ["hidden_location"])
    shares = np.array([0.0, HIDING[0], sum(HIDING) / 2, HIDING[1], 1.0])
    assert calendar.hidden_share(shares * calendar.span_s) == pytest.approx([0.0, 0.0, 0.5, 1.0, 1.0])


def test_distance_tells_thieves_until_they_hide(default_stream: Stream, stationary_stream: Stream) -> None:
    def far_share(stream: Stream, first: float, last: float) -> float:
        rows = stream.between(first, last)
        is_stolen = stream.labels["fraud_kind"][rows] == KINDS.index("stolen_card")
        present = stream.equals("device", None)[rows]
        far = stream.column("distance_km")[rows] > 300
        return float((far & present)[is_stolen].mean())

    assert far_share(default_stream, 0.0, HIDING[0]) > 0.3
    assert far_share(default_stream, HIDING[1], 1.0) < 0.1
    assert far_share(stationary_stream, HIDING[1], 1.0) > 0.3


def documents(drifts: list[str], choose: Callable[[bool], bool]) -> list[bytes]:
    world = FraudWorld.Config.model_validate({"events": 5000, "drifts": drifts}).build()
    return [
        value
        for batch in world.records()
        for value, is_label in zip(batch.value_N, batch.is_label_N, strict=True)
        if choose(is_label)
    ]


def test_a_drift_of_the_concept_leaves_the_events_alone() -> None:
    concept = ["fraud_waves", "new_attack", "hidden_location"]
    assert documents(concept, lambda is_label: not is_label) == documents([], lambda is_label: not is_label)
    assert documents(concept, bool) != documents([], bool)


def test_a_change_of_codes_leaves_the_labels_alone() -> None:
    assert documents(["merchant_codes"], bool) == documents([], bool)
    changed, plain = (documents(drifts, lambda is_label: not is_label) for drifts in (["merchant_codes"], []))
    for one, other in zip(changed, plain, strict=True):
        left, right = msgspec.json.decode(one), msgspec.json.decode(other)
        del left["category"], right["category"]
        assert left == right


def test_an_unknown_drift_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"fraud_waves.*new_attack"):
        members("worlds")["fraud"].Config.model_validate({"drifts": ["earthquake"]})


def test_a_drift_named_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="named twice"):
        FraudWorld.Config.model_validate({"drifts": ["season", "season"]})
