"""The rules that every feature keeps."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from streammtl.component import members
from streammtl.testing import features as checks
from streammtl.testing.features import EXAMPLES, Example

CHECKS: tuple[Callable[[Example], None], ...] = (
    checks.check_names_are_unique,
    checks.check_wire_type_takes_the_values,
    checks.check_every_cell_is_written,
    checks.check_missing_is_not_a_value,
    checks.check_rows_are_independent,
    checks.check_numbers_may_be_an_array,
    checks.check_problems_are_reported,
    checks.check_same_seed_same_columns,
    checks.check_extremes_stay_finite,
)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_feature_passes(check: Callable[[Example], None], name: str) -> None:
    check(EXAMPLES[name])


@pytest.mark.parametrize("kind", sorted(members("features")))
def test_every_kind_has_an_example(kind: str) -> None:
    assert kind in EXAMPLES
