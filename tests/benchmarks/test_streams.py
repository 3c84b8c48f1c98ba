from pathlib import Path

import pytest

from benchmarks.recorded import FILES
from benchmarks.streams import AS_LATE_AS_REAL, DELAYED, PARTS, load, main, plan_part

HERE = [name for name, path in FILES.items() if path.exists()]

needs_data = pytest.mark.skipif(len(HERE) < len(FILES), reason="the recorded streams are not there")


@needs_data
@pytest.mark.parametrize("part", PARTS)
def test_no_two_runs_of_a_part_are_the_same(part: str) -> None:
    jobs = plan_part(part, HERE, rows=20_000).jobs
    assert len({job.key for job in jobs}) == len(jobs)


@needs_data
def test_labels_come_at_once_unless_the_name_says_otherwise() -> None:
    assert {task.delay_s for task in load(DELAYED, ()).tasks.values()} == {0.0}
    assert min(task.delay_s for task in load(AS_LATE_AS_REAL, ()).tasks.values()) > 0.0


@needs_data
def test_rows_are_those_asked_for_unless_the_part_says_otherwise() -> None:
    assert {job.events for job in plan_part("table", ["elec2"], rows=10).jobs} == {10}
    assert {job.events for job in plan_part("whole", ["elec2"], rows=10).jobs} == {None}


@needs_data
@pytest.mark.slow
def test_a_part_becomes_tables(tmp_path: Path) -> None:
    pytest.importorskip("vl_convert", reason="needs the extra `report`")
    arguments = ["--out", str(tmp_path), "--parts", "optimizers", "--streams", "elec2", "--rows", "200"]
    main([*arguments, "--only", "sgd 0.01, 32"])
    assert "| elec2 | y_up | auc |" in (tmp_path / "optimizers" / "tables.md").read_text(encoding="utf-8")
