"""A source or a sink that does not answer is asked again, and observers know."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from streammtl.clock import ManualClock
from streammtl.errors import SinkError, SinkUnavailableError, SourceUnavailableError
from streammtl.run.observe import Observer
from streammtl.run.trouble import Patience


class Heard(Observer):
    def __init__(self) -> None:
        self.words: list[str] = []

    def troubled(self, error: Exception, retry_s: float) -> None:
        self.words.append(f"{error} {retry_s}")

    def recovered(self) -> None:
        self.words.append("recovered")


def failing(n: int, error: type[Exception] = SinkUnavailableError) -> Callable[[], str]:
    left = iter(range(n))

    def action() -> str:
        if next(left, None) is not None:
            raise error("away")
        return "done"

    return action


def test_it_is_tried_again_with_growing_pauses_until_it_answers() -> None:
    clock, heard = ManualClock(), Heard()
    assert Patience(clock, heard).until_done(failing(7)) == "done"
    assert heard.words == [f"away {pause}" for pause in (0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0)] + ["recovered"]
    assert clock.now() == pytest.approx(7.1)


def test_pauses_begin_anew_after_a_recovery() -> None:
    heard = Heard()
    patience = Patience(ManualClock(), heard)
    patience.until_done(failing(2))
    patience.until_done(failing(1, SourceUnavailableError))
    assert heard.words == ["away 0.1", "away 0.2", "recovered", "away 0.1", "recovered"]


def test_who_says_stop_hears_the_error_at_once() -> None:
    clock = ManualClock()
    with pytest.raises(SinkUnavailableError):
        Patience(clock, Heard()).until_done(failing(10**9), lambda: clock.now() >= 0.15)
    assert clock.now() < 0.5


def test_a_limit_ends_the_patience() -> None:
    clock = ManualClock()
    with pytest.raises(SinkUnavailableError):
        Patience(clock, Heard(), limit_s=5.0).until_done(failing(10**9))
    assert 5.0 < clock.now() < 8.0


def test_other_errors_are_no_trouble_to_wait_out() -> None:
    heard = Heard()
    with pytest.raises(SinkError, match="away"):
        Patience(ManualClock(), heard).until_done(failing(1, SinkError))
    assert heard.words == []
