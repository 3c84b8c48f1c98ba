"""Each detector finds what River's finds at the same values, with River's defaults and with ours."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from river import drift

from streammtl.component import Settings
from streammtl.drift.adwin import Adwin
from streammtl.drift.base import Detector
from streammtl.drift.ddm import Ddm
from streammtl.drift.hddm_a import HddmA
from streammtl.drift.hddm_w import HddmW
from streammtl.drift.kswin import Kswin
from streammtl.drift.page_hinkley import PageHinkley

RIVER: dict[type[Detector], Any] = {
    Adwin: drift.ADWIN,
    PageHinkley: drift.PageHinkley,
    Kswin: drift.KSWIN,
    Ddm: drift.binary.DDM,
    HddmA: drift.binary.HDDMA,
    HddmW: drift.binary.HDDMW,
}
RIVERS_DEFAULTS: dict[type[Detector], dict[str, Any]] = {
    Adwin: {"clock": 32},
    PageHinkley: {"min_instances": 30, "delta": 0.005, "threshold": 50.0, "alpha": 1 - 0.0001},
    Kswin: {"alpha": 0.005},
    Ddm: {"warm_start": 30},
    HddmA: {"drift_confidence": 0.001},
    HddmW: {"drift_confidence": 0.001, "lambda_val": 0.05},
}
OTHER_SETTINGS: dict[type[Detector], dict[str, Any]] = {
    Adwin: {"delta": 0.1, "clock": 3, "max_buckets": 2, "min_window_length": 1, "grace_period": 4},
    PageHinkley: {"min_instances": 5, "delta": 0.1, "threshold": 3.0, "alpha": 0.99, "mode": "down"},
    Kswin: {"alpha": 0.01, "window_size": 50, "stat_size": 20},
    Ddm: {"warm_start": 20, "drift_threshold": 2.0},
    HddmA: {"drift_confidence": 0.01, "two_sided_test": True},
    HddmW: {"drift_confidence": 0.01, "lambda_val": 0.1, "two_sided_test": True},
}


def stream(component: type[Detector]) -> list[float]:
    """Five levels, so that changes are found, and found again."""
    rng = np.random.default_rng(11)
    levels = np.repeat([0.1, 0.7, 0.2, 0.9, 0.4], 60 if component is Kswin else 800)
    if component.binary_only:
        values = (rng.random(len(levels)) < levels).astype(np.float64)
    else:
        values = 3.0 * levels + rng.standard_normal(len(levels)) * 0.3
    found: list[float] = values.tolist()
    return found


@pytest.mark.parametrize("settings", [RIVERS_DEFAULTS, OTHER_SETTINGS], ids=["rivers_defaults", "other_settings"])
@pytest.mark.parametrize("component", RIVER, ids=lambda component: component.__name__)
def test_equals_river(component: type[Detector], settings: dict[type[Detector], dict[str, Any]]) -> None:
    config = component.Config.model_validate(settings[component])
    assert isinstance(config, Settings)
    seed = {"seed": 5} if component is Kswin else {}
    warnings = {"warning_confidence": 0.5} if component in (HddmA, HddmW) else {}
    reference = RIVER[component](**settings[component], **seed, **warnings)
    detector = config.build(seed=5)
    expected, found = [], []
    for value in stream(component):
        reference.update(value)
        expected.append(reference.drift_detected)
        found.append(detector.take(value))
    assert found == expected
    assert any(expected)


@pytest.mark.parametrize("component", [c for c in RIVER if c is not Kswin], ids=lambda component: component.__name__)
def test_settings_that_are_not_said_to_differ_are_rivers(component: type[Detector]) -> None:
    ours = component.Config().model_dump(exclude={"kind", "feed"})
    river = RIVER[component]()
    assert {name: getattr(river, name) for name in ours} == {**ours, **RIVERS_DEFAULTS[component]}
