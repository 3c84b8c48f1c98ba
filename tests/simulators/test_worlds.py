"""The checks of the family, over every world that is registered."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest

from streammtl.component import members
from streammtl.testing.worlds import CHECKS
from streammtl.worlds.base import World

WORLDS = members("worlds")


@pytest.mark.parametrize("kind", WORLDS)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_world(kind: str, check: Callable[[type[World]], None]) -> None:
    check(cast(type[World], WORLDS[kind]))


def test_fraud_is_a_world() -> None:
    assert "fraud" in WORLDS
