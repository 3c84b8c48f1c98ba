"""Probes: alive while the loop goes on, ready while records are taken."""

from __future__ import annotations

from streammtl.clock import ManualClock
from streammtl.errors import SourceError
from streammtl.ops.health import Health
from tests.ops.runs import Watched
from tests.ops.scraping import get, get_json, key, scrape


def url(run: Watched) -> str:
    assert run.monitor.server is not None
    return run.monitor.server.url


def test_a_run_that_builds_its_model_is_alive_and_not_ready(run: Watched) -> None:
    run.clock.advance(3600)
    assert get(f"{url(run)}/livez")[0] == 200
    status, headers, _ = get(f"{url(run)}/readyz")
    assert (status, headers["Content-Type"]) == (503, "application/json")
    assert get_json(f"{url(run)}/readyz")["reason"].startswith("starting")


def test_a_run_that_waits_for_records_is_ready(run: Watched) -> None:
    for _ in range(10):
        run.be_quiet(30)
    assert get_json(f"{url(run)}/readyz") == get_json(f"{url(run)}/livez") == {"ok": True}


def test_a_turn_that_hangs_is_not_alive(run: Watched) -> None:
    run.be_quiet()
    run.clock.advance(run.config.monitoring.hang_after_s + 1)
    assert get(f"{url(run)}/livez")[0] == get(f"{url(run)}/readyz")[0] == 503
    assert get_json(f"{url(run)}/livez")["reason"].startswith("the loop was last heard of 61 s ago")


def test_trouble_is_not_ready_and_says_why_until_it_is_over(run: Watched) -> None:
    run.be_quiet()
    run.monitor.observer.troubled(SourceError("no broker answers at kafka:9092"), 2.0)
    assert get(f"{url(run)}/livez")[0] == 200
    assert "SourceError: no broker answers at kafka:9092" in get_json(f"{url(run)}/readyz")["reason"]
    samples = scrape(url(run))
    assert samples[key("streammtl_troubled")] == samples[key("streammtl_troubles_total")] == 1
    run.monitor.observer.recovered()
    assert get(f"{url(run)}/readyz")[0] == 200


def test_trouble_before_the_first_poll_is_told_too() -> None:
    health = Health(ManualClock(), 60.0)
    health.troubled(SourceError("no broker"), 2.0)
    assert (health.readiness().ok, health.readiness().reason[-9:]) == (False, "no broker")
    health.recovered()
    assert health.readiness().reason.startswith("starting")


def test_a_pause_before_the_next_try_is_no_hang() -> None:
    clock = ManualClock()
    health = Health(clock, 60.0)
    health.polled(0, 0.1)
    health.troubled(SourceError("no broker"), 100.0)
    clock.advance(150)
    assert health.liveness().ok
    clock.advance(11)
    assert not health.liveness().ok


def test_a_run_that_has_ended_is_not_ready_and_not_hanging(run: Watched) -> None:
    run.be_quiet()
    run.monitor.ended()
    run.clock.advance(1000)
    assert get(f"{url(run)}/livez")[0] == 200
    assert get_json(f"{url(run)}/readyz")["reason"] == "the run has ended"


def test_what_an_error_quotes_is_cut() -> None:
    health = Health(ManualClock(), 60.0)
    health.troubled(SourceError("x" * 10_000), 2.0)
    assert len(health.readiness().reason) < 600
