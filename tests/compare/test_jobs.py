from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streammtl.compare.jobs import Job, JobMaker
from streammtl.config import RunConfig
from streammtl.errors import ConfigError, SourceError


def config(source: dict[str, Any], **more: Any) -> RunConfig:
    settings = {"schema": {"features": {"a": "numeric"}}, "tasks": {"y": "regression"}, "source": source, **more}
    return RunConfig.parse(settings, environment={})


def recorded(path: Path, **more: Any) -> RunConfig:
    return config({"kind": "jsonl", "path": str(path)}, **more)


def job(of: RunConfig, *, seed: int = 0, events: int | None = None, peer: dict[str, Any] | None = None) -> Job:
    return JobMaker(events, None).make(of, "s", "v", seed, peer)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data.jsonl"
    path.write_text('{"a": 1, "y": 2}\n')
    return path


def test_the_same_run_has_the_same_name_wherever_its_file_lies(data: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved.jsonl"
    moved.write_bytes(data.read_bytes())
    assert job(recorded(data)).key == job(recorded(moved)).key


def test_a_default_that_is_written_down_changes_nothing(data: Path) -> None:
    assert job(recorded(data)).key == job(recorded(data, weighting={"kind": "equal"})).key


def test_names_and_sinks_change_nothing(data: Path) -> None:
    more = {"name": "other", "sink": {"predictions": {"kind": "jsonl", "path": "p.jsonl"}}}
    assert job(recorded(data)).key == job(recorded(data, **more)).key
    assert "sink" not in job(recorded(data, **more)).settings


def test_what_the_result_depends_on_changes_the_name(data: Path) -> None:
    keys = {
        job(recorded(data)).key,
        job(recorded(data), seed=1).key,
        job(recorded(data), events=5).key,
        job(recorded(data), peer={"kind": "no-change"}).key,
        job(recorded(data, weighting="famo")).key,
    }
    before = job(recorded(data)).key
    data.write_text('{"a": 1, "y": 3}\n')
    assert len({*keys, job(recorded(data)).key}) == 6
    assert job(recorded(data)).key != before


def test_the_settings_of_a_job_are_the_configuration_again(data: Path) -> None:
    tasks = {"y": {"kind": "multiclass", "classes": ["a", "b"]}}
    of = recorded(data, tasks=tasks, drift={"error": None}, model={"kind": "shared_bottom", "hidden": [8]})
    again = RunConfig.parse(job(of, seed=3).settings, environment={})
    assert again.model_dump(exclude={"seed", "source"}) == of.model_dump(exclude={"seed", "source"})
    assert again.seed == 3


def test_each_seed_is_another_world() -> None:
    world = config({"kind": "simulator", "world": {"kind": "fraud", "seed": 9}})
    assert job(world, seed=4, events=50).settings["source"]["world"] == {"kind": "fraud", "seed": 4, "events": 50}


def test_a_log_is_read_to_its_end(data: Path) -> None:
    log = config({"kind": "log", "path": str(data), "topic": "t"})
    assert job(log).settings["source"]["follow"] is False


def test_a_file_is_found_below_the_folder_of_the_data(data: Path, tmp_path: Path) -> None:
    of = config({"kind": "jsonl", "path": "elsewhere/data.jsonl"})
    data.rename(tmp_path / "below.jsonl")
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "below.jsonl").rename(tmp_path / "a" / "b" / "data.jsonl")
    found = JobMaker(None, tmp_path).make(of, "s", "v", 0, None).settings["source"]["path"]
    assert found == str(tmp_path / "a" / "b" / "data.jsonl")


def test_a_file_that_is_nowhere_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"there is no file gone\.jsonl.*--data FOLDER"):
        job(config({"kind": "jsonl", "path": "gone.jsonl"}))
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "gone.jsonl").touch()
    with pytest.raises(SourceError, match="2 of this name"):
        JobMaker(None, tmp_path).make(config({"kind": "jsonl", "path": "gone.jsonl"}), "s", "v", 0, None)


def test_a_stream_that_may_be_another_one_the_next_time_is_refused() -> None:
    of = config({"kind": "kafka", "connection": {"servers": ["localhost:9092"]}, "topic": "t"})
    with pytest.raises(ConfigError, match="records that stay as they are"):
        job(of)
