"""One run that several tests look at."""

from __future__ import annotations

from typing import Any

import pytest

from streammtl.report.page.build import build_page
from tests.report.runs import fraud, run_with_report


@pytest.fixture(scope="session")
def figures() -> dict[str, Any]:
    return run_with_report(fraud(2500))


@pytest.fixture(scope="session")
def page(figures: dict[str, Any]) -> str:
    return build_page(figures)
