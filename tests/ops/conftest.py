"""A run that is watched; it stops serving after the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ops.runs import Watched, watched


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Watched]:
    made = watched(tmp_path)
    yield made
    made.close()
