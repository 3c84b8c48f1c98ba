"""Each drift of the world of machines does what its ground truth says, when it says so, and nothing when it is off."""

from __future__ import annotations

import numpy as np
import pytest
from streammtl_simulators import IotWorld
from streammtl_simulators.iot.calendar import DRIFT_NAMES

from streammtl.types import Floats
from tests.simulators.iot_reading import Reports, drifting, read_reports, stationary

#: Columns of the best outputs that look hours ahead, and so into a drift that is to come: failure and seal.
AHEAD = [0, 7]


def test_every_kind_of_drift_occurs() -> None:
    drifts = IotWorld.Config().build().drifts()
    assert {drift.kind for drift in drifts} == {"abrupt", "gradual", "incremental", "recurring"}
    assert [drift.name for drift in drifts] == [
        "recalibration", "rush", "dead_sensors", "new_lubricant", "new_type", "rush",
    ]  # fmt: skip


def test_without_drift_there_is_none() -> None:
    assert IotWorld.Config(drift=False).build().drifts() == ()


@pytest.mark.slow(seconds=3)
@pytest.mark.parametrize("name", DRIFT_NAMES)
def test_nothing_is_different_before_the_start_of_a_drift_and_something_is_after(name: str) -> None:
    with_it, without = (
        read_reports(events=20_000, machines=150, **given) for given in ({"drifts": [name]}, {"drift": False})
    )
    (drift, *_) = with_it.world.drifts()
    start, start_s = drift.start_event, drift.start_s
    assert with_it.events[:start] == without.events[:start]
    time_s = without.column("time")
    is_near = (time_s >= start_s - 120 * 3600.0) & (time_s < start_s)
    best, best_without = with_it.best_EO, without.best_EO
    now = [column for column in range(9) if column not in AHEAD]
    np.testing.assert_array_equal(best[:start][:, now], best_without[:start][:, now])
    far = ~is_near[:start]
    np.testing.assert_array_equal(best[:start][far], best_without[:start][far])
    changed = [one != other for one, other in zip(with_it.events[start:], without.events[start:], strict=True)]
    if name == "new_lubricant":  # of the concept; the sensors follow when machines are worn sooner
        changed = (best[start:, 6] != best_without[start:, 6]).tolist()
    assert changed.index(True) < {"dead_sensors": 2000, "new_lubricant": 5}.get(name, 150)


def test_features_that_a_drift_does_not_name_keep_their_distribution() -> None:
    with_it, without = (read_reports(events=10_000, **given) for given in ({"drifts": ["rush"]}, {"drift": False}))
    named = with_it.world.drifts()[0].features
    for field in with_it.events[0]:
        same = [one[field] == other[field] for one, other in zip(with_it.events, without.events, strict=True)]
        if field in ("load_pct", "temperature_c", "current_a"):
            assert field in named
            assert not all(same)
        elif field in ("speed_rpm", "air_c", "site", "machine"):
            assert all(same)


def test_recalibrated_sensors_read_more_from_the_first_event_on() -> None:
    reports, start = drifting(), drifting().drift("recalibration").start_event
    number = np.arange(len(reports.events))
    before, after = (number >= start - 4000) & (number < start), (number >= start) & (number < start + 4000)
    spectrum = reports.column("spectrum")
    assert spectrum[after].mean() - spectrum[before].mean() == pytest.approx(0.6 * 1.5, abs=0.15)
    calm = stationary().column("spectrum")
    assert calm[after].mean() - calm[before].mean() == pytest.approx(0.0, abs=0.03)


@pytest.mark.parametrize("occurrence", [0, 1])
def test_a_rush_brings_load_and_alarms_and_goes_again(occurrence: int) -> None:
    drift = drifting().drift("rush", occurrence)
    # Hours and weekdays differ by as much, so that only the same time without a rush tells.
    width_s = drift.end_s - drift.start_s
    for start_s, load_ratio, brings_alarms in (
        (drift.start_s - width_s, 1.0, False),
        (drift.start_s, 1.2, True),
        (drift.end_s, 1.0, False),
    ):
        load, alarms = [], []
        for reports in (drifting(), stationary()):
            time_s = reports.column("time")
            rows = (time_s >= start_s) & (time_s < start_s + width_s) & ~reports.equals("machine_type", "robot")
            load.append(reports.column("load_pct")[rows].mean())
            alarms.append(reports.labels["alarms_next_hour"][rows].mean())
        assert load[0] / load[1] == pytest.approx(load_ratio, abs=0.01)
        assert (alarms[0] / alarms[1] > 2.0) == brings_alarms


def test_sensors_die_one_after_the_other() -> None:
    reports = drifting()
    drift, time_s = reports.drift("dead_sensors"), reports.column("time")
    is_dead = np.isnan(reports.column("temperature_c")) & ~reports.equals("machine_type", "robot")
    old = ~reports.equals("machine_type", "robot")
    half_s = (drift.start_s + drift.end_s) / 2
    assert is_dead[(time_s < drift.start_s) & old].mean() == pytest.approx(0.005, abs=0.002)
    middle = (np.abs(time_s - half_s) < 0.1 * (drift.end_s - drift.start_s)) & old
    assert is_dead[middle].mean() == pytest.approx(0.3, abs=0.08)
    assert is_dead[(time_s >= drift.end_s) & old].mean() == pytest.approx(0.6, abs=0.08)


def friction(reports: Reports) -> Floats:
    """Energy relative to what load and type explain."""
    power = {"press": 42.0, "lathe": 30.0, "mill": 36.0, "pump": 24.0, "robot": 48.0}
    usual = np.array([power[event["machine_type"]] for event in reports.events])
    return reports.labels["energy_kwh"] / (6.0 * usual * (0.3 + 0.7 * reports.column("load_pct") / 60.0))


def test_the_new_lubricant_takes_friction_away() -> None:
    reports, drift = drifting(), drifting().drift("new_lubricant")
    before, after = reports.column("time") < drift.start_s, reports.after(drift)
    ratio = friction(reports)
    assert ratio[before].std() == pytest.approx(np.hypot(0.25, 0.06), rel=0.05)
    assert ratio[after].std() == pytest.approx(np.hypot(0.1, 0.06), rel=0.1)
    calm = friction(stationary())
    assert calm[after].std() == pytest.approx(calm[before].std(), rel=0.05)


def test_with_the_new_lubricant_machines_fail_less_and_seals_more() -> None:
    reports, drift = drifting(), drifting().drift("new_lubricant")
    calm, rush = stationary(), reports.drift("rush", 1)
    rows = reports.after(drift) & (reports.column("time") < rush.start_s - 120 * 3600.0)
    rows &= reports.column("time") < reports.drift("new_type").start_s
    for task in ("failure_soon", "remaining_life_h"):
        assert np.nanmean(reports.labels[task][rows]) < 0.75 * np.nanmean(calm.labels[task][rows])


def test_robots_report_from_the_start_of_the_drift_on() -> None:
    reports, start = drifting(), drifting().drift("new_type").start_event
    robots = np.flatnonzero(reports.equals("machine_type", "robot"))
    assert start <= robots[0] < start + 60
    assert len(robots) / (len(reports.events) - start) == pytest.approx(1 / 6, abs=0.01)
    assert not stationary().equals("machine_type", "robot").any()


def test_conditions_show_otherwise_on_robots() -> None:
    fleet = drifting().world._calendar.fleet
    assert np.abs(fleet.mixing_CJ.T @ fleet.mixing_CJ - np.eye(6)).max() < 1e-12
    assert np.abs(np.sum(fleet.mixing_CJ * fleet.new_mixing_CJ, axis=0)).max() < 0.9
