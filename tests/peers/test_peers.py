"""Every peer passes the checks of its family."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest

from streammtl.component import members
from streammtl.models.base import Model
from streammtl.peers.river_arf import RiverArf
from streammtl.peers.river_linear import RiverLinear
from streammtl.testing import peers as checks

CONFIGS: list[Model.Config] = [
    *(cast(Model.Config, component.Config()) for kind, component in members("peers").items()),
    RiverLinear.Config(scaled_target=False),
    RiverArf.Config(trees=3, categories="number"),
]


def _name(config: Model.Config) -> str:
    return "-".join(str(value) for value in config.model_dump().values())


@pytest.fixture(params=CONFIGS, ids=_name)
def config(request: pytest.FixtureRequest) -> Model.Config:
    if "vw" in request.node.name:
        pytest.importorskip("vowpalwabbit", reason="needs the extra `peers`")
    return cast(Model.Config, request.param)


@pytest.mark.parametrize(
    "check",
    [
        checks.check_predicts_before_it_learns,
        checks.check_cuts_do_not_matter,
        checks.check_publishes_what_tasks_publish,
        checks.check_absent_label_is_not_learned,
        checks.check_cannot_be_restored,
        checks.check_follows_labels_that_last,
    ],
    ids=lambda check: check.__name__,
)
def test_it_passes(check: Callable[[Model.Config], None], config: Model.Config) -> None:
    check(config)
