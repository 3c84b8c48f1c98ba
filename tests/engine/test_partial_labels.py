"""A task without labels changes nothing for the others."""

from __future__ import annotations

import json

import numpy as np
import pytest

from streammtl.component import members
from tests.engine.streams import SETTINGS, documents, engine_of, records_of

RECORDS = records_of(documents(120))
#: An absent task in first and in last place.
WITH_ABSENT = {"first_absent": {"kind": "binary"}, **SETTINGS["tasks"], "last_absent": {"kind": "regression"}}


@pytest.mark.parametrize("kind", sorted(members("weighting")))
@pytest.mark.parametrize("apply_to", ["trunk", "all"])
def test_tasks_without_labels_change_nothing_for_the_others(kind: str, apply_to: str) -> None:
    weighting = {"kind": kind, "every": 8, "apply_to": apply_to}
    alone, beside = engine_of(weighting=weighting), engine_of(weighting=weighting, tasks=WITH_ABSENT)
    outputs_alone = [report.lesson.outputs_PO for report in alone.feed(RECORDS)]
    outputs_beside = [report.lesson.outputs_PO for report in beside.feed(RECORDS)]

    n_shared = outputs_alone[0].shape[1]
    np.testing.assert_array_equal(outputs_beside[0][:, 1 : 1 + n_shared], outputs_alone[0])
    names = list(SETTINGS["tasks"])
    assert [beside.weights()[name] for name in names] == [alone.weights()[name] for name in names]
    assert repr([beside.report()[name] for name in names]) == repr([alone.report()[name] for name in names])
    assert json.dumps(alone.join.counts) != "{}"
