"""Labels of the recommender world come when the settings say, as often as they say, and in no feature."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from streammtl_simulators.recommender.tastes import TASKS

from tests.simulators.recommender_stream import build, read, stationary

DAY_S = 86_400.0


def test_a_click_is_known_in_seconds() -> None:
    delay_s = stationary().delay_s["click"]
    assert np.nanmedian(delay_s) == pytest.approx(4.0, rel=0.03)
    assert np.nanmax(delay_s) < 120.0


def test_delays_of_clicks_say_nothing_of_the_click() -> None:
    stream = stationary()
    delay_s, click_E = stream.delay_s["click"], stream.labels["click"]
    medians = [np.median(delay_s[click_E == value]) for value in (0, 1)]
    assert medians[0] == pytest.approx(medians[1], rel=0.05)


def test_only_the_clicked_are_liked_watched_and_rated() -> None:
    stream = stationary()
    for task in ("like", "watch_min", "rating"):
        assert not (~np.isnan(stream.labels[task]) & (stream.labels["click"] == 0)).any()
    assert not ((stream.labels["purchase"] == 1) & (stream.labels["click"] == 0)).any()


def test_the_time_watched_is_known_when_it_is_over() -> None:
    stream = stationary()
    known = ~np.isnan(stream.labels["watch_min"]) & ~np.isnan(stream.labels["click"])
    watched_s = (stream.delay_s["watch_min"] - stream.delay_s["click"])[known]
    np.testing.assert_allclose(watched_s, 60.0 * stream.labels["watch_min"][known], atol=0.002)


def test_a_like_comes_with_the_time_watched() -> None:
    stream = stationary()
    known = ~np.isnan(stream.labels["like"]) & ~np.isnan(stream.labels["watch_min"])
    np.testing.assert_array_equal(stream.delay_s["like"][known], stream.delay_s["watch_min"][known])


def test_a_rating_takes_hours() -> None:
    stream = stationary()
    known = ~np.isnan(stream.labels["rating"]) & ~np.isnan(stream.labels["watch_min"])
    after_s = (stream.delay_s["rating"] - stream.delay_s["watch_min"])[known]
    assert np.median(after_s) == pytest.approx(4 * 3600.0, rel=0.15)
    assert np.log(after_s).std() == pytest.approx(1.0, rel=0.1)


def test_a_purchase_takes_up_to_three_days_and_stays_within_its_horizon() -> None:
    stream = stationary()
    delay_s = stream.delay_s["purchase"][stream.labels["purchase"] == 1]
    assert 2.5 * DAY_S < delay_s.max() < 3 * DAY_S + 120.0
    assert np.median(delay_s) == pytest.approx(3 * DAY_S / 8, rel=0.15)
    assert delay_s.max() < stream.world.run_config()["tasks"]["purchase"]["horizon_s"]


def test_without_a_click_that_nothing_was_bought_is_known_at_once_and_otherwise_never() -> None:
    stream = stationary()
    click_E, purchase_E = stream.labels["click"], stream.labels["purchase"]
    np.testing.assert_array_equal(purchase_E == 0, click_E == 0)
    none = purchase_E == 0
    np.testing.assert_array_equal(stream.delay_s["purchase"][none], stream.delay_s["click"][none])


def test_the_horizon_follows_the_longest_time_to_a_purchase() -> None:
    tasks = build(delays={"purchase_max_s": 7200.0}).run_config()["tasks"]
    assert tasks["purchase"]["horizon_s"] == 7200.0 + 3600.0
    assert tasks["purchase"]["on_expiry"] == "negative"


def test_the_stated_shares_are_never_labelled() -> None:
    stream = stationary()
    is_known = {task: ~np.isnan(label_E) for task, label_E in stream.labels.items()}
    clicked = stream.labels["click"] == 1
    assert is_known["click"].mean() == pytest.approx(0.99, abs=0.003)
    assert is_known["like"][clicked].mean() == pytest.approx(0.5, abs=0.03)
    assert is_known["watch_min"][clicked].mean() == pytest.approx(0.95, abs=0.012)
    assert is_known["rating"][clicked].mean() == pytest.approx(0.08, abs=0.015)


def test_what_is_labelled_and_when_leaves_the_events_alone() -> None:
    quick = {"view_median_s": 60.0, "purchase_max_s": 600.0}
    one = read(build(events=3000))
    other = read(build(events=3000, delays=quick, never_labelled={"click": 0.5, "rating": 0.0}))
    assert one.events == other.events
    known = ~np.isnan(other.labels["click"])
    assert 0.4 < known.mean() < 0.6
    np.testing.assert_array_equal(
        other.labels["click"][known & ~np.isnan(one.labels["click"])],
        one.labels["click"][known & ~np.isnan(one.labels["click"])],
    )


def test_an_event_holds_no_label() -> None:
    assert not any(task in event for task in TASKS for event in stationary().events)


def test_no_label_at_all_is_possible() -> None:
    world = build(events=500, never_labelled=dict.fromkeys(TASKS, 1.0))
    assert sum(sum(batch.is_label_N) for batch in world.records()) == 0


def test_histories_are_those_of_the_events_before() -> None:
    stream = read(build(events=4000, never_labelled={"click": 0.0}))
    time_s, click_E = stream.column("time"), stream.labels["click"]
    user_E = np.array([event["user"] for event in stream.events])
    # From the second day on, so that a day lies within the stream.
    for number in range(3000, 4000, 37):
        earlier = np.flatnonzero((user_E[:number] == user_E[number]) & (time_s[:number] >= time_s[number] - DAY_S))
        event = stream.events[number]
        assert event["shown_24h"] == len(earlier)
        assert event["clicks_24h"] == click_E[earlier].sum()


def test_what_is_longer_ago_than_a_week_is_forgotten() -> None:
    stream = stationary()
    since_s, shown = stream.column("since_last_s"), stream.column("shown_7d")
    np.testing.assert_array_equal(np.isnan(since_s), shown == 0)
    assert np.nanmax(since_s) <= 7 * DAY_S
    late = np.arange(len(shown)) >= len(shown) // 2
    assert np.isnan(since_s[late]).mean() == pytest.approx(np.isnan(since_s[~late]).mean(), abs=0.002)


@pytest.mark.parametrize(
    "settings",
    [
        {"events": 1},
        {"events": 40, "events_per_day": 10.0},
        {"events": 300, "users": 1, "items": 10},
        {"events": 5000, "events_per_day": 1e5, "users": 3, "delays": {"rating_sigma": 3.0, "view_sigma": 3.0}},
    ],
)
def test_extreme_settings_still_give_every_event(settings: dict[str, float]) -> None:
    batches = list(build(**settings).records())
    assert sum(len(batch.event_ids) for batch in batches) == settings["events"]
    assert np.isfinite(np.concatenate([batch.best_EO for batch in batches])).all()


def test_dirt_is_counted_and_loses_no_event() -> None:
    world = build(events=3000, dirt={"malformed": 0.05, "wrong_type": 0.05, "missing": 0.05, "late": 0.05})
    batches = list(world.records())
    assert sum(len(batch.event_ids) for batch in batches) == 3000
    n_mistyped = sum(b'"price":"about' in value for batch in batches for value in batch.value_N)
    assert n_mistyped == world.dirt_counts()["wrong_type"] > 100


def test_labels_say_that_they_are_labels() -> None:
    batch = next(iter(build(events=100).records()))
    for value, is_label in zip(batch.value_N, batch.is_label_N, strict=True):
        assert msgspec.json.decode(value)["record"] == ("label" if is_label else "event")
