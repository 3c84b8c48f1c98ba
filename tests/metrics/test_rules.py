"""Every scorer of the registry obeys the rules of its family."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, TypeAlias, final

import numpy as np
import pytest

from streammtl.component import members
from streammtl.metrics.base import Scorer, Term, coefficient_of_determination
from streammtl.testing import metrics as checks
from streammtl.types import Floats
from tests.metrics.examples import EXAMPLES, regression

Check: TypeAlias = Callable[[Scorer, checks.Example], None]


def build(kind: str) -> tuple[Scorer, checks.Example]:
    example = EXAMPLES[kind](200, 0)
    config = members("metrics")[kind].Config()
    assert isinstance(config, Scorer.Config)
    return config.build(example.task), example


def test_every_scorer_has_an_example() -> None:
    assert set(members("metrics")) == set(EXAMPLES)


def test_every_task_kind_names_a_scorer_that_exists() -> None:
    for kind, task in members("tasks").items():
        assert task.__dict__["scorer"] in members("metrics"), kind


@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: str(check.__name__))
@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_rule_holds(kind: str, check: Check) -> None:
    check(*build(kind))


def test_check_scorer_runs_all_of_them() -> None:
    checks.check_scorer(*build("count"))


@final
class MeanOfBlocks(Scorer):
    """The mean of a block, which is not additive."""

    primary = "mean"
    larger_is_better: ClassVar[dict[str, bool]] = {"mean": True}

    def __init__(self) -> None: ...

    @property
    def n_statistics(self) -> int:
        return 1

    def terms(self, label_B: Floats, outputs_BO: Floats, reference: float) -> list[Term]:
        return [Term(0, label_B / max(1, len(label_B)))]

    def values(self, statistics_S: Floats) -> dict[str, float]:
        return {"mean": float(statistics_S[0])}


@final
class LargerErrorIsBetter(Scorer):
    """An error that is taken for a score."""

    primary = "mae"
    larger_is_better: ClassVar[dict[str, bool]] = {"mae": True}

    def __init__(self) -> None: ...

    @property
    def n_statistics(self) -> int:
        return 2

    def terms(self, label_B: Floats, outputs_BO: Floats, reference: float) -> list[Term]:
        return [Term(0, 1.0), Term(1, np.abs(label_B - outputs_BO[:, 0]))]

    def values(self, statistics_S: Floats) -> dict[str, float]:
        return {"mae": float(statistics_S[1] / statistics_S[0])}


@pytest.mark.parametrize(
    "check",
    [
        checks.check_statistics_add_up,
        checks.check_adding_pieces_gives_the_same_bits,
        checks.check_scores_without_labels_are_nan,
        checks.check_scores_do_not_depend_on_the_scale_of_the_weights,
    ],
)
def test_check_fails_for_a_scorer_that_is_not_additive(check: Check) -> None:
    with pytest.raises(AssertionError):
        check(MeanOfBlocks(), regression(50))


def test_check_fails_for_a_scorer_that_takes_an_error_for_a_score() -> None:
    with pytest.raises(AssertionError):
        checks.check_perfect_prediction_is_better(LargerErrorIsBetter(), regression(50))


def test_r2_is_undefined_where_the_spread_is_lost_in_rounding() -> None:
    assert np.isnan(coefficient_of_determination(count=2.0, offset=2e9, offset_squared=2e18, squared_error=1.0))
