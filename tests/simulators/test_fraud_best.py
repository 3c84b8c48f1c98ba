"""The best possible outputs are those of the truth: calibrated, complete, and beaten by no learner."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, log_loss, r2_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from streammtl_simulators import FraudWorld

from streammtl.types import Floats
from tests.simulators.reading import Stream, read

P, KIND, LOSS, SPEND = 0, slice(1, 6), 6, 7
NUMERIC = (
    "amount", "distance_km", "is_new_device", "count_24h", "mean_24h", "count_7d", "mean_7d", "since_last_s",
    "account_age_days",
)  # fmt: skip


def groups(best_E: Floats, n_groups: int = 10) -> list[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    return np.array_split(np.argsort(best_E, kind="stable"), n_groups)


@pytest.mark.parametrize("name", ["default_stream", "stationary_stream"])
@pytest.mark.parametrize("column", range(6))
def test_probabilities_are_calibrated(request: pytest.FixtureRequest, name: str, column: int) -> None:
    stream: Stream = request.getfixturevalue(name)
    label_E = stream.labels["is_fraud"] if column == 0 else stream.labels["fraud_kind"]
    known = ~np.isnan(label_E)
    best_E = stream.best_EO[known, column]
    hit_E = (label_E[known] == 1) if column == 0 else (label_E[known] == column - 1)
    for rows in groups(best_E):
        expected, spread = best_E[rows].sum(), np.sqrt((best_E[rows] * (1 - best_E[rows])).sum())
        # Four standard deviations, and an event more where next to nothing is expected.
        assert abs(hit_E[rows].sum() - expected) < 4 * spread + 1


def test_probabilities_are_one_distribution(default_stream: Stream) -> None:
    best_EO = default_stream.best_EO
    np.testing.assert_allclose(best_EO[:, KIND].sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(best_EO[:, P], 1.0 - best_EO[:, 1], rtol=0, atol=1e-15)


def test_is_fraud_says_the_same_as_the_kind(default_stream: Stream) -> None:
    is_fraud, kind = default_stream.labels["is_fraud"], default_stream.labels["fraud_kind"]
    known = ~np.isnan(kind)
    np.testing.assert_array_equal(is_fraud[known], kind[known] > 0)


@pytest.mark.parametrize("name", ["default_stream", "stationary_stream"])
def test_mean_loss_is_as_expected(request: pytest.FixtureRequest, name: str) -> None:
    stream: Stream = request.getfixturevalue(name)
    label_E = stream.labels["loss_amount"]
    known = ~np.isnan(label_E)
    for rows in groups(stream.best_EO[known, LOSS]):
        error = label_E[known][rows] - stream.best_EO[known, LOSS][rows]
        assert abs(error.mean()) < 4 * error.std() / np.sqrt(len(rows)) + 0.02


@pytest.mark.parametrize("name", ["default_stream", "stationary_stream"])
def test_mean_spend_is_as_expected(request: pytest.FixtureRequest, name: str) -> None:
    stream: Stream = request.getfixturevalue(name)
    label_E = stream.labels["next_day_spend"]
    known = ~np.isnan(label_E)
    label_E, best_E = label_E[known], stream.best_EO[known, SPEND]
    for rows in groups(best_E, 5):
        # Days of one card overlap, so the events are far fewer independent facts than they seem.
        assert label_E[rows].mean() == pytest.approx(best_E[rows].mean(), rel=0.06)


def test_next_day_spend_is_the_sum_of_the_events_of_the_card(stationary_stream: Stream) -> None:
    time_s, amount = stationary_stream.time_s, stationary_stream.column("amount")
    for number in range(0, 50_000, 1117):
        is_later = (time_s > time_s[number]) & (time_s <= time_s[number] + 86_400)
        of_card = stationary_stream.equals("card", stationary_stream.events[number]["card"])
        spent = amount[is_later & of_card].sum()
        assert stationary_stream.labels["next_day_spend"][number] == pytest.approx(spent, abs=0.005)


@pytest.mark.parametrize("power", [0.8, 1.25])
def test_bolder_and_shyer_probabilities_are_worse(stationary_stream: Stream, power: float) -> None:
    label_E, best_E = stationary_stream.labels["is_fraud"], stationary_stream.best_EO[:, P]
    odds_E = (best_E / (1 - best_E)) ** power
    assert log_loss(label_E, best_E) < log_loss(label_E, odds_E / (1 + odds_E))


@pytest.mark.parametrize("field", NUMERIC)
def test_what_the_best_misses_is_in_no_feature(stationary_stream: Stream, field: str) -> None:
    best_E = stationary_stream.best_EO[:, P]
    # Residuals in units of their own spread would let single improbable frauds decide; so weighted by it instead.
    residual_E = stationary_stream.labels["is_fraud"] - best_E
    feature_E = np.log1p(np.nan_to_num(stationary_stream.column(field)))
    feature_E = feature_E - feature_E.mean()
    spread = np.sqrt((feature_E**2 * best_E * (1 - best_E)).sum())
    assert abs((feature_E * residual_E).sum()) < 4 * spread


@pytest.fixture(scope="module")
def scores(default_stream: Stream) -> dict[str, dict[str, float]]:
    return default_stream.world.best_scores()


def test_best_scores_are_learnable_but_not_trivial(scores: dict[str, dict[str, float]]) -> None:
    assert 0.95 < scores["is_fraud"]["auc"] < 0.98
    assert 0.5 < scores["next_day_spend"]["r2"] < 0.75
    assert 0.4 < scores["loss_amount"]["r2"] < 0.8
    assert scores["fraud_kind"]["log_loss"] < 0.06


def test_best_scores_are_those_of_scikit_learn(default_stream: Stream, scores: dict[str, dict[str, float]]) -> None:
    labels, best_EO = default_stream.labels, default_stream.best_EO
    known = {task: ~np.isnan(label_E) for task, label_E in labels.items()}
    is_fraud, p = labels["is_fraud"][known["is_fraud"]], best_EO[known["is_fraud"], P]
    assert scores["is_fraud"]["auc"] == pytest.approx(roc_auc_score(is_fraud, p), abs=1e-3)
    assert scores["is_fraud"]["average_precision"] == pytest.approx(average_precision_score(is_fraud, p), abs=5e-3)
    assert scores["is_fraud"]["log_loss"] == pytest.approx(log_loss(is_fraud, p), abs=1e-6)
    kind, p_K = labels["fraud_kind"][known["fraud_kind"]], best_EO[known["fraud_kind"], KIND]
    assert scores["fraud_kind"]["log_loss"] == pytest.approx(log_loss(kind, p_K, labels=range(5)), abs=1e-6)
    for task, column in (("loss_amount", LOSS), ("next_day_spend", SPEND)):
        r2 = r2_score(labels[task][known[task]], best_EO[known[task], column])
        assert scores[task]["r2"] == pytest.approx(r2, abs=1e-9)


def features(stream: Stream) -> Floats:
    columns = [stream.column(field) for field in NUMERIC]
    columns += [stream.time_s % 86_400 // 3600, stream.time_s // 86_400 % 7]
    for field in ("category", "channel", "country", "merchant", "card", "descriptor"):
        columns.append(np.unique([event[field] for event in stream.events], return_inverse=True)[1].astype(float))
    nothing = [np.nan] * 4
    devices = np.array([event["device"] or nothing for event in stream.events])
    # The ratio that a tree would need many splits for.
    columns.append(columns[0] / columns[6])
    return np.column_stack([*columns, devices])


@pytest.mark.slow
def test_boosted_trees_come_near_the_best_and_not_beyond() -> None:
    never = {"verdict": 0.0, "fraud_kind": 0.0, "loss_amount": 0.0, "next_day_spend": 0.0}
    settings = {"events": 400_000, "drifts": [], "labels": "inside", "never_labelled": never}
    stream = read(FraudWorld.Config.model_validate(settings).build())
    x, first = features(stream), 300_000
    label_E, best_E = stream.labels["is_fraud"], stream.best_EO[:, P]
    trees = HistGradientBoostingClassifier(max_iter=200, learning_rate=0.06, max_leaf_nodes=15, random_state=0)
    p_E = trees.fit(x[:first], label_E[:first]).predict_proba(x[first:])[:, 1]
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    dense = np.nan_to_num(x)
    linear_E = linear.fit(dense[:first], label_E[:first]).predict_proba(dense[first:])[:, 1]
    aucs = [roc_auc_score(label_E[first:], predicted) for predicted in (linear_E, p_E, best_E[first:])]
    assert 0.7 < aucs[0] < aucs[1] < aucs[2]
    assert aucs[1] > 0.93
    assert log_loss(label_E[first:], best_E[first:]) < log_loss(label_E[first:], p_E)

    label_E, best_E = stream.labels["next_day_spend"], stream.best_EO[:, SPEND]
    forest = HistGradientBoostingRegressor(max_iter=150, learning_rate=0.06, random_state=0)
    r2 = r2_score(label_E[first:], forest.fit(x[:first], label_E[:first]).predict(x[first:]))
    assert 0.5 < r2 < r2_score(label_E[first:], best_E[first:])
