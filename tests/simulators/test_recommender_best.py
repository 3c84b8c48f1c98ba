"""The best possible outputs of the recommender world are those of the truth: calibrated, complete, beaten by none."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from streammtl_simulators.recommender.catalogue import CATEGORIES, DEVICES, SEGMENTS
from streammtl_simulators.recommender.concept import RATINGS

from streammtl.types import Floats, Ints
from tests.simulators.recommender_stream import Stream, build, read, stationary, with_everything

CLICK, LIKE, WATCH, RATING, PURCHASE = 0, 1, 2, 3, 8
STREAMS = {"stationary": stationary, "with drifts": with_everything}


@pytest.fixture(params=STREAMS)
def stream(request: pytest.FixtureRequest) -> Stream:
    return STREAMS[request.param]()


def groups(best_E: Floats, n_groups: int = 10) -> list[Ints]:
    return np.array_split(np.argsort(best_E, kind="stable"), n_groups)


def check_calibrated(hit_E: Floats, best_E: Floats) -> None:
    for rows in groups(best_E):
        expected, spread = best_E[rows].sum(), np.sqrt((best_E[rows] * (1 - best_E[rows])).sum())
        # Four standard deviations, and an event more where next to nothing is expected.
        assert abs(hit_E[rows].sum() - expected) < 4 * spread + 1


@pytest.mark.parametrize(("task", "column"), [("click", CLICK), ("like", LIKE)])
def test_probabilities_are_calibrated(stream: Stream, task: str, column: int) -> None:
    label_E = stream.labels[task]
    known = ~np.isnan(label_E)
    check_calibrated(label_E[known], stream.best_EO[known, column])


def test_purchases_are_calibrated_with_all_that_is_never_told_as_none(stream: Stream) -> None:
    check_calibrated(np.nan_to_num(stream.labels["purchase"]), stream.best_EO[:, PURCHASE])


@pytest.mark.parametrize("place", range(len(RATINGS)))
def test_ratings_are_calibrated(stream: Stream, place: int) -> None:
    label_E = stream.labels["rating"]
    known = ~np.isnan(label_E)
    check_calibrated((label_E[known] == place + 1).astype(float), stream.best_EO[known, RATING + place])


def test_mean_time_watched_is_as_expected(stream: Stream) -> None:
    label_E = stream.labels["watch_min"]
    known = ~np.isnan(label_E)
    for rows in groups(stream.best_EO[known, WATCH]):
        error = label_E[known][rows] - stream.best_EO[known, WATCH][rows]
        assert abs(error.mean()) < 4 * error.std() / np.sqrt(len(rows)) + 0.01


def test_ratings_are_one_distribution(stream: Stream) -> None:
    rating_EJ = stream.best_EO[:, RATING : RATING + len(RATINGS)]
    assert rating_EJ.min() > 0.0
    np.testing.assert_allclose(rating_EJ.sum(axis=1), 1.0, rtol=1e-12)


def test_a_purchase_is_less_likely_than_its_click(stream: Stream) -> None:
    assert (stream.best_EO[:, PURCHASE] < stream.best_EO[:, CLICK]).all()


@pytest.mark.parametrize("field", ["price", "position", "shown_24h", "clicks_24h", "shown_7d", "click_rate_7d"])
def test_what_the_best_misses_is_in_no_feature(field: str) -> None:
    stream = stationary()
    click_E, best_E = stream.labels["click"], stream.best_EO[:, CLICK]
    known = ~np.isnan(click_E)
    feature_E = np.log1p(np.nan_to_num(stream.column(field)))[known]
    feature_E -= feature_E.mean()
    residual_E = (click_E - best_E)[known]
    spread = np.sqrt((feature_E**2 * (best_E * (1 - best_E))[known]).sum())
    assert abs((feature_E * residual_E).sum()) < 4 * spread


def test_best_scores_are_learnable_but_not_trivial() -> None:
    scores = build(events=10_000).best_scores()
    assert 0.75 < scores["click"]["auc"] < 0.9
    assert 0.8 < scores["like"]["auc"] < 0.9
    assert 0.5 < scores["watch_min"]["r2"] < 0.8
    assert 1.1 < scores["rating"]["log_loss"] < 1.4
    assert 0.8 < scores["purchase"]["auc"] < 0.92


def test_best_scores_take_expiries_for_purchases_that_did_not_happen() -> None:
    world = build(events=10_000, drift=False)
    stream = read(world)
    # Everything is known at the end but the clicks of the last three days.
    time_s = stream.column("time")
    horizon_s = world.run_config()["tasks"]["purchase"]["horizon_s"]
    end_s = max((time_s + stream.delay_s[task])[~np.isnan(stream.labels[task])].max() for task in stream.labels)
    known = ~np.isnan(stream.labels["purchase"]) | (time_s + horizon_s <= end_s)
    expected = roc_auc_score(np.nan_to_num(stream.labels["purchase"])[known], stream.best_EO[known, PURCHASE])
    assert world.best_scores()["purchase"]["auc"] == pytest.approx(expected, abs=2e-3)


def features(stream: Stream) -> Floats:
    """Everything but the identities: names as numbers first, then numbers."""
    names = {"segment": SEGMENTS, "category": CATEGORIES, "device": DEVICES}
    columns = [[values.index(event[field]) for event in stream.events] for field, values in names.items()]
    columns += [stream.column(field).tolist() for field in ("position", "price", "shown_7d", "click_rate_7d")]
    embedding_ED = np.array([event["embedding"] for event in stream.events])
    x_EF: Floats = np.nan_to_num(np.column_stack([*columns, embedding_ED]).astype(float))
    return x_EF


@pytest.mark.slow
def test_trees_beat_a_linear_model_clearly_and_stay_below_the_best() -> None:
    stream = read(build(events=80_000, drift=False))
    x_EF, label_E, best_E = features(stream), stream.labels["click"], stream.best_EO[:, CLICK]
    known = np.flatnonzero(~np.isnan(label_E))
    train, test = known[known < 60_000], known[known >= 60_000]
    one_hot = OneHotEncoder(sparse_output=False).fit_transform(x_EF[:, :4])
    wide_EF = np.column_stack([one_hot, x_EF[:, 4:]])
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=100)).fit(wide_EF[train], label_E[train])
    trees = HistGradientBoostingClassifier(
        max_iter=200, learning_rate=0.1, categorical_features=[0, 1, 2, 3], random_state=0
    ).fit(x_EF[train], label_E[train])
    of_linear, of_trees = linear.predict_proba(wide_EF[test])[:, 1], trees.predict_proba(x_EF[test])[:, 1]
    aucs = [roc_auc_score(label_E[test], predicted) for predicted in (of_linear, of_trees, best_E[test])]
    assert aucs[0] + 0.03 < aucs[1] < aucs[2]
