"""Small streams and results for comparisons."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _logs_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The command line sets up the log lines of the process; tests put them back."""
    monkeypatch.setenv("COLUMNS", "120")
    logger = logging.getLogger("streammtl")
    before = (logger.level, list(logger.handlers))
    yield
    logger.setLevel(before[0])
    logger.handlers = before[1]
