"""Relatedness and conflict do what they say, and stops are what their rates say."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from streammtl_simulators.iot.calendar import Calendar, DriftName
from streammtl_simulators.iot.condition import TASKS, driver, response, responses
from streammtl_simulators.iot.course import Course, Dials, courses
from streammtl_simulators.iot.fleet import draw_fleet
from streammtl_simulators.iot.stops import draw_stops, look_ahead

from tests.simulators.iot_reading import stationary

RNG = np.random.default_rng(0)
CONDITION_JE = RNG.random((6, 200_000))
GRID = (np.arange(20_000) + 0.5) / 20_000  # evenly spread


@pytest.mark.parametrize("relatedness", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_drivers_are_evenly_spread_whatever_the_relatedness(relatedness: float) -> None:
    found = np.sort(driver(CONDITION_JE[0], CONDITION_JE[1], relatedness))
    evenly = (np.arange(len(found)) + 0.5) / len(found)
    assert np.abs(found - evenly).max() < 1.63 / np.sqrt(len(found))  # Kolmogorov's bound at 1 %


def test_drivers_of_two_tasks_correlate_by_the_relatedness() -> None:
    for relatedness in (0.0, 0.25, 0.5, 0.75, 1.0):
        one, other = (driver(CONDITION_JE[0], CONDITION_JE[j], relatedness) for j in (1, 2))
        assert np.corrcoef(one, other)[0, 1] == pytest.approx(relatedness, abs=0.03)


def test_at_relatedness_zero_each_task_has_a_condition_of_its_own() -> None:
    without_common = CONDITION_JE.copy()
    without_common[0] = 0.5
    np.testing.assert_array_equal(responses(CONDITION_JE, 0.0, 0.0), responses(without_common, 0.0, 0.0))


def test_at_relatedness_one_only_the_common_condition_counts() -> None:
    only_common = CONDITION_JE.copy()
    only_common[1:] = 0.5
    found = responses(CONDITION_JE, 1.0, 0.0)
    np.testing.assert_array_equal(found, responses(only_common, 1.0, 0.0))
    assert (found == found[0]).all()


@pytest.mark.parametrize("conflict", [0.0, 0.3, 1.0])
def test_responses_have_mean_0_and_variance_1(conflict: float) -> None:
    for task in range(len(TASKS)):
        found = response(GRID, task, conflict)
        assert found.mean() == pytest.approx(0.0, abs=1e-6)
        assert found.var() == pytest.approx(1.0, abs=1e-6)


def test_at_full_conflict_responses_are_opposite_or_have_nothing_in_common() -> None:
    found = np.stack([response(GRID, task, 1.0) for task in range(len(TASKS))])
    common = found @ found.T / len(GRID)
    expected = np.eye(5)
    expected[0, 2] = expected[2, 0] = expected[1, 4] = expected[4, 1] = -1.0  # failure, energy; fault, alarms
    np.testing.assert_allclose(common, expected, atol=1e-6)


def test_conditions_of_the_machines_are_independent_and_evenly_spread() -> None:
    # What the sensors show of each condition, taken back: the settings times the channels, along the directions.
    reports = stationary()
    settings = np.stack([
        (reports.column("speed_rpm") - 1500) / 150, (reports.column("inlet_bar") - 6) / 0.5,
        (reports.column("coolant_lpm") - 40) / 5, (reports.column("feed_mm_s") - 12) / 1.5,
        (reports.column("voltage_v") - 400) / 8, (reports.column("air_c") - 22) / 4,
    ])  # fmt: skip
    load = reports.column("load_pct") / 100
    scalars = [
        (reports.column("temperature_c") - 48 - 25 * (load - 0.6)) / 6,
        (reports.column("current_a") - 12 - 10 * (load - 0.6)) / 2,
        (reports.column("pressure_bar") - 8) / 0.6,
        (reports.column("sound_db") - 70) / 4,
    ]
    channels = np.vstack([reports.column("spectrum").T - 6.0, scalars])
    mixing_CJ = reports.world._calendar.fleet.mixing_CJ
    wear = np.einsum("ce,cj->je", channels, mixing_CJ) / settings
    wear = wear[:, np.isfinite(wear).all(axis=0) & (np.abs(settings) > 0.7).all(axis=0)]
    assert np.abs(np.corrcoef(wear) - np.eye(6)).max() < 0.12
    np.testing.assert_allclose(wear.mean(axis=1), 0.0, atol=0.12)
    np.testing.assert_allclose(wear.std(axis=1), 1.02, atol=0.08)  # a spread of 1, and the noise of the sensors


def walk(n_chunks: int, drifts: tuple[DriftName, ...] = ()) -> list[Course]:
    calendar = Calendar(3000, 21_600, draw_fleet(0, 60), drifts)
    return list(islice(courses(0, calendar, Dials(0.5, 0.0, horizon_steps=4, life_steps=20)), n_chunks))


def test_parts_wear_with_the_work_until_they_are_exchanged() -> None:
    condition_JSM = walk(1)[0].condition_JSM
    gain = np.diff(condition_JSM, axis=1)
    is_exchanged = gain < 0
    assert 0.01 < is_exchanged.mean() < 0.06  # about once in eight days, at four reports a day
    assert gain[~is_exchanged].max() < 0.15
    np.testing.assert_allclose(gain[is_exchanged] + 1.0, gain[~is_exchanged].mean(), atol=0.12)


def test_parts_wear_faster_with_the_new_lubricant() -> None:
    old, new = (np.diff(walk(1, drifts)[0].condition_JSM, axis=1) % 1.0 for drifts in ((), ("new_lubricant",)))
    np.testing.assert_allclose(new[:, :20], old[:, :20])
    np.testing.assert_allclose(new[:, 60:], 1.6 * old[:, 60:])


def test_the_course_does_not_depend_on_the_size_of_its_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    (whole,) = walk(1)
    monkeypatch.setattr("streammtl_simulators.iot.course._CHUNK", 60 * 7)
    parts = walk(5)
    for name in ("ms_SM", "load_SM"):
        joined = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_array_equal(joined, getattr(whole, name)[:35])
    for kind in ("breakdown", "stop"):
        for name in ("hours_SM", "probability_SM", "mean_hours_SM"):
            joined = np.concatenate([getattr(getattr(part, kind), name) for part in parts])
            np.testing.assert_allclose(joined, getattr(getattr(whole, kind), name)[:35], rtol=1e-9)


def test_stops_come_as_often_and_as_late_as_is_said() -> None:
    interval_h, n_ahead, n = 6.0, 4, 200_000
    rate_A = np.array([0.01, 0.05, 0.002, 0.08])
    rate_AM = np.repeat(np.concatenate([rate_A, [0.3]])[:, None], n, axis=1)
    stop_h_AM = draw_stops(rate_AM, RNG.random((5, n)), interval_h)
    ahead = look_ahead(rate_AM, stop_h_AM, interval_h, n_ahead)
    assert ahead.hours_SM.shape == (1, n)
    hours, probability, mean = ahead.hours_SM[0], ahead.probability_SM[0, 0], ahead.mean_hours_SM[0, 0]
    assert probability == pytest.approx(1 - np.exp(-(rate_A * interval_h).sum()), rel=1e-12)
    stopped = np.isfinite(hours)
    assert stopped.mean() == pytest.approx(probability, abs=4 * np.sqrt(0.25 / n))
    assert hours[stopped].max() <= n_ahead * interval_h
    assert hours[stopped].mean() == pytest.approx(mean, abs=4 * hours[stopped].std() / np.sqrt(n * probability))


def test_a_constant_rate_gives_the_truncated_exponential() -> None:
    rate, interval_h, n_ahead = 0.02, 6.0, 20
    ahead = look_ahead(np.full((21, 1), rate), np.full((21, 1), np.inf), interval_h, n_ahead)
    cap, kept = interval_h * n_ahead, np.exp(-rate * interval_h * n_ahead)
    assert ahead.mean_hours_SM[0, 0] == pytest.approx(1 / rate - cap * kept / (1 - kept), rel=1e-9)
