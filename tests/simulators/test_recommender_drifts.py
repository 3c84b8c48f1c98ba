"""Each drift of the recommender world does what its ground truth says, when it says so, and nothing else."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from streammtl_simulators.recommender.calendar import DRIFT_NAMES, INTERESTS, DriftName
from streammtl_simulators.recommender.catalogue import MOVING_SEGMENTS
from streammtl_simulators.recommender.drifts import CHANGES
from streammtl_simulators.recommender.tastes import TASKS

from streammtl.types import Bools, Floats
from tests.simulators.recommender_stream import Stream, build, stationary, with_drift

CLICK, LIKE, WATCH, PURCHASE = 0, 1, 2, 8
COLUMNS = dict(zip(TASKS, ([CLICK], [LIKE], [WATCH], [3, 4, 5, 6, 7], [PURCHASE]), strict=True))
#: Drifts that change what is shown; the others leave the events alone but for what follows from clicks.
OF_ITEMS = ("new_items", "new_category")


def standard_errors(label_E: Floats, inside_E: Bools, outside_E: Bools) -> float:
    """By how many standard errors the mean of the known labels is higher inside than outside."""
    inside, outside = (label_E[rows & ~np.isnan(label_E)] for rows in (inside_E, outside_E))
    spread = np.sqrt(inside.var() / len(inside) + outside.var() / len(outside))
    return float((inside.mean() - outside.mean()) / spread)


def differs(one: Stream, other: Stream, field: str) -> Bools:
    pairs = zip(one.events, other.events, strict=True)
    return np.array([left[field] != right[field] for left, right in pairs])


def after(stream: Stream, name: str) -> Bools:
    return np.arange(len(stream.events)) >= stream.start_event(name)


def test_every_kind_of_drift_but_the_gradual_occurs() -> None:
    drifts = build().drifts()
    assert {drift.name for drift in drifts} == set(DRIFT_NAMES)
    assert {drift.kind for drift in drifts} == {"abrupt", "incremental", "recurring"}


def test_a_short_stream_has_every_drift_but_the_weekends() -> None:
    drifts = build(events=1000).drifts()
    assert [drift.name for drift in drifts] == [
        "new_items", "interests", "new_category", "ranking", "prices", "new_items"
    ]  # fmt: skip


def test_without_drift_there_is_none() -> None:
    assert build(drift=False).drifts() == ()
    assert build(drift=False).config.drifts == DRIFT_NAMES


@pytest.mark.slow(seconds=3)
@pytest.mark.parametrize("name", DRIFT_NAMES)
def test_before_its_first_event_a_drift_changes_nothing(name: DriftName) -> None:
    plain, drifting = stationary(), with_drift(name)
    first = drifting.start_event(name)
    assert drifting.events[:first] == plain.events[:first]
    np.testing.assert_array_equal(drifting.best_EO[:first], plain.best_EO[:first])


@pytest.mark.parametrize("name", DRIFT_NAMES)
def test_the_features_that_are_named_change_and_no_others(name: DriftName) -> None:
    plain, drifting = stationary(), with_drift(name)
    changed = {field for field in plain.events[0] if differs(plain, drifting, field).any()}
    assert set(CHANGES[name].features) <= changed
    of_what_is_shown = {"item", "category", "title", "embedding", "price"} if name in OF_ITEMS else set()
    assert changed <= set(CHANGES[name].features) | {"clicks_24h", "click_rate_7d"} | of_what_is_shown


@pytest.mark.parametrize("name", [name for name in DRIFT_NAMES if name not in OF_ITEMS])
def test_the_tasks_that_are_named_change_and_no_others(name: DriftName) -> None:
    plain, drifting = stationary(), with_drift(name)
    for task, column in COLUMNS.items():
        if task not in CHANGES[name].tasks:
            np.testing.assert_array_equal(drifting.best_EO[:, column], plain.best_EO[:, column])
        else:
            assert (drifting.best_EO[:, column] != plain.best_EO[:, column]).any()


def test_new_items_come_at_their_release_and_not_before() -> None:
    stream = with_drift("new_items")
    number_E = np.array([int(event["item"][1:]) for event in stream.events])
    first, second = (stream.start_event("new_items", which) for which in (0, 1))
    n_items, n_release = 1500, 225
    assert number_E[:first].max() < n_items
    assert n_items <= number_E[first:second].max() < n_items + n_release
    assert number_E[second:].max() >= n_items + 2 * n_release
    assert np.flatnonzero(number_E >= n_items)[0] - first < 50
    assert 0.15 < (number_E[first:second] >= n_items).mean() < 0.35


def test_the_new_category_appears_at_its_first_event() -> None:
    stream = with_drift("new_category")
    is_new_E = stream.is_value("category", "audio")
    first = stream.start_event("new_category")
    assert first <= np.flatnonzero(is_new_E)[0] < first + 50
    assert 0.15 < is_new_E[first:].mean() < 0.35
    assert standard_errors(stream.labels["click"], is_new_E, after(stream, "new_category") & ~is_new_E) > 6
    assert standard_errors(stream.labels["watch_min"], is_new_E, after(stream, "new_category") & ~is_new_E) > 6
    assert standard_errors(stream.labels["like"], is_new_E, after(stream, "new_category") & ~is_new_E) < -5


def test_interests_of_the_moving_segments_turn_around() -> None:
    plain, stream = stationary(), with_drift("interests")
    (drift,) = stream.world.drifts()
    is_moving_E = stream.is_value("segment", *MOVING_SEGMENTS)
    np.testing.assert_array_equal(stream.best_EO[~is_moving_E], plain.best_EO[~is_moving_E])
    is_over_E = stream.column("time") >= drift.end_s
    click_E, liked_before_E = stream.labels["click"], plain.best_EO[:, CLICK]
    known_E = ~np.isnan(click_E)
    aucs = [
        roc_auc_score(click_E[rows & known_E], liked_before_E[rows & known_E])
        for rows in (~after(stream, "interests"), is_over_E & is_moving_E, is_over_E & ~is_moving_E)
    ]
    assert aucs[0] > 0.75
    assert aucs[1] < 0.6
    assert aucs[2] > 0.75


def test_interests_move_little_by_little() -> None:
    plain, stream = stationary(), with_drift("interests")
    is_moving_E = stream.is_value("segment", *MOVING_SEGMENTS)
    span_s = 30_000 / 2500.0 * 86_400.0
    share_E = (stream.column("time") - stream.events[0]["time"]) / span_s
    moved = np.abs(stream.best_EO[:, LIKE] - plain.best_EO[:, LIKE])
    thirds = np.linspace(*INTERESTS, 4)
    steps = [
        moved[is_moving_E & (share_E >= start) & (share_E < end)].mean()
        for start, end in zip(thirds, [*thirds[1:], 1.0], strict=True)
    ]
    assert 0 < steps[0] < steps[1] < steps[2] < steps[3]


def test_weekends_are_saturdays_and_sundays() -> None:
    plain, stream = stationary(), with_drift("weekend")
    day_E = (stream.column("time") // 86_400 + 3) % 7  # 1970-01-01 was a Thursday
    is_weekend_E = day_E >= 5
    np.testing.assert_array_equal((stream.best_EO != plain.best_EO).any(axis=1), is_weekend_E)
    for drift in stream.world.drifts():
        assert is_weekend_E[drift.start_event]
        assert not is_weekend_E[drift.start_event - 1]
    for task in ("click", "watch_min", "like"):
        assert standard_errors(stream.labels[task], is_weekend_E, ~is_weekend_E) > 5
        assert abs(standard_errors(plain.labels[task], is_weekend_E, ~is_weekend_E)) < 4


def test_the_new_ranking_shows_and_draws_elsewhere() -> None:
    stream = with_drift("ranking")
    is_after_E, position_E = after(stream, "ranking"), stream.column("position")
    shares_before, shares_after = (
        np.bincount(position_E[rows].astype(int), minlength=10) / rows.sum() for rows in (~is_after_E, is_after_E)
    )
    assert shares_before[0] > 3 * shares_before[9]
    assert shares_after == pytest.approx(np.full(10, 0.1), abs=0.01)
    click_E = stream.labels["click"]
    top, middle = position_E == 0, position_E == 2
    assert standard_errors(click_E, ~is_after_E & top, ~is_after_E & middle) > 3
    assert standard_errors(click_E, is_after_E & top, is_after_E & middle) < -3
    assert standard_errors(click_E, is_after_E, ~is_after_E) > 6


def test_new_prices_change_purchases_and_nothing_else() -> None:
    plain, stream = stationary(), with_drift("prices")
    is_after_E = after(stream, "prices")
    ratio_E = stream.column("price") / plain.column("price")
    assert (ratio_E[~is_after_E] == 1.0).all()
    assert ratio_E[is_after_E] == pytest.approx(np.full(is_after_E.sum(), np.exp(-0.4)), rel=0.05)
    bought_E = stream.labels["purchase"] == 1.0
    assert standard_errors(bought_E.astype(float), is_after_E, ~is_after_E) > 6
    for task in ("click", "like", "watch_min", "rating"):
        np.testing.assert_array_equal(stream.labels[task], plain.labels[task])


def test_a_stationary_stream_stays_as_it_is() -> None:
    stream = stationary()
    late_E = np.arange(len(stream.events)) >= len(stream.events) // 2
    for task, label_E in stream.labels.items():
        assert abs(standard_errors(label_E, late_E, ~late_E)) < 4, task
    for field in ("price", "position", "shown_24h", "clicks_24h", "shown_7d", "click_rate_7d"):
        column_E = stream.column(field)
        # Events of one user within a day or a week resemble each other: far fewer independent facts than events.
        assert abs(standard_errors(column_E, late_E, ~late_E)) < 8, field


def test_an_unknown_drift_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"new_items.*interests"):
        build(drifts=["earthquake"])


def test_a_choice_of_drifts_without_drift_is_refused() -> None:
    with pytest.raises(ValueError, match="drifts has no effect with drift: false"):
        build(drift=False, drifts=["prices"])


def test_a_drift_named_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="named twice"):
        build(drifts=["prices", "prices"])


def test_an_event_has_the_embedding_and_title_of_its_item() -> None:
    of_item: dict[str, bytes] = {}
    for event in with_drift("new_items").events:
        shown = msgspec.json.encode([event["embedding"], event["title"], event["category"]])
        assert of_item.setdefault(event["item"], shown) == shown
