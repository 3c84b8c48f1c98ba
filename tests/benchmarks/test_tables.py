import json
from pathlib import Path
from typing import Any

from benchmarks.tables import write_tables


def keep(folder: Path, name: str, r2: float | None, part: str = "table", seed: int = 0) -> None:
    report: dict[str, Any] = {
        "kind": "regression",
        "primary": "r2",
        "scores": {"r2": r2, "mae": 1.0},
        "no_change": {"r2": 0.25, "mae": 0.5},
    }
    job = {"part": part, "stream": "elec2", "name": name, "n_rows": 2000, "seed": seed}
    result = {"job": job, "seconds": 3.0, "events": 2000, "tasks": {"y": report}}
    (folder / f"{part}-{name}-{seed}.json").write_text(json.dumps(result))


def rows(folder: Path) -> list[str]:
    write_tables(folder)
    return (folder / "tables.md").read_text().splitlines()


def test_the_best_of_a_row_is_bold(tmp_path: Path) -> None:
    keep(tmp_path, "streammtl", 0.75)
    keep(tmp_path, "river linear", 0.5)
    found = rows(tmp_path)
    assert "| task | score | no-change | streammtl | river linear |" in found
    assert "| y | r2 | 0.250 | **0.750** | 0.500 |" in found
    assert "| y | mae | **0.500** | 1.000 | 1.000 |" in found


def test_what_ran_away_is_called_diverged(tmp_path: Path) -> None:
    keep(tmp_path, "river linear", -1e9)
    assert "| y | r2 | **0.250** | diverged |" in rows(tmp_path)


def test_a_score_that_is_not_defined_is_not_the_best(tmp_path: Path) -> None:
    keep(tmp_path, "streammtl", None)
    assert "| y | r2 | **0.250** | n/a |" in rows(tmp_path)


def test_settings_are_ranked_by_the_mean_over_seeds(tmp_path: Path) -> None:
    for seed, r2 in enumerate((0.1, 0.9)):
        keep(tmp_path, "equal", r2, "weightings", seed)
    for seed, r2 in enumerate((0.4, 0.4)):
        keep(tmp_path, "famo", r2, "weightings", seed)
    found = rows(tmp_path)
    assert "| equal | 1.0 | 1.0 |" in found
    assert "| famo | 2.0 | 2.0 |" in found
    assert "| elec2 | y | **0.500** | 0.400 |" in found


def test_equal_settings_share_their_rank(tmp_path: Path) -> None:
    keep(tmp_path, "equal", 0.5, "weightings")
    keep(tmp_path, "famo", 0.5, "weightings")
    assert "| equal | 1.5 | 1.5 |" in rows(tmp_path)
