"""What is exported is what is declared, what is documented, and what the engine says."""

from __future__ import annotations

import math
import re
import subprocess
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streammtl.ops.catalogue import catalogue
from streammtl.ops.metrics import METRICS, Metric
from streammtl.publish import SINKS
from streammtl.run.observe import Saved
from streammtl.sources.base import Lag, Source
from tests.engine.streams import records_of
from tests.ops.programs import program
from tests.ops.runs import Watched, watched
from tests.ops.scraping import get, key, scrape

ROOT = Path(__file__).parents[2]
UNITS = ("seconds", "bytes", "ratio")


def url(run: Watched) -> str:
    assert run.monitor.server is not None
    return run.monitor.server.url


def test_names_are_unique_and_meanings_are_sentences() -> None:
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names)
    assert [metric.name for metric in METRICS if not re.fullmatch(r"[A-Z0-9].+\.", metric.meaning)] == []


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_name_follows_the_conventions_of_prometheus(metric: Metric) -> None:
    assert re.fullmatch(r"(streammtl|process)_[a-z_]+", metric.name)
    assert metric.name.endswith("_total") == (metric.type == "counter")
    stem = metric.name.removesuffix("_total")
    assert [unit for unit in UNITS if stem.endswith(f"_{unit}")] == ([metric.unit] if metric.unit in UNITS else [])


def test_the_page_of_the_documentation_is_up_to_date() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert page == catalogue(), "run `python -m streammtl.ops.catalogue > docs/metrics.md`"


def families(run: Watched) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Type and labels of what a scrape brings, by name."""
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for family in text_string_to_metric_families(get(f"{url(run)}/metrics")[2].decode()):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        (labels,) = {tuple(sorted(set(sample.labels) - {"le"})) for sample in family.samples}
        found[name] = (family.type, labels)
    return found


def test_a_scrape_brings_what_is_declared_and_nothing_else(run: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Source, "lag", lambda self: Lag(7, 1.5))
    run.give(120)
    run.monitor.observer.saved(Saved(Path("checkpoint-1"), 100, seconds=0.5, size_bytes=1234))
    run.be_quiet()
    declared = {metric.name: (metric.type, tuple(sorted(metric.labels))) for metric in METRICS}
    found = families(run)
    # A composite is made where one is configured, and sharing is measured with an expert per task.
    assert declared.keys() - found.keys() == {"streammtl_composite_score"}
    assert found == {name: declared[name] for name in found}


def test_before_the_first_record_there_are_metrics_already(run: Watched) -> None:
    samples = scrape(url(run))
    assert samples[key("streammtl_ready")] == 0.0
    assert samples[key("streammtl_records_total")] == 0.0
    assert not [name for name, _ in samples if name == "streammtl_score"]


def test_values_are_those_of_the_engine(run: Watched) -> None:
    run.give(200)
    run.be_quiet()
    samples, engine = scrape(url(run)), run.engine
    for name in ("records", "events", "labels", "steps", "steps_skipped"):
        assert samples[key(f"streammtl_{name}_total")] == engine.totals[name] > (-1 if name == "steps_skipped" else 0)
    for reason, count in engine.rejected.items():
        assert samples[key("streammtl_rejected_total", reason=reason)] == count > 0
    for outcome, count in engine.join.counts.items():
        assert samples[key("streammtl_join_total", outcome=outcome)] == count
    assert samples[key("streammtl_pending_events")] == engine.join.n_pending
    weights = engine.weights()
    for name, task in engine.report().items():
        assert samples[key("streammtl_task_weight", task=name)] == weights[name]
        assert samples[key("streammtl_stream_task_labels", task=name)] == task.labels
        assert samples[key("streammtl_label_coverage_ratio", task=name)] == task.coverage
        for over, scores in {"running": task.scores, "fading": task.fading, "windowed": task.windowed}.items():
            for score, value in scores.items():
                found = samples[key("streammtl_score", task=name, score=score, over=over)]
                assert found == value or (math.isnan(found) and math.isnan(value))
        for expert, share in engine.insights()["shares"][name].items():
            assert samples[key("streammtl_expert_share_ratio", task=name, expert=expert)] == share


def test_a_field_that_the_schema_does_not_name_is_counted(run: Watched) -> None:
    records = records_of([b'{"id":"n","time":1,"new":1,"newer":2}'])  # the first offset is 0
    run.give(100)
    run.monitor.observer.turn(run.engine.turn(records), run.engine)
    run.be_quiet()
    assert scrape(url(run))[key("streammtl_unknown_fields_total")] == run.engine.totals["unknown_fields"] >= 2


def test_what_the_sinks_took_is_what_is_counted(run: Watched) -> None:
    run.give(200)
    run.be_quiet()
    samples = scrape(url(run))
    for name in SINKS:
        sink = run.engine.publisher.sink(name)
        assert sink is not None
        assert samples[key("streammtl_published_total", sink=name)] == len(sink.documents)  # type: ignore[attr-defined]


def test_every_alarm_that_there_may_be_is_a_series_from_the_start(run: Watched) -> None:
    run.be_quiet()
    samples = scrape(url(run))
    for task in run.config.tasks:
        assert samples[key("streammtl_drift_alarms_total", subject="error", name=task)] == 0.0
    run.give(400)
    run.be_quiet()
    total = sum(value for (name, _), value in scrape(url(run)).items() if name == "streammtl_drift_alarms_total")
    assert total == len(run.engine.alarms) > 0


def test_a_gain_over_no_change_is_positive_where_the_score_is_better(run: Watched) -> None:
    run.give(200)
    run.be_quiet()
    samples, report = scrape(url(run)), run.engine.report()["size"]
    assert report.primary == "r2"
    expected = report.windowed["r2"] - report.no_change_windowed["r2"]
    assert samples[key("streammtl_gain_over_no_change", task="size")] == expected


def test_counters_begin_at_zero_after_a_restart_and_the_stream_goes_on(run: Watched, tmp_path: Path) -> None:
    run.give(100)
    again = watched(tmp_path)
    try:
        again.engine.load(run.engine.state())
        again.be_quiet()
        samples = scrape(url(again))
        assert samples[key("streammtl_records_total")] == 0
        assert samples[key("streammtl_join_total", outcome="matched")] == 0
        assert samples[key("streammtl_unknown_fields_total")] == 0
        assert sum(value for (name, _), value in samples.items() if name == "streammtl_published_total") == 0
        assert samples[key("streammtl_stream_records")] == run.engine.totals["records"] > 0
    finally:
        again.close()


def test_checkpoints_are_told(run: Watched) -> None:
    run.give(100)
    n_records = run.engine.totals["records"]
    run.monitor.observer.saved(Saved(Path("checkpoint-1"), n_records - 10, seconds=0.5, size_bytes=1234))
    run.monitor.observer.save_failed(OSError("disk full"))
    run.be_quiet(seconds=30)
    samples = scrape(url(run))
    assert samples[key("streammtl_checkpoints_total")] == samples[key("streammtl_checkpoint_failures_total")] == 1
    assert samples[key("streammtl_checkpoint_size_bytes")] == 1234
    assert samples[key("streammtl_checkpoint_write_seconds")] == 0.5
    assert samples[key("streammtl_checkpoint_age_seconds")] == 30
    assert samples[key("streammtl_checkpoint_unsaved_records")] == 10


def test_a_histogram_counts_every_turn(run: Watched) -> None:
    run.give(100, turns=5)
    run.be_quiet()
    assert scrape(url(run))[key("streammtl_turn_seconds_count")] == 5


@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text; version=1.0.0"])
def test_the_format_is_the_one_that_is_asked_for(run: Watched, accept: str) -> None:
    run.give(50)
    status, headers, body = get(f"{url(run)}/metrics", accept)
    assert status == 200
    assert headers["Content-Type"].startswith(accept.partition(";")[0])
    assert (b"# EOF" in body) == accept.startswith("application")


def test_promtool_finds_nothing_wrong(run: Watched) -> None:
    promtool = program("promtool", "Debian's package prometheus")
    run.give(120)
    run.be_quiet()
    body = get(f"{url(run)}/metrics")[2]
    done = subprocess.run([promtool, "check", "metrics"], input=body, capture_output=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")
