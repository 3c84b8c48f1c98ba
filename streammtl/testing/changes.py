"""What holds for every change: checks that run over the registry.

@pytest.mark.parametrize("check", changes.CHECKS)
def test_my_change(check): check(MyChange.Config(...).build())
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from streammtl.changes.base import Change

#: Records with something of everything, and with nothing.
RECORDS: tuple[dict[str, Any], ...] = (
    {"a": 1.5, "b": "2", "c": "x", "y": 0},
    {"a": None, "b": "", "c": True, "y": 1},
    {"a": [1, 2], "b": {"c": 1}, "c": 10**400, "y": "1"},
    {"z": 1},
    {},
)


def check_nothing_before_its_place(change: Change) -> None:
    """A record before `at` is not changed."""
    numbers_N = np.arange(change.config.at)
    assert not change.strength(numbers_N).any()
    records = [dict(RECORDS[n % len(RECORDS)]) for n in numbers_N.tolist()]
    before = copy.deepcopy(records)
    change.apply_all(list(records), numbers_N)
    assert records == before


def check_only_its_fields(change: Change) -> None:
    """Nothing but the fields that it names is touched, and whatever is in them, it does not raise."""
    for chance in (0.0, 0.5, 0.999):
        for record in RECORDS:
            changed = dict(record)
            change.apply(changed, 1.0, chance)
            others = record.keys() - set(change.fields)
            assert {name: changed.get(name) for name in others} == {name: record[name] for name in others}
            assert changed.keys() - record.keys() <= set(change.fields)


def check_polls_do_not_matter(change: Change) -> None:
    """The same records one by one and all at once come out the same."""
    numbers_N = np.arange(change.config.at + 40)
    together = [copy.deepcopy(RECORDS[n % len(RECORDS)]) for n in numbers_N.tolist()]
    change.apply_all(list(together), numbers_N)
    alone = [copy.deepcopy(RECORDS[n % len(RECORDS)]) for n in numbers_N.tolist()]
    for n in numbers_N.tolist():
        change.apply_all([alone[n]], numbers_N[n : n + 1])
    assert alone == together


CHECKS = (check_nothing_before_its_place, check_only_its_fields, check_polls_do_not_matter)
