"""Labels of the world of machines come when the settings say and as often as they say, and agree with each other."""

from __future__ import annotations

import numpy as np
import pytest
from streammtl_simulators import IotWorld

from tests.simulators.iot_reading import drifting, read_reports, stationary

HOUR_S = 3600.0


def test_a_failure_is_known_when_it_happens_and_its_absence_after_a_day() -> None:
    reports = drifting()
    failed, delay = reports.labels["failure_soon"] == 1, reports.delay_h["failure_soon"]
    assert ((delay[failed] > 0) & (delay[failed] <= 24.0 + 1e-6)).all()
    np.testing.assert_allclose(delay[~failed], 24.0, atol=1e-6)


def test_reports_before_one_failure_agree_on_when_it_was() -> None:
    reports = stationary()
    failed_at: dict[str, float] = {}
    n_checked = 0
    for number in np.flatnonzero(reports.labels["failure_soon"] == 1).tolist():
        event = reports.events[number]
        at_s = event["time"] + reports.delay_h["failure_soon"][number] * HOUR_S
        known_s = failed_at.get(event["machine"], -1.0)
        if known_s > event["time"]:  # a failure that an earlier report had ahead of it, too
            assert at_s == pytest.approx(known_s, abs=0.01)
            n_checked += 1
        failed_at[event["machine"]] = at_s
    assert n_checked > 1000


def test_the_life_of_a_seal_is_known_when_it_ends() -> None:
    reports = drifting()
    life, delay = reports.labels["remaining_life_h"], reports.delay_h["remaining_life_h"]
    known = ~np.isnan(life)
    np.testing.assert_allclose(delay[known], life[known], atol=0.006)  # labels are rounded to a hundredth
    assert life[known].min() >= 0.0
    assert life[known].max() <= 120.0
    assert 0.8 < known.mean() < 0.99  # the others last longer than they are followed up


def test_meters_are_read_minutes_after_the_interval() -> None:
    reports = drifting()
    energy, alarms = reports.delay_h["energy_kwh"], reports.delay_h["alarms_next_hour"]
    np.testing.assert_array_equal(energy, alarms)
    after_s = (energy - 6.0) * HOUR_S
    assert np.median(after_s) == pytest.approx(600.0, rel=0.02)
    assert after_s.min() >= 60.0 - 0.01


def test_inspections_take_hours() -> None:
    delay = drifting().delay_h["fault_class"]
    assert np.median(delay) == pytest.approx(8.0, rel=0.02)
    assert np.log(delay).std() == pytest.approx(0.7, rel=0.02)


def test_the_stated_shares_are_never_labelled() -> None:
    reports = read_reports(events=40_000)
    never = reports.world.config.never_labelled
    for task in ("failure_soon", "fault_class", "energy_kwh", "alarms_next_hour"):
        share = getattr(never, task)
        spread = np.sqrt(share * (1 - share) / 40_000)
        assert np.isnan(reports.labels[task]).mean() == pytest.approx(share, abs=4 * spread)
    seals = ~np.isnan(reports.labels["remaining_life_h"])
    assert seals.mean() < 1 - never.remaining_life_h


def test_classes_are_all_there_and_none_is_rare() -> None:
    reports = stationary()
    assert 0.07 < np.nanmean(reports.labels["failure_soon"]) < 0.16
    shares = np.bincount(reports.labels["fault_class"].astype(int), minlength=5) / len(reports.events)
    assert shares.min() > 0.015
    assert shares.max() < 0.7


def test_no_label_at_all_is_possible() -> None:
    never = dict.fromkeys(("failure_soon", "fault_class", "energy_kwh", "remaining_life_h", "alarms_next_hour"), 1.0)
    world = IotWorld.Config.model_validate({"events": 500, "never_labelled": never}).build()
    assert sum(sum(batch.is_label_N) for batch in world.records()) == 0


@pytest.mark.parametrize(
    "settings",
    [
        {"events": 1},
        {"events": 300, "machines": 6},
        {"events": 700, "machines": 6, "interval_s": 86_400, "life_horizon_h": 24.0},
        {"events": 3000, "machines": 1000, "interval_s": 3600},
    ],
)
def test_extreme_settings_still_give_every_event(settings: dict[str, float]) -> None:
    world = IotWorld.Config.model_validate(settings).build()
    batches = list(world.records())
    assert sum(len(batch.event_ids) for batch in batches) == settings["events"]
    assert np.isfinite(np.concatenate([batch.best_EO for batch in batches])).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"interval_s": 7000}, "no whole number of intervals of 7000 s"),
        ({"life_horizon_h": 100.0}, "life_horizon_h: 100 is no whole number of intervals of 21600 s"),
        ({"drift": False, "drifts": ["rush"]}, "drifts has no effect with drift: false"),
        ({"drifts": ["rush", "rush"]}, "named twice"),
        ({"relatedness": 1.5}, "less than or equal to 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        IotWorld.Config.model_validate(settings)
