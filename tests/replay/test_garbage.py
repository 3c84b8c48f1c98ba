"""Objects that are there when a run begins."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from streammtl.run.garbage import old_objects_at_rest


@pytest.fixture(autouse=True)
def _nothing_is_left_out() -> Iterator[None]:
    """The tests leave out what was imported; see `tests/conftest.py`."""
    gc.unfreeze()
    yield
    gc.freeze()


def test_they_are_left_out_of_collections_until_the_run_ends_or_fails() -> None:
    def fail() -> None:
        with old_objects_at_rest():
            assert gc.get_freeze_count() > 1000
            raise ValueError("the run fails")

    with pytest.raises(ValueError, match="the run fails"):
        fail()
    assert gc.get_freeze_count() == 0


def test_what_somebody_else_has_left_out_stays_so() -> None:
    gc.freeze()
    n = gc.get_freeze_count()
    with old_objects_at_rest():
        pass
    assert gc.get_freeze_count() >= n > 1000
