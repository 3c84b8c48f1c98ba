"""Wrong settings are errors that say what is wrong and what to do."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from streammtl.drift.adwin import Adwin
from streammtl.errors import ConfigError
from streammtl.types import RowLayout
from streammtl.watch import Watch
from tests.watch.streams import TASKS, calm, observe, watch_of


def test_errors_are_watched_by_adwin_unless_said_otherwise() -> None:
    config = Watch.Config()
    assert config.error == Adwin.Config(delta=1e-8)
    assert config.features is None
    assert config.predictions is None


def test_the_configuration_of_the_readme() -> None:
    config = Watch.Config.model_validate({"block": 100, "error": "adwin", "features": "adwin", "predictions": None})
    assert config.features == Adwin.Config()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"features": "ddm"}, "features: the detector ddm reads errors that are 0 or 1, which features are not"),
        ({"predictions": "hddm_w"}, "predictions: the detector hddm_w reads errors that are 0 or 1"),
        ({"feature_columns": ["amount"]}, "feature_columns has no effect without a detector in features"),
        ({"error": None, "error_tasks": ["fraud"]}, "error_tasks has no effect without a detector in error"),
        ({"prediction_tasks": ["fraud"]}, "prediction_tasks has no effect without a detector in predictions"),
        ({"error": None, "error_falls": True}, "error_falls has no effect without a detector in error"),
        ({"block": 1}, "greater than or equal to 2"),
        ({"error": "adwinn"}, "adwin"),
        ({"error": {"kind": "ddm", "feed": "mean"}}, "values"),
        ({"blocks": 5}, "Extra inputs are not permitted"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Watch.Config.model_validate(settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"error_tasks": ["fruad"]}, r"drift\.error_tasks names 'fruad', .* no such task; the nearest is 'fraud'"),
        (
            {"features": "adwin", "feature_columns": ["amont", "load"]},
            r"drift\.feature_columns names 'amont', .* no such column; the nearest is 'amount' \(all: amount, load, m",
        ),
        ({"predictions": "adwin", "prediction_tasks": ["prize"]}, "the nearest is 'price'"),
        ({"error": "ddm"}, r"drift\.error: the detector ddm reads errors that are 0 or 1 .* do not have: price\. Name"),
        ({"error": "hddm_a", "error_tasks": ["kind", "price"]}, "do not have: price"),
    ],
)
def test_names_and_detectors_that_do_not_suit_the_tasks(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        watch_of(**settings)


def test_only_named_signals_are_watched() -> None:
    watch = watch_of(
        features="adwin", feature_columns=["merchant", "load"], error_tasks=["price"], predictions="adwin",
        prediction_tasks=["kind"],
    )  # fmt: skip
    state = watch.state()
    assert state["features"]["panel"]["names"] == ["load", "load (missing)", "merchant"]
    assert state["errors"]["panel"]["names"] == ["price"]
    assert state["predictions"]["panel"]["names"] == ["kind"]


def test_nothing_to_watch_is_no_error() -> None:
    bare = RowLayout((), (), ("merchant",), (8,))
    watch = Watch.Config.model_validate({"error": None, "features": "adwin"}).build(TASKS, bare)
    stream = calm(10)
    assert observe(watch, stream.where(dense_ED=stream.dense_ED[:, :0])) == []
    assert watch_of(error=None).state() == {"n_events": 0, "features": None, "predictions": None, "errors": None}
