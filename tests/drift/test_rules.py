"""Every detector of the registry obeys the family's rules."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from streammtl.component import members
from streammtl.drift.base import Detector
from streammtl.testing import drift as checks

DETECTORS: dict[str, type[Detector]] = dict(members("drift"))  # type: ignore[arg-type]


@pytest.mark.parametrize("component", DETECTORS.values(), ids=DETECTORS.keys())
@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_rule(check: Callable[[type[Detector]], None], component: type[Detector]) -> None:
    check(component)


def test_the_family_is_complete() -> None:
    assert list(DETECTORS) == ["adwin", "ddm", "hddm_a", "hddm_w", "kswin", "page_hinkley"]


@pytest.mark.parametrize("component", DETECTORS.values(), ids=DETECTORS.keys())
def test_binary_only_detectors_see_every_value(component: type[Detector]) -> None:
    assert component.Config().feed == ("values" if component.binary_only else "mean")
