"""Every task passes the checks of its family."""

import math
from collections.abc import Callable

import pytest

from streammtl.component import members
from streammtl.testing import tasks as checks
from streammtl.testing.tasks import EXAMPLES, Example


def test_every_task_has_an_example() -> None:
    assert set(members("tasks")) == {name.partition("-")[0] for name in EXAMPLES}


@pytest.mark.parametrize("kind", EXAMPLES)
@pytest.mark.parametrize(
    "check",
    [
        checks.check_labels_become_floats,
        checks.check_nonsense_is_a_problem,
        checks.check_publishes_finite_rows,
        checks.check_describes_as_json,
        checks.check_describes_columns_as_rows,
        checks.check_loss_is_finite_and_not_negative,
        checks.check_gradient_is_that_of_the_loss,
        checks.check_baseline_is_a_published_row,
        checks.check_state_resumes,
        checks.check_expiry_value_is_encoded,
    ],
)
def test_task(check: Callable[[Example], None], kind: str) -> None:
    check(EXAMPLES[kind])


def test_kind_and_scorer_have_the_same_name() -> None:
    for example in EXAMPLES.values():
        task = example.build()
        assert members("tasks")[task.scorer] is type(task)


def test_without_expiry_there_is_no_label_of_one() -> None:
    assert math.isnan(EXAMPLES["binary"].build().expiry_label())
