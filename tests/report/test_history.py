"""The points along the stream: few, and the same however the stream was cut."""

from __future__ import annotations

import pytest

from streammtl.report.history import MAX_POINTS, History, columns


def points_of(n_records: int, expected: int | None, poll: int) -> list[int]:
    history, done = History(expected), 0
    while done < n_records:
        end = min(n_records, done + poll)
        while done < end:
            done = min(end, history.next_stop(done))
            if history.is_due(done):
                history.add({"records": done, "events": done})
    return [point["records"] for point in history.points]


@pytest.mark.parametrize("expected", [None, 1, 5000, 10**6])
@pytest.mark.parametrize("n_records", [0, 10, 3000, 20_000])
def test_the_points_do_not_depend_on_polls(n_records: int, expected: int | None) -> None:
    assert (
        points_of(n_records, expected, 1)
        == points_of(n_records, expected, 777)
        == points_of(n_records, expected, 10**6)
    )


@pytest.mark.parametrize("n_records", [8001, 50_000, 123_456])
def test_a_long_stream_has_200_to_400_points_at_equal_distances(n_records: int) -> None:
    found = points_of(n_records, None, 5000)
    assert MAX_POINTS // 2 - 1 <= len(found) <= MAX_POINTS
    assert len({after - before for before, after in zip([0, *found], found, strict=False)}) == 1


def test_a_known_length_needs_no_thinning() -> None:
    history = History(expected_records=30_000)
    assert history.next_stop(0) == 120


def test_of_labels_without_events_the_last_point_is_kept() -> None:
    history = History(None)
    for records in (20, 40, 60):
        history.add({"records": records, "events": 5})
    assert history.points == [{"records": 60, "events": 5}]


def test_a_thing_that_comes_later_is_none_before() -> None:
    assert columns([{"a": {}}, {"a": {"x": 1}}]) == {"a": {"x": [None, 1]}}
