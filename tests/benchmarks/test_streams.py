from dataclasses import asdict
from pathlib import Path

import yaml

from benchmarks.recorded import FILES, ROOT
from benchmarks.streams import PARTS, TASKS, Job, jobs, run_job


def test_the_tasks_are_those_of_the_examples() -> None:
    for stream in FILES:
        settings = yaml.safe_load((ROOT / "examples" / f"{stream}.yaml").read_text())
        assert TASKS[stream] == tuple(settings["tasks"])


def test_no_two_runs_are_kept_in_the_same_file() -> None:
    every = [job for part in PARTS for stream in TASKS for job in jobs(part, stream, n_rows=20_000)]
    assert len({job.file_name for job in every}) == len(every)


def test_a_run_that_is_kept_is_not_run_again(tmp_path: Path) -> None:
    job = Job("table", "no such stream", "streammtl")
    (tmp_path / job.file_name).write_text("kept")
    assert run_job(job, tmp_path).read_text() == "kept"


def test_a_river_model_knows_one_task() -> None:
    of_river = [job for job in jobs("table", "elec2", n_rows=10) if job.name == "river linear"]
    assert [job.task for job in of_river] == list(TASKS["elec2"])
    assert asdict(of_river[0])["n_rows"] == 10
